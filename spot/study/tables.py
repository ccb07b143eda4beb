"""The paper's Table 3 (Vu et al. 2022, arXiv 2110.07904) from finished transfer runs.

Best of top-k and the oracle choose a run on VALIDATION and report its TEST score; the paper chooses
and reports on the same split, which flatters both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spot.errors import SpotError
from spot.study.records import Arm, Cell, Grid, TransferRecord, complete_grid
from spot.study.statistics import Interval, paired_interval, relative_error_reduction

Choose = Callable[[Cell], TransferRecord]
PAPER_KS = (1, 3, 6, 9, 12, 15)
SCRATCH = "no transfer"
ORACLE = "oracle"
BEST = "best of top-k"
_TITLES = {
    "average": "top-k weighted average",
    "average-matched": "top-k weighted average, norms matched",
    "mixture": "top-k mixture",
    "generic": "generic (mixture) prompt",
}


@dataclass(frozen=True, eq=False)
class MethodScores:
    """Test scores [targets, seeds] of one method, NaN for a target that lacks one; `k` is None for the
    baseline.
    """

    method: str
    k: int | None
    test: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The method with its k."""
        return f"{self.method} k={self.k}" if self.k else self.method

    def gain_over(self, baseline: NDArray[np.float64]) -> Interval:
        """The mean difference to other test scores [targets, seeds], with its 95 % interval."""
        return paired_interval(list(self.differences(baseline)))

    def differences(self, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
        """The differences to other test scores [targets, seeds], of the targets that have them."""
        values = self.test - baseline
        return np.asarray(values[~np.isnan(values).any(axis=1)])

    def relative(self, baseline: NDArray[np.float64], best: float = 100.0) -> NDArray[np.float64]:
        """The relative error reductions [targets, seeds] in percent (Vu et al. 2022, section 3.2); NaN
        where nothing is left to reduce. Raises SpotError for scores above `best`.
        """
        pairs = zip(self.test.ravel(), baseline.ravel(), strict=True)
        values = [relative_error_reduction(float(a), float(b), best=best) for a, b in pairs]
        return 100.0 * np.array(values).reshape(self.test.shape)


@dataclass(frozen=True)
class Spread:
    """A mean over targets (and seeds); `spread` = sample standard deviation over seeds or None."""

    mean: float
    spread: float | None


@dataclass(frozen=True)
class Row:
    """One line: `gain` in points, `relative` error reduction in percent, `score` in points; means over
    `targets` targets.
    """

    method: str
    k: int | None
    gain: Spread | None
    relative: Spread | None
    score: Spread
    targets: int


@dataclass(frozen=True)
class TransferTable:
    """Table 3 for these targets and seeds.

    `undefined` lists (target, seed) whose baseline is perfect: they have no relative error
    reduction and are left out of that column alone.
    """

    rows: tuple[Row, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    similarity: str
    undefined: tuple[tuple[str, int], ...]


def method_scores(
    records: Sequence[TransferRecord],
    *,
    ks: Sequence[int] | None = None,
    oracle: bool = True,
    planned: Mapping[str, Collection[str]] | None = None,
) -> tuple[tuple[str, ...], tuple[int, ...], list[MethodScores]]:
    """Targets, seeds and the test scores of every method; the baseline comes first.

    `ks` defaults to the paper's 1, 3, 6, 9, 12, 15 as far as there are sources. `oracle=False` is
    for runs from the top k only, which may be other sources for every seed. `planned` are the
    source ids each target should have been run from (see `complete_grid`). Raises SpotError for
    incomplete records (see `complete_grid`) or a k above the number of sources.
    """
    grid = complete_grid(records, same_sources=oracle, planned=planned)
    least = min(len(cell.single) for cell in grid.cells.values())
    chosen = [k for k in PAPER_KS if k <= least] if ks is None else sorted(set(ks))
    wrong = [k for k in chosen if not 1 <= k <= least]
    if wrong:
        raise SpotError(
            f"expected k between 1 and {least} (runs from one source per target and seed), "
            f"found {', '.join(map(str, wrong))}",
            "choose smaller k or run more sources",
        )
    methods = [scores_of(grid, SCRATCH, None, lambda cell: cell.baseline)]
    if oracle and least:
        methods.append(scores_of(grid, ORACLE, _source_count(grid), _choose_best(None)))
    for k in chosen:
        methods.append(scores_of(grid, BEST, k, _choose_best(k)))
    for arm in grid.combined:
        methods.append(scores_of(grid, title_of(arm, grid.combined), arm[1], _choose_combined(arm)))
    return grid.targets, grid.seeds, methods


def title_of(arm: Arm, arms: Collection[Arm]) -> str:
    """The name of an arm in a table of these, which tells several generic prompts apart."""
    strategy, _, name = arm
    several = len({each for each in arms if each[0] == strategy and each[2]}) > 1
    return f"generic prompt {name}" if several else _TITLES[strategy]


def _choose_best(k: int | None) -> Choose:
    # max keeps the first of equals, so a tie on validation goes to the more similar source
    return lambda cell: max(cell.single[:k], key=lambda run: run.validation)


def _choose_combined(arm: Arm) -> Choose:
    return lambda cell: cell.combined[arm]


def _source_count(grid: Grid) -> int:
    return max(len(cell.single) for cell in grid.cells.values())


def scores_of(grid: Grid, method: str, k: int | None, choose: Choose) -> MethodScores:
    """The test scores of the run that is chosen in every cell."""
    test = [[choose(grid.cells[t, s]).test for s in grid.seeds] for t in grid.targets]
    return MethodScores(method, k, np.array(test, dtype=np.float64))


def transfer_table(
    records: Sequence[TransferRecord],
    *,
    ks: Sequence[int] | None = None,
    similarity: str = "",
    oracle: bool = True,
    planned: Mapping[str, Collection[str]] | None = None,
    best: float = 100.0,
) -> TransferTable:
    """Table 3: every method's gain, relative error reduction and score, means over targets.

    The spread is over seeds: each seed gives one mean over targets. `best` is the perfect score.
    Raises SpotError as `method_scores` does and for scores above `best`.
    """
    targets, seeds, methods = method_scores(records, ks=ks, oracle=oracle, planned=planned)
    return table_of(targets, seeds, methods, similarity, best)


def table_of(
    targets: tuple[str, ...],
    seeds: tuple[int, ...],
    methods: Sequence[MethodScores],
    similarity: str = "",
    best: float = 100.0,
) -> TransferTable:
    """The table of these methods, of which the first is the baseline. Raises SpotError for scores above
    `best`.
    """
    baseline = methods[0].test
    undefined = tuple((targets[t], seeds[s]) for t, s in np.argwhere(baseline >= best))
    rows = [Row(methods[0].method, None, None, None, _spread(baseline), len(targets))]
    for method in methods[1:]:
        gain = method.test - baseline
        rows.append(
            Row(
                method.method,
                method.k,
                _spread(gain),
                _spread(method.relative(baseline, best)),
                _spread(method.test),
                len(method.differences(baseline)),
            )
        )
    return TransferTable(tuple(rows), targets, seeds, similarity, undefined)


def _spread(values: NDArray[np.float64]) -> Spread:
    """Mean over targets then seeds of `values` [targets, seeds]; NaN cells are left out."""
    columns = [column[~np.isnan(column)] for column in values.T]
    means = np.array([column.mean() for column in columns if column.size])
    if not means.size:
        return Spread(float("nan"), None)
    deviation = float(means.std(ddof=1)) if means.size > 1 else None
    return Spread(float(means.mean()), deviation)


def to_markdown(table: TransferTable) -> str:
    """The table as GitHub Markdown, with what the numbers mean below it."""
    lines = [
        "| method | k | gain | relative error reduction % | score |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in table.rows:
        k = "–" if row.k is None else str(row.k)
        few = "" if row.targets == len(table.targets) else f" ({row.targets} targets)"
        cells = [row.method + few, k, _text(row.gain), _text(row.relative), _text(row.score)]
        lines.append("| " + " | ".join(cells) + " |")
    measure = f" Sources ranked by {table.similarity} similarity." if table.similarity else ""
    lines += [
        "",
        f"Mean over {len(table.targets)} targets and {len(table.seeds)} seeds; in brackets the "
        f"standard deviation over seeds. Chosen on validation, reported on test.{measure}",
    ]
    if table.undefined:
        named = ", ".join(f"{target} (seed {seed})" for target, seed in table.undefined)
        lines.append(f"No relative error reduction, the baseline being perfect: {named}.")
    return "\n".join(lines) + "\n"


def _text(value: Spread | None) -> str:
    if value is None or np.isnan(value.mean):
        return "–"
    return f"{value.mean:.1f}" + ("" if value.spread is None else f" ({value.spread:.1f})")


def to_json(table: TransferTable) -> str:
    """The table as JSON text; an undefined number is null."""
    return json.dumps(without_nan(asdict(table)), indent=2, allow_nan=False) + "\n"


def without_nan(value: Any) -> Any:
    """A JSON value with texts as keys, and null for every number that is not finite."""
    if isinstance(value, dict):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
