"""Tests of each method's mean gain over scratch, adjusted for the number of methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spot.study.statistics import PermutationTest, holm, permutation_test
from spot.study.tables import MethodScores


@dataclass(frozen=True)
class Significance:
    """The sign-flip test of a method's gains over `n` targets, one mean over seeds each.

    `p` is two-sided, `adjusted_p` is Holm's over all methods of the table, `smallest_p` the smallest
    that n targets can give before the adjustment.
    """

    mean: float
    p: float
    adjusted_p: float
    n: int
    smallest_p: float


def significance(
    methods: Sequence[MethodScores], baseline: NDArray[np.float64]
) -> dict[str, Significance]:
    """Test every method's gain over test scores from scratch [targets, seeds], by its name."""
    tests: list[PermutationTest] = [
        permutation_test(method.differences(baseline).mean(axis=1)) for method in methods
    ]
    adjusted = holm([test.p for test in tests])
    return {
        method.name: Significance(test.mean, test.p, float(p), test.n, test.smallest_p)
        for method, test, p in zip(methods, tests, adjusted, strict=True)
    }
