"""Popularity against sums by hand, and a random order against all orders, one after the other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.study.chance import expected_best, popularity, random_quality, random_scores
from spot.study.records import TransferRecord
from spot.study.statistics import ndcg, regret_at_k


def records(gains, seeds=(0,)):
    """A run of every target from scratch, and from every source with {target: {source: gain}}."""
    rows = []
    for target, of_sources in gains.items():
        for seed in seeds:
            base = 40.0 + 10 * seed
            rows.append(TransferRecord(target, seed, None, None, None, base, base + 1, "none"))
            for source, gain in of_sources.items():
                score = base + gain * (1 + seed)
                rows.append(
                    TransferRecord(target, seed, source, source, 0.5, score, score - 2, "oracle")
                )
    return rows


def first_best(order, choose, report, k):
    """The report of the first of the best on `choose` among the first k of an order."""
    return report[max(order[:k], key=lambda place: choose[place])]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=6),
    st.integers(1, 7),
)
def test_expected_best_is_the_mean_over_all_orders(scores, k):
    choose, report = [list(column) for column in zip(*scores, strict=True)]
    orders = itertools.permutations(range(len(scores)))
    slow = np.mean([first_best(order, choose, report, k) for order in orders])
    assert expected_best(choose, report, k) == pytest.approx(slow)


def test_expected_best_of_all_is_the_best_and_of_one_the_mean():
    assert expected_best([3, 9, 5], [30, 90, 50], 3) == 90
    assert expected_best([3, 9, 5], [30, 90, 50], 1) == pytest.approx(170 / 3)
    # of two of three: {3, 9} and {9, 5} give 90, {3, 5} gives 50
    assert expected_best([3, 9, 5], [30, 90, 50], 2) == pytest.approx((90 + 90 + 50) / 3)


def test_popularity_by_hand():
    gains = {"a": {"p": 1.0, "q": 5.0}, "b": {"p": 3.0, "q": -1.0}, "c": {"p": 2.0, "r": 7.0}}
    orders = popularity(records(gains))
    assert orders["a"] == {"p": pytest.approx((3 + 2) / 2), "q": pytest.approx(-1)}
    assert orders["b"] == {"p": pytest.approx((1 + 2) / 2), "q": pytest.approx(5)}
    # nobody else has r: it stands in the middle of the others
    assert orders["c"] == {"p": pytest.approx((1 + 3) / 2), "r": pytest.approx(2)}
    seeds = popularity(records({"a": {"p": 1.0}, "b": {"p": 3.0}}, seeds=(0, 1)))
    assert seeds == {"a": {"p": pytest.approx(4.5)}, "b": {"p": pytest.approx(1.5)}}


def test_popularity_never_sees_the_target():
    gains = {"a": {"p": 1.0, "q": 5.0}, "b": {"p": 3.0, "q": -1.0}}
    other = gains | {"a": {"p": 90.0, "q": -80.0}}
    assert popularity(records(other))["a"] == popularity(records(gains))["a"]
    assert popularity(records({"a": {"p": 1.0}})) == {}  # one target: nothing to learn from


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_a_random_order_has_the_mean_quality_of_all_orders(seed):
    scores = np.random.default_rng(seed).integers(10, 90, size=4).astype(float)
    rows = records({"a": dict(zip("pqrs", scores - 40, strict=True))})
    quality, tests = random_quality(rows, (1, 2)), random_scores(rows, (1, 2))
    orders = [np.array(order, float) for order in itertools.permutations((4, 3, 2, 1))]
    assert quality.ndcg == pytest.approx(np.mean([ndcg(order, scores) for order in orders]))
    for k in (1, 2):
        slow = np.mean([regret_at_k(order, scores, k) for order in orders])
        assert quality.regret[k] == pytest.approx(slow)
        firsts = [first_best(list(np.argsort(-order)), scores, scores - 2, k) for order in orders]
        assert tests[k].test[0, 0] == pytest.approx(np.mean(firsts))
    assert (quality.pearson, quality.targets[0].correlation) == (None, None)


def test_a_random_order_where_nothing_is_defined():
    rows = records({"a": {"p": -60.0, "q": -70.0}, "b": {"p": 4.0}})
    quality = random_quality(rows, (1,))
    negative, single = quality.targets
    assert (negative.ndcg, negative.regret) == (None, {1: None})
    assert (single.ndcg, single.regret) == (None, {1: 0.0})
    assert (quality.ndcg, quality.regret) == (None, {1: 0.0})
