"""Scores of several seeds on the same rows, with what other rows and seeds might have given.

Rows are resampled (percentile bootstrap, Efron and Tibshirani 1993, chapter 13), the same rows for all
seeds and for all that is compared, so that differences are paired. Seeds are few, and three values that
are drawn with replacement give intervals that are too narrow; so their part is drawn from Student's t
of their standard error, on top of each resample of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Scores (0 to 100) of S predictions of the same rows, one a seed.

    scores [S]; draws [S, R] are the scores on R resamples of the rows. `right` [S, N] tells which rows
    are right where the score is their share and no rows belong together, else None.
    """

    scores: Floats
    draws: Floats
    right: NDArray[np.bool_] | None = None

    @property
    def mean(self) -> float:
        """The mean score over seeds."""
        return float(self.scores.mean())

    def minus(self, other: Sample) -> Sample:
        """The differences, paired by row, and by seed unless either has a single prediction."""
        return Sample(self.scores - other.scores, self.draws - other.draws)

    def spread(self) -> Floats:
        """R means that other rows and other seeds might have given [R]; rows alone for one seed."""
        seeds = len(self.scores)
        means: Floats = self.draws.mean(axis=0)
        if seeds < 2:
            return means
        error = float(self.scores.std(ddof=1)) / math.sqrt(seeds)
        return means + error * np.random.default_rng(7).standard_t(seeds - 1, means.size)

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean score over rows and seeds.

        Where all rows are right or all are wrong no resample differs, so it is the exact interval.
        """
        low, high = np.quantile(self.spread(), [0.025, 0.975])
        if low == high and self.right is not None:
            return exact_interval(int(self.right[0].sum()), self.right.shape[1])
        return float(low), float(high)

    def row_error(self) -> float:
        """The standard error of the mean score that comes of the rows alone."""
        return float(self.draws.mean(axis=0).std())

    def error(self) -> float:
        """The standard error of the mean score, of the rows and of the seeds."""
        seeds = len(self.scores)
        of_seeds = float(self.scores.var(ddof=1)) / seeds if seeds > 1 else 0.0
        return math.sqrt(self.row_error() ** 2 + of_seeds)

    def p_above(self, other: Sample) -> float:
        """The one-sided p-value that the mean is not above the other's.

        Exact for two single predictions whose score is the share of right rows (McNemar's test of the
        rows that only one of them has right), else the share of the spread that is not above 0.
        """
        if self.right is not None and other.right is not None and len(self.right) == 1:
            from scipy.stats import binomtest

            ours, theirs = self.right[0], other.right[0]
            won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
            if won + lost == 0:
                return 1.0
            return float(binomtest(won, won + lost, alternative="greater").pvalue)
        spread = self.minus(other).spread()
        return float((1 + (spread <= 0).sum()) / (1 + spread.size))


def exact_interval(right: int, rows: int) -> tuple[float, float]:
    """The exact 95 % interval of a share of right rows, in points (Clopper and Pearson 1934).

    >>> [round(bound, 1) for bound in exact_interval(40, 40)]
    [91.2, 100.0]
    """
    from scipy.stats import binomtest

    share = binomtest(right, rows).proportion_ci(method="exact")
    return 100 * float(share.low), 100 * float(share.high)
