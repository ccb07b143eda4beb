"""The quality of an order of the sources, judged by the runs that started from each of them.

Judged on validation: every run has a validation score, a test score only those that a table reports.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spot.errors import SpotError
from spot.study.records import Cell, Grid, TransferRecord, complete_grid
from spot.study.statistics import correlation, ndcg, regret_at_k

Scores = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class RankQuality:
    """Means over targets, of `ndcg` and `regret` over seeds, too; None where nothing is defined.

    `pearson` and `spearman` correlate the similarities of a target's sources with the gains from them,
    which are means over seeds (Vu et al. 2022, section 5.2). `ndcg`, and `regret` by k in percent of
    the best score, are those of Lin et al. 2024.
    """

    pearson: float | None
    spearman: float | None
    ndcg: float | None
    regret: dict[int, float | None]


def rank_quality(records: Sequence[TransferRecord], ks: Sequence[int]) -> RankQuality:
    """Judge the order of each target's sources by the similarities in their records.

    Raises SpotError for incomplete records (see `complete_grid`).
    """
    grid = complete_grid(records)
    cells = [_similarity_and_score(cell) for cell in grid.cells.values()]
    correlations = _defined(correlation, [_seed_means(grid, target) for target in grid.targets])
    return RankQuality(
        pearson=_mean([each.pearson for each in correlations]),
        spearman=_mean([each.spearman for each in correlations]),
        ndcg=_mean(_defined(ndcg, cells)),
        regret={k: _mean(_defined(partial(regret_at_k, k=k), cells)) for k in ks},
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
