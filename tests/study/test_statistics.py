"""Statistics against SciPy called directly, exhaustive counts and published examples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot.errors import SpotError
from spot.study.statistics import (
    correlation,
    holm,
    ndcg,
    paired_interval,
    permutation_test,
    regret_at_k,
    relative_error_reduction,
)


def test_interval_over_targets_is_scipys_for_their_means():
    """Three seeds a target: the unit is the target, whose mean holds the noise of its seeds."""
    groups = np.random.default_rng(0).normal(2.0, 1.0, size=(8, 3))
    ours = paired_interval(list(groups), confidence=0.9)
    theirs = stats.ttest_1samp(groups.mean(axis=1), 0).confidence_interval(0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert (ours.mean, ours.confidence) == (pytest.approx(groups.mean()), 0.9)


def test_interval_takes_ragged_seeds_and_one_target():
    ragged = paired_interval([[1.0, 2.0, 3.0], [0.5], [2.0, 2.5]])
    assert ragged.mean == pytest.approx((2.0 + 0.5 + 2.25) / 3)
    seeds = [1.0, 2.0, 4.0]
    alone, theirs = paired_interval([seeds]), stats.ttest_1samp(seeds, 0).confidence_interval()
    assert (alone.low, alone.high) == pytest.approx((theirs.low, theirs.high))
    constant = paired_interval([[3.0, 3.0]])
    assert (constant.low, constant.high) == (3.0, 3.0)


def test_equal_means_of_targets_are_not_certainty():
    """Two targets whose seeds give 0 and 2: the variance of a mean of two seeds is 2 / 2."""
    got = paired_interval([[0.0, 2.0], [2.0, 0.0]])
    half = stats.t.ppf(0.975, 1) * math.sqrt((2 / 2) / 2)
    assert (got.low, got.high) == pytest.approx((1 - half, 1 + half))


def test_one_number_has_no_interval():
    one = paired_interval([[3.0]])
    assert (one.low, one.mean, one.high) == (-math.inf, 3.0, math.inf)
    assert one.signed == "+3.0 (no interval)"
    assert one.to_json() == {"mean": 3.0, "low": None, "high": None, "confidence": 0.95}


def test_permutation_test_equals_counting_all_signs():
    values = np.array([1.0, 2.0, -0.5, 3.0, 0.7])
    sums = [abs(np.dot(signs, values)) for signs in itertools.product((1, -1), repeat=5)]
    expected = np.mean([total >= abs(values.sum()) - 1e-12 for total in sums])
    got = permutation_test(values)
    assert got.p == pytest.approx(expected)
    assert got.mean == pytest.approx(values.mean())
    assert (got.n, got.smallest_p) == (5, 2 / 32)


def test_permutation_test_by_hand():
    assert permutation_test([1.0, 2.0, 3.0]).p == pytest.approx(0.25)
    assert permutation_test([1.0, -1.0]).p == 1.0
    assert permutation_test([4.0]).p == 1.0


def test_permutation_test_of_many_pairs_is_sampled_and_seeded():
    values = np.random.default_rng(0).normal(0.4, 1.0, size=30)
    got = permutation_test(values, seed=3)
    assert got == permutation_test(values, seed=3)
    assert got.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_holm_by_hand():
    # 0.01*4, 0.02*3, 0.03*2 -> 0.06 (monotone), 0.5*1
    np.testing.assert_allclose(holm([0.03, 0.01, 0.5, 0.02]), [0.06, 0.04, 0.5, 0.06])
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_raw_and_bonferroni(values):
    adjusted = holm(values)
    assert (adjusted >= np.array(values)).all()
    assert (adjusted <= np.minimum(1, np.array(values) * len(values)) + 1e-12).all()
    assert (adjusted <= 1).all()
    np.testing.assert_array_equal(holm(values[::-1]), adjusted[::-1])


def test_correlation_against_its_formulas():
    rng = np.random.default_rng(2)
    x = rng.normal(size=20)
    y = x + rng.normal(size=20)
    got = correlation(x, y)
    assert got.pearson == pytest.approx(np.corrcoef(x, y)[0, 1])
    ranks = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert got.spearman == pytest.approx(ranks)
    half = 1.959964 / math.sqrt(20 - 3)  # Fisher: atanh(r) +- z / sqrt(n - 3)
    assert got.low == pytest.approx(math.tanh(math.atanh(got.pearson) - half), abs=1e-6)
    assert got.high == pytest.approx(math.tanh(math.atanh(got.pearson) + half), abs=1e-6)
    t = got.pearson * math.sqrt(18 / (1 - got.pearson**2))
    assert got.pearson_p == pytest.approx(2 * stats.t.sf(abs(t), 18))
    assert got.n == 20


def test_relative_error_reduction():
    # the paper's MNLI -> CB: 92.7 to 97.0 removes 58.9 % of the error
    assert relative_error_reduction(97.0, 92.7) == pytest.approx(0.589, abs=5e-4)
    assert relative_error_reduction(50.0, 75.0) == -1.0
    assert relative_error_reduction(0.9, 0.8, best=1.0) == pytest.approx(0.5)
    assert math.isnan(relative_error_reduction(100.0, 100.0))


def slow_ndcg(predicted, scores, scale):
    def gain(order):
        return sum((2 ** (scores[i] / scale) - 1) / math.log2(r + 2) for r, i in enumerate(order))

    by_guess = sorted(range(len(scores)), key=lambda i: -predicted[i])
    return gain(by_guess) / gain(sorted(range(len(scores)), key=lambda i: -scores[i]))


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(6)), st.lists(st.floats(1, 100), min_size=6, max_size=6))
def test_ndcg_equals_its_definition(ranks, scores):
    got = ndcg(ranks, scores)
    assert got == pytest.approx(slow_ndcg(ranks, scores, 100.0))
    assert 0 < got <= 1 + 1e-12
    assert ndcg(scores, scores) == pytest.approx(1.0)


def test_regret_by_hand():
    predicted, scores = [0.9, 0.8, 0.1], [60.0, 75.0, 80.0]
    assert regret_at_k(predicted, scores, 1) == pytest.approx(25.0)
    assert regret_at_k(predicted, scores, 2) == pytest.approx(6.25)
    assert regret_at_k(predicted, scores, 3) == 0.0
    assert regret_at_k(predicted, scores, 99) == 0.0
    assert regret_at_k([0.5, 0.5], [10.0, 20.0], 1) == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: paired_interval([]), "at least one target, found none"),
        (lambda: paired_interval([[1.0], []]), "target 1 as a list of at least 1"),
        (lambda: paired_interval([[math.nan]]), "target 0 holds NaN"),
        (lambda: paired_interval([[1.0]], confidence=95), "between 0 and 1, found 95"),
        (lambda: permutation_test([]), "at least 1 numbers"),
        (lambda: holm([1.2]), r"in \[0, 1\], found \[1.2\]"),
        (lambda: holm([math.nan]), "found .nan."),
        (lambda: correlation([1, 2], [1, 2]), "at least 3 numbers"),
        (lambda: correlation([1, 1, 1], [1, 2, 3]), "every similarity is 1.0"),
        (lambda: correlation([1, 2, 3], [2, 2, 2]), "every gain is 2.0"),
        (lambda: correlation([1, 2, 3], [1, 2, 3, 4]), "one length, found 3 and 4"),
        (lambda: relative_error_reduction(101, 50), "at most 100.0, found 101"),
        (lambda: ndcg([1, 2], [-1, 5]), "at least 0, found -1"),
        (lambda: regret_at_k([1.0], [1.0], 0), "k of at least 1, found 0"),
        (lambda: regret_at_k([1.0], [0.0], 1), "positive best score, found 0.0"),
    ],
)
def test_errors(call, text):
    with pytest.raises(SpotError, match=text):
        call()
