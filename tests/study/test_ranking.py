"""The quality of an order of the sources, against slow versions of its definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot.errors import SpotError
from spot.study.ranking import RankQuality, TargetQuality, rank_quality
from spot.study.records import TransferRecord


def records(scores, similarities, scratch=50.0):
    """A run from each source of every target and seed: scores {(target, seed): [N validations]},
    similarities {target: [N]}; test scores are told apart from them, for none is used.
    """
    runs = []
    for (target, seed), validations in scores.items():
        runs.append(TransferRecord(target, seed, None, None, None, scratch + seed, 1.0, "none"))
        for number, (score, near) in enumerate(zip(validations, similarities[target], strict=True)):
            source = f"s{number}"
            runs.append(TransferRecord(target, seed, source, source, near, score, 2.0, "oracle"))
    return runs


def slow_ndcg(similarity, scores):
    def gain(order):
        return sum((2 ** (scores[i] / 100) - 1) / math.log2(r + 2) for r, i in enumerate(order))

    nearest = sorted(range(len(scores)), key=lambda i: -similarity[i])
    return gain(nearest) / gain(sorted(range(len(scores)), key=lambda i: -scores[i]))


def slow_regret(similarity, scores, k):
    nearest = sorted(range(len(scores)), key=lambda i: -similarity[i])[:k]
    return 100 * (max(scores) - max(scores[i] for i in nearest)) / max(scores)


def test_by_hand():
    scores = {("a", 0): [60.0, 75.0, 80.0], ("b", 0): [80.0, 60.0, 40.0]}
    quality = rank_quality(records(scores, {"a": [0.9, 0.8, 0.1], "b": [0.9, 0.8, 0.1]}), (1, 3))
    assert quality.regret == {1: pytest.approx((25 + 0) / 2), 3: 0.0}
    assert quality.spearman == pytest.approx((-1 + 1) / 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_means_over_targets_and_seeds_equal_the_slow_version(seed):
    rng = np.random.default_rng(seed)
    near = {target: rng.permutation(5) / 10 - 0.2 for target in "ab"}
    scores = {(target, s): rng.uniform(1, 100, size=5) for target in "ab" for s in (0, 1, 2)}
    quality = rank_quality(records(scores, near), (1, 3))
    cells = [(near[target], list(values)) for (target, _), values in scores.items()]
    assert quality.ndcg == pytest.approx(np.mean([slow_ndcg(*cell) for cell in cells]))
    for k in (1, 3):
        slow = np.mean([slow_regret(*cell, k) for cell in cells])
        assert quality.regret[k] == pytest.approx(slow)
    gains = {target: np.mean([scores[target, s] for s in (0, 1, 2)], axis=0) for target in "ab"}
    linear = [np.corrcoef(near[target], gains[target])[0, 1] for target in "ab"]
    ranks = [stats.rankdata(near[t]) @ stats.rankdata(gains[t]) for t in "ab"]
    assert quality.pearson == pytest.approx(np.mean(linear))
    # for ranks without ties: 1 - 6 sum(d^2) / (n (n^2 - 1)), with sum(d^2) = 2 (55 - sum of products)
    assert quality.spearman == pytest.approx(np.mean([1 - 12 * (55 - r) / 120 for r in ranks]))


def test_an_undefined_statistic_is_none_or_left_out_of_the_mean():
    two = rank_quality(records({("a", 0): [60.0, 70.0]}, {"a": [0.5, 0.4]}), (1,))
    assert (two.pearson, two.spearman) == (None, None)  # of two pairs there is no correlation
    assert two.regret[1] == pytest.approx(100 / 7)
    alone = rank_quality(records({("a", 0): [60.0]}, {"a": [0.5]}), (1,))
    of_target = TargetQuality("a", 1, None, None, None, {1: 0.0})
    assert alone == RankQuality(None, None, None, {1: 0.0}, (of_target,))
    # Matthews' correlation may be negative: no relevance is; the other target is still judged.
    scores = {("a", 0): [-5.0, -1.0, -2.0], ("b", 0): [10.0, 20.0, 30.0]}
    near = {"a": [0.3, 0.2, 0.1], "b": [0.1, 0.2, 0.3]}
    mixed = rank_quality(records(scores, near), (1,))
    assert (mixed.ndcg, mixed.regret[1]) == (pytest.approx(1.0), 0.0)
    assert mixed.spearman == pytest.approx((-0.5 + 1) / 2)
    flat = rank_quality(records({("a", 0): [60.0, 70.0, 80.0]}, {"a": [0.5, 0.5, 0.5]}), (1,))
    assert (flat.pearson, flat.regret[1]) == (None, pytest.approx(25.0))


def test_a_missing_run_or_score_is_refused():
    runs = records({("a", 0): [60.0, 70.0], ("a", 1): [60.0, 70.0]}, {"a": [0.5, 0.4]})
    with pytest.raises(SpotError, match='missing: target "a", seed 1: the run from "s1"'):
        rank_quality(runs[:-1], (1,))
    broken = [*runs[:-1], replace(runs[-1], validation=math.nan)]
    with pytest.raises(SpotError, match="the validation score is nan"):
        rank_quality(broken, (1,))
