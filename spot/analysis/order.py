"""What the order of a prompt's rows is worth: reversed, shuffled, rotated, with its halves swapped, sorted
by norm.

An order that was never learned cannot be lost, so the same is done to the start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spot.analysis.case import Case
from spot.analysis.drops import Drop, drop, judge, nothing_to_lose, resampled
from spot.analysis.finding import Bars, Cell, Finding, Level, Table
from spot.analysis.picked import picked
from spot.errors import SpotError
from spot.prompts.prompt import SoftPrompt
from spot.verdicts.gains import counted
from spot.verdicts.sample import Sample

SHUFFLES = 10
Order = tuple[int, ...]
"""Which row of the prompt stands at each place."""


def reversed_order(length: int) -> Order:
    """The last row first."""
    return tuple(range(length))[::-1]


def rotated(length: int, by: int) -> Order:
    """Every row moved back by so many places; the last rows come to the front.

    >>> rotated(4, 1)
    (3, 0, 1, 2)
    """
    return tuple((place - by) % length for place in range(length))


def by_norm(rows: np.ndarray) -> Order:
    """The rows [P, H] from the smallest up; of equals the first."""
    return tuple(np.argsort(np.linalg.norm(rows, axis=1), kind="stable").tolist())


def shuffles(length: int, count: int, seed: int) -> list[Order]:
    """At most `count` orders drawn at random, all different and none as it was; fewer of few rows."""
    rng = np.random.default_rng([seed, 41])
    orders: dict[Order, None] = {}
    fewer = min(count, math.factorial(min(length, 20)) - 1)
    while len(orders) < fewer:
        order = tuple(rng.permutation(length).tolist())
        if order != tuple(range(length)):
            orders[order] = None
    return list(orders)


def arrangements(length: int, rows: np.ndarray | None, seed: int) -> dict[str, list[Order]]:
    """The orders that are tried on so many rows, by name; of "shuffle" several. rows: [P, H] where they have
    norms to sort by.
    """
    moves = sorted({1, length // 4, length - 1} - {0, length // 2})
    orders = {
        "reverse": [reversed_order(length)],
        "shuffle": shuffles(length, SHUFFLES, seed),
        "halves swapped": [rotated(length, length // 2)],
        **{f"rotate by {by}": [rotated(length, by)] for by in moves},
    }
    return orders if rows is None else orders | {"sort by norm": [by_norm(rows)]}


@dataclass(frozen=True, eq=False)
class Tried:
    """The scores of a prompt as it is and in other orders by name, with the share of answers (0 to 100) that
    an order changes.
    """

    name: str
    untouched: Sample
    others: Mapping[str, Sample]
    changed: Mapping[str, float]

    def drop(self, order: str) -> Drop:
        """What an order costs; of shuffles their mean."""
        return drop(self.untouched, self.others[order])

    def lines(self) -> list[tuple[Cell, ...]]:
        """The lines of the table."""
        first = (self.name, "as it is", self.untouched.mean, None, None, None, None, None, None)
        return [first, *map(self._line, self.others)]

    def _line(self, order: str) -> tuple[Cell, ...]:
        sample, several = self.others[order], order == "shuffle"
        worst = self.untouched.mean - float(sample.scores.min()) if several else None
        return (
            self.name, written(order, sample), sample.mean, *self.drop(order),
            deviation(sample), worst, self.changed[order],
        )  # fmt: skip


def find(case: Case) -> Finding:
    """The drop of every order against the untouched prompt, for the prompt and for its start.

    Raises SpotError for a prompt of fewer than two rows to order, and where there is no task.
    """
    tried = [_try(case, "prompt", case.prompt)]
    if case.start is not None:
        tried.append(_try(case, "start", case.start))
    columns = (
        "rows of", "order", "score ", "drop ", "from ", "to ", "deviation ", "worst ", "changed % ",
    )  # fmt: skip
    note = (
        f"drop: points lost on {len(case.scored_rows)} {case.split} rows, with its 95 % interval over these "
        "rows, of shuffles over shuffles, too; changed: answers that are others than before"
    )
    lines = tuple(line for each in tried for line in each.lines())
    notes = (*judged(case, tried[0]), *(of_start(case, each) for each in tried[1:]))
    table = Table("orders", columns, lines, note)
    return Finding("order", "what the order of its rows is worth", (table,), (_bars(tried),), notes)


def _try(case: Case, name: str, prompt: SoftPrompt) -> Tried:
    length = prompt.tokens
    if length < 2:
        raise SpotError(
            f"{case.name}: expected at least two rows, whose order can be changed, found {length} of a "
            f"prompt of the kind {prompt.kind.name}",
            "choose other parts with --parts",
        )
    rows = prompt.key if len(prompt.key) == length else None
    untouched = case.evaluate(prompt).predictions
    others, changed = {}, {}
    for order, several in arrangements(length, rows, case.seed).items():
        predictions = [case.evaluate(picked(prompt, each)).predictions for each in several]
        others[order] = resampled(case, predictions)
        unlike = np.array(predictions, object) != np.array(untouched, object)
        changed[order] = 100 * float(np.mean(unlike))
    return Tried(name, resampled(case, [untouched]), others, changed)


def judged(case: Case, tried: Tried) -> list[str]:
    """Whether the order matters, and whether reverse is worse than shuffles."""
    verdict = judge(case, tried.untouched)
    if nothing_to_lose(verdict):
        return [f"{verdict.sentence}: there is nothing that another order could cost"]
    reverse, shuffle = tried.drop("reverse"), tried.drop("shuffle")
    costs = costs_of(tried)
    if reverse.is_loss or shuffle.is_loss:
        notes = [f"{costs}: the order matters"]
    else:
        rows = len(case.scored_rows)
        notes = [f"no drop by reverse or shuffles can be told from 0 on {rows} rows: {costs}"]
    apart = drop(tried.others["shuffle"], tried.others["reverse"])
    if apart.low > 0:
        notes.append(f"reverse is worse than shuffles by {apart}")
    elif apart.high < 0:
        notes.append(f"reverse is better than shuffles by {apart.negative}")
    else:
        notes.append(f"reverse cannot be told from shuffles: it is {apart} below them")
    better = [order for order in tried.others if tried.drop(order).high < 0]
    if better:
        notes.append(f"scores higher than the order that was learned: {', '.join(better)}")
    return notes


def of_start(case: Case, tried: Tried) -> str:
    """What the order of the start is worth: one that was never learned cannot be lost."""
    verdict = judge(case, tried.untouched)
    if nothing_to_lose(verdict):
        return f"the start has nothing to lose: {verdict.sentence}"
    lost = tried.drop("reverse").is_loss or tried.drop("shuffle").is_loss
    told = "matters, too" if lost else "costs nothing that can be told from 0"
    return f"another order of the start {told}: {costs_of(tried)}"


def costs_of(tried: Tried) -> str:
    """The costs of reverse and of shuffles."""
    reverse, shuffle = tried.drop("reverse"), tried.drop("shuffle")
    spread = deviation(tried.others["shuffle"])
    about = "" if spread is None else f" ± {spread:.1f}"
    return (
        f"reverse costs {reverse}, {written('shuffle', tried.others['shuffle'])} "
        f"{shuffle.points:.1f}{about} ({shuffle.low:.1f} to {shuffle.high:.1f})"
    )


def deviation(sample: Sample) -> float | None:
    """The standard deviation over several prompts; None for a single one."""
    return float(sample.scores.std(ddof=1)) if len(sample.scores) > 1 else None


def written(order: str, sample: Sample) -> str:
    """The name of an order in a table."""
    return counted(len(sample.scores), "shuffle") if order == "shuffle" else order


def _bars(tried: Sequence[Tried]) -> Bars:
    """The drop of every order, that of the start behind that of the prompt."""
    bars = [
        (
            written(order, each.others[order]) + (", start" if each.name == "start" else ""),
            each.drop(order),
        )
        for order in tried[0].others
        for each in tried
        if order in each.others
    ]
    drops = [cost for _, cost in bars]
    return Bars(
        "What other orders of its rows cost", "points lost",
        tuple(name for name, _ in bars), tuple(cost.points for cost in drops),
        tuple(cost.low for cost in drops), tuple(cost.high for cost in drops),
        (Level("as it is", 0.0),),
    )  # fmt: skip
