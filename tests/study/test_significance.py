"""P-values of a table's methods, against counting all signs and Holm's steps by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spot.study.significance import significance
from spot.study.tables import MethodScores

SCRATCH = np.array([[50.0, 52.0], [60.0, 60.0], [70.0, 71.0], [40.0, 44.0]])


def method(name, gains, k=1):
    """A method whose gain on every target is given for both seeds."""
    return MethodScores(name, k, SCRATCH + np.array(gains, dtype=float))


def counted(means):
    """The share of sign flips whose mean is at least as far from 0."""
    flips = [abs(np.dot(signs, means)) for signs in itertools.product((1, -1), repeat=len(means))]
    return np.mean([flip >= abs(np.sum(means)) - 1e-12 for flip in flips])


def test_each_method_is_tested_over_its_targets_and_adjusted_for_the_others():
    always = method("always", [[1, 3], [2, 2], [4, 2], [1, 1]])
    mixed = method("mixed", [[5, 3], [-1, -1], [2, 4], [1, 1]], k=3)
    none = method("none", [[1, -1], [2, -2], [0, 0], [3, -3]])
    tests = significance([always, mixed, none], SCRATCH)
    assert list(tests) == ["always k=1", "mixed k=3", "none k=1"]
    raw = [counted(means) for means in ([2, 2, 3, 1], [4, -1, 3, 1], [0, 0, 0, 0])]
    assert raw == [0.125, 0.375, 1.0]
    assert [test.p for test in tests.values()] == pytest.approx(raw)
    # 0.125 x 3, 0.375 x 2 and 1 x 1, none below the one before it
    assert [test.adjusted_p for test in tests.values()] == pytest.approx([0.375, 0.75, 1.0])
    assert [test.mean for test in tests.values()] == pytest.approx([2.0, 1.75, 0.0])
    assert {(test.n, test.smallest_p) for test in tests.values()} == {(4, 2 / 16)}


def test_seeds_are_no_evidence_of_their_own():
    """Ten seeds of one target count as one target: no p-value below 1."""
    scratch = np.zeros((1, 10))
    tests = significance([MethodScores("sure", None, scratch + 5)], scratch)
    assert (tests["sure"].p, tests["sure"].n) == (1.0, 1)
