"""Intervals over rows and seeds: by hand, against a slow version, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest

from spot.verdicts.sample import Sample
from tests.verdicts.rows import of_rows


def test_one_seed_has_the_interval_of_its_rows():
    draws = np.arange(1001, dtype=float)[None] / 10
    assert Sample(np.array([50.0]), draws).interval() == pytest.approx((2.5, 97.5))


def test_equal_seeds_add_nothing():
    rows = np.arange(50) < 30
    assert of_rows([rows] * 3).interval() == of_rows([rows]).interval()


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_score_that_no_resample_changes_has_the_exact_interval(seeds):
    """All of n rows right: the share whose nth power is 2.5 %; all wrong: its mirror image."""
    bound = 100 * 0.025 ** (1 / 40)
    assert of_rows([np.ones(40, bool)] * seeds).interval() == pytest.approx((bound, 100))
    assert of_rows([np.zeros(40, bool)] * seeds).interval() == pytest.approx((0, 100 - bound))


def test_a_difference_is_paired_by_row_and_seed():
    right = np.array([np.arange(50) < 30, np.arange(50) < 20])
    sample = of_rows(right)
    assert sample.minus(sample).interval() == (0.0, 0.0)
    assert sample.minus(of_rows(~right)).mean == pytest.approx(0.0)
    assert sample.minus(of_rows(~right[:1])).scores.tolist() == [20.0, 0.0]


def test_rows_without_noise_leave_students_interval_of_the_seeds():
    """Every resample gives the same scores: mean ± t · s / √S (4.303 for three seeds)."""
    scores = np.array([50.0, 56.0, 53.0])
    low, high = Sample(scores, np.repeat(scores[:, None], 40_000, axis=1)).interval()
    half = 4.303 * 3 / 3**0.5
    assert (low, high) == pytest.approx((53 - half, 53 + half), rel=0.03)


def test_against_a_slow_version():
    """Rows drawn in a loop; for every draw the seeds' part from a table of Student's t."""
    rng = np.random.default_rng(5)
    right = rng.random((3, 120)) < [[0.7], [0.6], [0.65]]
    slow = []
    for _ in range(20_000):
        rows = rng.integers(0, 120, 120)
        mean = np.mean([100 * one[rows].mean() for one in right])
        error = np.std(100 * right.mean(axis=1), ddof=1) / 3**0.5
        normal, chi = rng.normal(), (rng.normal(size=2) ** 2).sum() / 2
        slow.append(mean + error * normal / chi**0.5)
    expected = np.quantile(slow, [0.025, 0.975])
    assert of_rows(right, resamples=20_000).interval() == pytest.approx(expected, abs=0.6)


@pytest.mark.parametrize(("rows", "of_seeds"), [(250, 0.0), (250, 0.05), (1000, 0.05)])
def test_the_interval_covers_the_truth(rows, of_seeds):
    """Paired differences of rows with effects of row, of seed and of both: 95 % of 200 intervals hold
    the truth (at least 92.5 %). Seeds that are drawn with replacement would hold it 75 % of the time.
    """
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        effects = 0.05 + rng.normal(0, of_seeds, (3, 1)) + rng.normal(0, 0.4, (1, rows))
        gains = effects + rng.normal(0, 0.3, (3, rows))
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), 300) / rows
        low, high = Sample(gains.mean(axis=1), gains @ weights.T).interval()
        held += low <= 0.05 <= high
    assert held >= 185
