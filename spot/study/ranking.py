"""The quality of an order of the sources, judged by the runs that started from each of them.

Judged on validation, as sources are chosen there.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spot.errors import SpotError
from spot.study.records import Cell, Grid, TransferRecord, complete_grid
from spot.study.statistics import Correlation, correlation, holm, ndcg, regret_at_k

Scores = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class TargetQuality:
    """An order of one target's `sources` sources; `ndcg` and `regret` are means over seeds, None where
    nothing is defined.

    `correlation` is of the similarities with the gains, which are means over seeds (Vu et al. 2022,
    section 5.2); None where all of either are equal, or of fewer than three sources. `adjusted_p` is
    Holm's p-value of Pearson's r over all targets that have one.
    """

    target: str
    sources: int
    correlation: Correlation | None
    adjusted_p: float | None
    ndcg: float | None
    regret: dict[int, float | None]


@dataclass(frozen=True)
class RankQuality:
    """Means over targets, and each target's own; None where nothing is defined.

    `pearson` and `spearman` correlate similarity with gain; `ndcg`, and `regret` by k in percent of the
    best score, are those of Lin et al. 2024.
    """

    pearson: float | None
    spearman: float | None
    ndcg: float | None
    regret: dict[int, float | None]
    targets: tuple[TargetQuality, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return asdict(self)


def rank_quality(records: Sequence[TransferRecord], ks: Sequence[int]) -> RankQuality:
    """Judge the order of each target's sources by the similarities in their records.

    Raises SpotError for incomplete records (see `complete_grid`).
    """
    grid = complete_grid(records)
    correlations = {
        target: _defined(correlation, [_seed_means(grid, target)]) for target in grid.targets
    }
    tested = [target for target, found in correlations.items() if found]
    adjusted = holm([correlations[target][0].pearson_p for target in tested])
    adjusted_of = dict(zip(tested, map(float, adjusted), strict=True))
    targets = []
    for target in grid.targets:
        cells = [_similarity_and_score(grid.cells[target, seed]) for seed in grid.seeds]
        targets.append(
            TargetQuality(
                target,
                len(cells[0][0]),
                next(iter(correlations[target]), None),
                adjusted_of.get(target),
                _mean(_defined(ndcg, cells)),
                {k: _mean(_defined(partial(regret_at_k, k=k), cells)) for k in ks},
            )
        )
    return joined_quality(targets, ks)


def joined_quality(targets: Sequence[TargetQuality], ks: Sequence[int]) -> RankQuality:
    """The means over these targets, of those that a number is defined for."""
    found = [each.correlation for each in targets if each.correlation is not None]
    return RankQuality(
        pearson=_mean([each.pearson for each in found]),
        spearman=_mean([each.spearman for each in found]),
        ndcg=_mean([each.ndcg for each in targets if each.ndcg is not None]),
        regret={k: _mean([r for each in targets if (r := each.regret[k]) is not None]) for k in ks},
        targets=tuple(targets),
    )


def _similarity_and_score(cell: Cell) -> tuple[Scores, Scores]:
    """Similarities and validation scores of a target's sources [N] for one seed, nearest first."""
    pairs = [(run.similarity, run.validation) for run in cell.single]
    similarity, score = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return similarity, score


def _seed_means(grid: Grid, target: str) -> tuple[Scores, Scores]:
    """Similarities and validation scores of a target's sources [N], means over seeds.

    The gains are these scores minus one number, so their correlations are the same.
    """
    pairs: dict[str, list[tuple[float, float]]] = {}
    for seed in grid.seeds:
        for run in grid.cells[target, seed].single:
            pairs.setdefault(str(run.source), []).append((run.similarity or 0.0, run.validation))
    means = [np.mean(of_seeds, axis=0) for of_seeds in pairs.values()]
    similarity, score = np.array(means, dtype=np.float64).reshape(-1, 2).T
    return similarity, score


def _defined(
    statistic: Callable[[Scores, Scores], T], pairs: Sequence[tuple[Scores, Scores]]
) -> list[T]:
    """The statistic of every pair that it is defined for: it refuses too few sources, equal values and
    scores below 0; `complete_grid` has refused numbers that are not finite.
    """
    values = []
    for similarity, score in pairs:
        with contextlib.suppress(SpotError):
            values.append(statistic(similarity, score))
    return values


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
