"""What is left of a prompt without some of its rows: without each of them, without all but the most
important, without pieces of them, without any.

Importance is measured on other rows of the task than those that are scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spot.analysis.case import Case, with_rows
from spot.analysis.drops import Drop, drop, judge, nothing_to_lose, scores, together
from spot.analysis.finding import Bars, Finding, Level, Line, Lines, Table
from spot.analysis.hidden import without
from spot.analysis.picked import picked
from spot.errors import SpotError
from spot.prompts.prompt import SoftPrompt
from spot.tasks.metrics import to_class
from spot.training.batches import sample
from spot.training.importance import scale_gradients, strongest
from spot.verdicts.gains import counted
from spot.verdicts.sample import Sample
from spot.verdicts.verdict import Verdict

MOST_ALONE = 40
"""Rows of a prompt that are left out one by one; of more, so many evenly spaced ones by importance."""
MOST_MASKED = 10
"""Of these, as many are hidden from all that sees them, too, so that no other row changes its place."""
IMPORTANCE_ROWS = 64  # of the task, on which importance is measured
PIECES = (
    16  # of a row (Ma et al. 2022, section 4.1), or fewer where its width is no multiple of that
)
SHARES = (25, 50)  # % of the pieces that are removed
ANSWERS = 64  # that are written with and without the prompt
ANSWER_TOKENS = 8
MOST_ANSWERS = 5  # different ones that are listed, of each
RATE = 0.05  # of false discoveries among rows that matter


@dataclass(frozen=True, eq=False)
class Removed:
    """Scores without some rows: `alone` without one row, by row, and `masked`, where it is there and nobody
    sees it; `kept` with so many rows that were chosen first by a rule, by rule and number; `pieces` without
    so many percent of them, by rule and percent.
    """

    importance: np.ndarray
    untouched: Sample
    bare: Sample
    alone: Mapping[int, Sample]
    masked: Mapping[int, Sample]
    kept: Mapping[str, Mapping[int, Sample]]
    pieces: Mapping[tuple[str, int], Sample]

    @property
    def length(self) -> int:
        """P, the rows of the whole prompt."""
        return len(self.importance)


def find(case: Case) -> Finding:
    """The drops without rows, and what is written without any.

    Raises SpotError for kinds that are no rows, where there is no task, and for a task without rows beside
    those that are scored.
    """
    rows = case.soft_rows
    prompt = case.prompt if case.prompt.kind.is_rows else with_rows(case.prompt, rows)
    split = importance_split(case)
    others = case.more_rows(split, IMPORTANCE_ROWS)
    importance = scale_gradients(case.model, prompt, others, 1)[:, 0]
    by_piece = scale_gradients(case.model, prompt, others, pieces_of(rows.shape[1]))
    removed = _remove(case, prompt, importance, by_piece)
    verdict = judge(case, removed.untouched)
    measured = (
        f"scores are of {len(case.scored_rows)} {case.split} rows, drops have their 95 % interval over them; "
        f"importance, the mean |dL/dg| of rows that are scaled by g = 1, is of {len(others)} {split} rows; a "
        "masked row keeps its place and nobody sees it; row 0 is the first"
    )
    written, said = _written(case, prompt)
    notes = [*judged(removed, verdict, len(case.scored_rows)), said]
    tables = (
        _alone_table(removed, measured),
        _kept_table(removed),
        _pieces_table(removed, by_piece),
        written,
    )
    charts = (_kept_chart(removed, verdict), _alone_chart(removed))
    return Finding("removal", "what its rows are worth", tables, charts, tuple(notes))


def importance_split(case: Case) -> str:
    """The split on which importance is measured: the validation rows, or those of training where the
    validation rows are scored. Raises SpotError where the task has no other.
    """
    splits = [each for each in ("validation", "train") if each != case.split]
    for each in splits:
        if each in case.known_task.splits:
            return each
    raise SpotError(
        f'task "{case.known_task.name}": expected rows beside those of {case.split}, to measure importance '
        "on, found none",
        "score another split with --split",
    )


def pieces_of(width: int) -> int:
    """The number of equal pieces of a row of this width: the largest power of two that divides it, at most
    PIECES.

    >>> pieces_of(512), pieces_of(24), pieces_of(9)
    (16, 8, 1)
    """
    pieces = PIECES
    while width % pieces:
        pieces //= 2
    return pieces


def sizes(length: int) -> list[int]:
    """The numbers of rows that are kept: none, powers of two, all; few, for each is another program.

    >>> sizes(20)
    [0, 1, 2, 4, 8, 16, 20]
    """
    return [0, *(2**power for power in range(length.bit_length()) if 2**power < length), length]


def spaced(importance: np.ndarray, most: int) -> list[int]:
    """All places, or so many, evenly spaced by importance, the most and the least important among them.

    >>> spaced(np.array([0.5, 0.1, 0.4, 0.2, 0.3]), 3)
    [0, 1, 4]
    """
    ranked = np.argsort(-importance, kind="stable")
    places = np.linspace(0, len(ranked) - 1, min(most, len(ranked))).round().astype(int)
    return sorted(ranked[places].tolist())


RULES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "most important": strongest,
    "least important": lambda importance, count: strongest(-importance, count),
    "first": lambda importance, count: np.arange(count),
}
"""The rows that are kept first, in order: (importance [P], number) -> places."""


def _remove(
    case: Case, prompt: SoftPrompt, importance: np.ndarray, by_piece: np.ndarray
) -> Removed:
    length = len(importance)
    untouched, bare = scores(case, [prompt]), scores(case, [None])

    def with_places(places: Sequence[int]) -> Sample:
        if len(places) == length:
            return untouched
        return scores(case, [picked(prompt, places)]) if len(places) else bare

    rows, config = np.asarray(prompt), case.model.config
    front = range(prompt.kind.before(length))
    alone = spaced(importance, MOST_ALONE)
    masked = [alone[place] for place in spaced(importance[alone], MOST_MASKED)]
    return Removed(
        importance,
        untouched,
        bare,
        {row: with_places([place for place in range(length) if place != row]) for row in alone},
        {row: scores(case, [without(prompt, config, [row])]) for row in masked if row in front},
        {
            rule: {count: with_places(list(choose(importance, count))) for count in sizes(length)}
            for rule, choose in RULES.items()
        },
        {
            (rule, share): scores(case, [with_rows(prompt, without_pieces(rows, ranked, share))])
            for rule, ranked in (("least important", by_piece), ("most important", -by_piece))
            for share in SHARES
        },
    )


def without_pieces(rows: np.ndarray, importance: np.ndarray, share: float) -> np.ndarray:
    """Rows [P, H] whose pieces of the lowest importance [P, pieces] are 0, so many percent of all."""
    count = round(importance.size * share / 100)
    lowest = np.argsort(importance, axis=None, kind="stable")[:count]
    kept = np.ones(importance.size, np.float32)
    kept[lowest] = 0
    wide = np.repeat(kept.reshape(importance.shape), rows.shape[1] // importance.shape[1], axis=1)
    return rows * wide


def p_value(untouched: Sample, changed: Sample) -> float:
    """The two-sided p-value that two scores differ; of accuracies McNemar's exact test."""
    return min(1.0, 2 * min(untouched.p_above(changed), changed.p_above(untouched)))


def discoveries(removed: Removed) -> list[int]:
    """The rows without which the score is another, with at most RATE of them false (Benjamini and Hochberg
    1995).
    """
    from scipy.stats import false_discovery_control

    values = [p_value(removed.untouched, each) for each in removed.alone.values()]
    adjusted = false_discovery_control(values)
    return [row for row, p in zip(removed.alone, adjusted, strict=True) if p <= RATE]


def judged(removed: Removed, verdict: Verdict, rows: int) -> list[str]:
    """What single rows, the important ones, and all together are worth."""
    cost = drop(removed.untouched, removed.bare)
    whole = f"without the prompt {removed.bare.mean:.1f}: {cost} lost"
    if nothing_to_lose(verdict):
        return [f"{verdict.sentence}: there is nothing that a removal could cost", whole]
    return [
        *_of_single(removed, rows), *_of_masked(removed), *_of_agreement(removed),
        *_of_kept(removed, rows), whole,
    ]  # fmt: skip


def _of_single(removed: Removed, rows: int) -> list[str]:
    drops = {row: drop(removed.untouched, each) for row, each in removed.alone.items()}
    found = discoveries(removed)
    worst = max(drops, key=lambda row: drops[row].points)
    tried = f"{counted(len(drops), 'row')} left out one by one"
    if len(drops) < removed.length:
        tried += f", evenly spaced by importance among {removed.length}"
    if not found:
        return [
            f"of {tried} none can be told to matter on {rows} rows; most is lost without row {worst}: "
            f"{drops[worst]}"
        ]
    notes = []
    for places, one, several in (
        ([row for row in found if drops[row].points > 0], "matters alone", "matter alone"),
        (
            [row for row in found if drops[row].points < 0],
            "hurts: the score is higher without it",
            "hurt: the score is higher without them",
        ),
    ):
        if places:
            places.sort(key=lambda row: -abs(drops[row].points))
            first = f"row {places[0]} most: {drops[places[0]]}"
            notes.append(
                f"of {tried} {len(places)} {one if len(places) == 1 else several} "
                f"({', '.join(map(str, places))}), {first}"
            )
    return notes


def _of_masked(removed: Removed) -> list[str]:
    """Whether a row that is deleted costs more than one that nobody sees, whose place is kept."""
    if not removed.masked:
        return []
    masked = together(removed.masked.values())
    more = drop(masked, together(removed.alone[row] for row in removed.masked))
    begin = (
        f"of {counted(len(removed.masked), 'row')} deleted, or kept in place and seen by nobody,"
    )
    if more.low <= 0 <= more.high:
        return [f"{begin} neither can be told to cost more: deleting {more} more"]
    ahead, cost = ("deleting", more) if more.low > 0 else ("masking", more.negative)
    return [f"{begin} {ahead} costs {cost} more on the average"]


def _of_agreement(removed: Removed) -> list[str]:
    """Whether importance tells what is lost without a row."""
    from scipy.stats import spearmanr

    drops = [drop(removed.untouched, each).points for each in removed.alone.values()]
    values = [removed.importance[row] for row in removed.alone]
    if len(values) < 3 or min(len(set(drops)), len(set(values))) < 2:
        return []
    found = spearmanr(values, drops)
    told = "tells" if found.pvalue <= RATE and found.statistic > 0 else "does not tell"
    return [
        f"importance {told} what is lost without a row: Spearman's correlation {found.statistic:.2f}, "
        f"p {found.pvalue:.2g}"
    ]


def _of_kept(removed: Removed, rows: int) -> list[str]:
    """The fewest important rows that do as well as all, beside as many unimportant ones."""
    important, unimportant = (removed.kept[f"{each} important"] for each in ("most", "least"))
    enough = [count for count in important if not drop(removed.untouched, important[count]).is_loss]
    count = min(enough)
    if count == removed.length:
        return [f"fewer rows, even the most important {sorted(important)[-2]}, lose points"]
    cost = drop(removed.untouched, important[count])
    return [
        f"the {count} most important of {removed.length} rows cannot be told from all on {rows} rows: "
        f"{cost} lost, {drop(removed.untouched, unimportant[count])} with the {count} least important"
    ]


def _alone_table(removed: Removed, note: str) -> Table:
    shares = 100 * removed.importance / (removed.importance.sum() or 1.0)
    masked = {row: drop(removed.untouched, each) for row, each in removed.masked.items()}
    lines = tuple(
        (
            row, float(shares[row]), each.mean, *drop(removed.untouched, each),
            p_value(removed.untouched, each), masked[row].points if row in masked else None,
        )
        for row, each in removed.alone.items()
    )  # fmt: skip
    columns = (
        "without row ", "importance % ", "score ", "drop ", "from ", "to ", "p ", "drop if masked ",
    )  # fmt: skip
    return Table("one row left out", columns, lines, note)


def _kept_table(removed: Removed) -> Table:
    lines = tuple(
        (rule, count, each.mean, *drop(removed.untouched, each))
        for rule, by_count in removed.kept.items()
        for count, each in by_count.items()
    )
    return Table("rows kept", ("rows", "kept ", "score ", "drop ", "from ", "to "), lines)


def _pieces_table(removed: Removed, by_piece: np.ndarray) -> Table:
    lines = tuple(
        (rule, share, each.mean, *drop(removed.untouched, each))
        for (rule, share), each in removed.pieces.items()
    )
    columns = ("pieces", "removed % ", "score ", "drop ", "from ", "to ")
    note = f"pieces: {by_piece.shape[1]} equal parts of every row, set to 0 (Ma et al. 2022, section 3.2)"
    return Table("pieces of rows removed", columns, lines, note)


def _written(case: Case, prompt: SoftPrompt) -> tuple[Table, str]:
    """What the model writes with the prompt and without it: a table of the commonest answers, and how many
    are label words.
    """
    rows, words = sample(case.scored_rows, ANSWERS, case.seed), case.known_task.labels
    answers = [case.model.generate(rows.inputs, ANSWER_TOKENS, each) for each in (prompt, None)]
    counts = [Counter(each) for each in answers]
    listed = dict.fromkeys(text for each in counts for text, _ in each.most_common(MOST_ANSWERS))
    lines = tuple((text or "(nothing)", counts[0][text], counts[1][text]) for text in listed)
    title = f"commonest answers to {len(rows)} {case.split} rows, at most {ANSWER_TOKENS} tokens"
    table = Table(title, ("answer", "with the prompt ", "without it "), lines)
    first = counts[1].most_common(1)[0][0] or "nothing"
    if not words:
        return table, f"without the prompt the commonest answer is: {first}"
    valid = [sum(to_class(text, words) >= 0 for text in each) for each in answers]
    return table, (
        f"of {len(rows)} answers {valid[0]} are label words with the prompt, {valid[1]} without it, where "
        f"the commonest is: {first}"
    )


def _kept_chart(removed: Removed, verdict: Verdict) -> Lines:
    lines = tuple(
        Line(
            f"{rule} rows",
            tuple(map(float, by_count)),
            tuple(each.mean for each in by_count.values()),
        )
        for rule, by_count in removed.kept.items()
    )
    chance = verdict.numbers.get("chance")
    levels = () if chance is None else (Level(str(verdict.numbers["chance_by"]), float(chance)),)
    metric = str(verdict.numbers["metric"])
    return Lines("Scores with some of the rows alone", "rows kept", metric, lines, levels)


def _alone_chart(removed: Removed) -> Bars:
    drops: dict[int, Drop] = {
        row: drop(removed.untouched, each) for row, each in removed.alone.items()
    }
    return Bars(
        "What is lost without one row", "points lost",
        tuple(f"row {row}" for row in drops), tuple(each.points for each in drops.values()),
        tuple(each.low for each in drops.values()), tuple(each.high for each in drops.values()),
    )  # fmt: skip
