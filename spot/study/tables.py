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
from spot.study.records import Cell, Grid, TransferRecord, complete_grid
from spot.study.statistics import Interval, paired_bootstrap, relative_error_reduction

Choose = Callable[[Cell], TransferRecord]
PAPER_KS = (1, 3, 6, 9, 12, 15)
BEST = "best of top-k"
_TITLES = {
    "average": "top-k weighted average",
    "mixture": "top-k mixture",
    "generic": "generic (mixture) prompt",
}


@dataclass(frozen=True, eq=False)
class MethodScores:
    """Test scores [targets, seeds] of one method; `k` is None for the baseline."""

    method: str
    k: int | None
    test: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The method with its k."""
        return f"{self.method} k={self.k}" if self.k else self.method

    def gain_over(self, baseline: NDArray[np.float64]) -> Interval:
        """The mean difference to other test scores [targets, seeds], with its 95 % interval."""
        return paired_bootstrap((self.test - baseline).tolist())


@dataclass(frozen=True)
class Spread:
    """A mean over targets (and seeds); `spread` = sample standard deviation over seeds or None."""

    mean: float
    spread: float | None


@dataclass(frozen=True)
class Row:
    """One line: `gain` in points, `relative` error reduction in percent, `score` in points."""

    method: str
    k: int | None
    gain: Spread | None
    relative: Spread | None
    score: Spread


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
    methods = [_scores(grid, "no transfer", None, lambda cell: cell.baseline)]
    if oracle and least:
        methods.append(_scores(grid, "oracle", _source_count(grid), _choose_best(None)))
    for k in chosen:
        methods.append(_scores(grid, BEST, k, _choose_best(k)))
    for name, k in grid.combined:
        methods.append(_scores(grid, _TITLES[name], k, _choose_combined(name, k)))
    return grid.targets, grid.seeds, methods


def _choose_best(k: int | None) -> Choose:
    # max keeps the first of equals, so a tie on validation goes to the more similar source
    return lambda cell: max(cell.single[:k], key=lambda run: run.validation)


def _choose_combined(name: str, k: int) -> Choose:
    return lambda cell: cell.combined[name, k]


def _source_count(grid: Grid) -> int:
    return max(len(cell.single) for cell in grid.cells.values())


def _scores(grid: Grid, method: str, k: int | None, choose: Choose) -> MethodScores:
    test = [[_test(choose(grid.cells[t, s])) for s in grid.seeds] for t in grid.targets]
    return MethodScores(method, k, np.array(test, dtype=np.float64))


def _test(run: TransferRecord) -> float:
    if run.test is None:
        raise SpotError(
            f'target "{run.target}", seed {run.seed}: the run from {run.source or run.strategy} is '
            "reported, but has no test score",
            "score all that `reportable` names",
        )
    return run.test


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
    baseline = methods[0].test
    undefined = tuple((targets[t], seeds[s]) for t, s in np.argwhere(baseline >= best))
    rows = [Row(methods[0].method, None, None, None, _spread(baseline))]
    for method in methods[1:]:
        relative = np.vectorize(relative_error_reduction, otypes=[float])(
            method.test, baseline, best=best
        )
        rows.append(
            Row(
                method.method,
                method.k,
                _spread(method.test - baseline),
                _spread(100.0 * relative),
                _spread(method.test),
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
        cells = [row.method, k, _text(row.gain), _text(row.relative), _text(row.score)]
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
    return json.dumps(_without_nan(asdict(table)), indent=2, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
