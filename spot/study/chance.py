"""What every order of the sources must beat: their popularity, and chance.

A benchmark of rankings whose targets agree on the best sources is won by an order that never looks at
the target ("How NOT to benchmark", arXiv 2510.06448), so both stand beside every similarity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spot.study.ranking import RankQuality, TargetQuality, joined_quality
from spot.study.records import Grid, TransferRecord, complete_grid
from spot.study.statistics import ndcg
from spot.study.tables import BEST, MethodScores

POPULARITY = "popularity"
RANDOM = "random"


def popularity(records: Sequence[TransferRecord]) -> dict[str, dict[str, float]]:
    """Each target's sources by id with their mean validation gain over the OTHER targets (leave-one-out),
    a mean over seeds first. A source that no other target has gets the mean of the others; a target
    whose sources no other has is left out.

    Raises SpotError for incomplete records (see `complete_grid`).
    """
    grid = complete_grid(records)
    gains: dict[str, dict[str, float]] = {target: {} for target in grid.targets}
    for target in grid.targets:
        cells = [grid.cells[target, seed] for seed in grid.seeds]
        for source in {str(run.source) for cell in cells for run in cell.single}:
            gains[target][source] = float(
                np.mean(
                    [
                        run.validation - cell.baseline.validation
                        for cell in cells
                        for run in cell.single
                        if run.source == source
                    ]
                )
            )
    orders = {}
    for target, own in gains.items():
        others = [gains[other] for other in grid.targets if other != target]
        seen = {
            source: [each[source] for each in others if source in each] for source in sorted(own)
        }
        known = {source: float(np.mean(values)) for source, values in seen.items() if values}
        if known:
            middle = float(np.mean(list(known.values())))
            orders[target] = {source: known.get(source, middle) for source in seen}
    return orders


def random_scores(records: Sequence[TransferRecord], ks: Sequence[int]) -> dict[int, MethodScores]:
    """The expected test scores of the best on validation among the first k sources, over all orders."""
    grid = complete_grid(records)
    return {
        k: MethodScores(
            BEST,
            k,
            np.array(
                [
                    [_expected(grid, target, seed, k) for seed in grid.seeds]
                    for target in grid.targets
                ]
            ),
        )
        for k in ks
    }


def _expected(grid: Grid, target: str, seed: int, k: int) -> float:
    single = grid.cells[target, seed].single
    return expected_best([run.validation for run in single], [run.test for run in single], k)


def random_quality(records: Sequence[TransferRecord], ks: Sequence[int]) -> RankQuality:
    """The expected quality of an order over all orders: exact, not drawn. The expected correlation is 0;
    that of a single order has no interval, so none is stated.

    Raises SpotError for incomplete records (see `complete_grid`).
    """
    grid = complete_grid(records)
    targets = []
    for target in grid.targets:
        scores = [
            np.array([run.validation for run in grid.cells[target, seed].single])
            for seed in grid.seeds
        ]
        usable = [each for each in scores if len(each) > 1 and each.min() >= 0]
        # Equal predictions share their ranks, so the score is the mean over all orders of them.
        gains = [ndcg(np.zeros(len(each)), each) for each in usable]
        positive = [each for each in scores if len(each) and each.max() > 0]
        regret = {
            k: float(
                np.mean(
                    [100 * (1 - expected_best(each, each, k) / each.max()) for each in positive]
                )
            )
            if positive
            else None
            for k in ks
        }
        quality = float(np.mean(gains)) if gains else None
        targets.append(TargetQuality(target, len(scores[0]), None, None, quality, regret))
    return joined_quality(targets, ks)


def expected_best(validation: ArrayLike, test: ArrayLike, k: int) -> float:
    """The expected `test` [N] of the best on `validation` [N] among k of the sources, drawn without
    replacement; equal validation scores are equally likely to come first. k is cut at N.
    """
    choose, report = np.asarray(validation, np.float64), np.asarray(test, np.float64)
    count = len(choose)
    k = min(k, count)
    total, below = 0.0, count
    for value in np.unique(choose)[::-1]:
        tied: NDArray[np.bool_] = choose == value
        rest = below - int(tied.sum())
        # The best of the k is among the tied: all k are of the remaining, and not all lie below.
        chance = (math.comb(below, k) - math.comb(rest, k)) / math.comb(count, k)
        total += chance * float(report[tied].mean())
        below = rest
    return total
