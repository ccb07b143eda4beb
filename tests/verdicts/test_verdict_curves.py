"""Learning curves as numbers, by hand."""

from __future__ import annotations

import pytest

from spot.verdicts.curves import Lead, Point, early_lead, head_start, mean_curve, steps_to_reach
from spot.verdicts.nearness import judge_nearness
from spot.verdicts.power import rows_needed
from spot.verdicts.verdict import KINDS


def points(rows=64, **scores):
    return [Point(int(step[1:]), score, rows) for step, score in scores.items()]


def test_a_mean_curve_carries_on_a_seed_that_stopped():
    curves = [points(s0=50, s5=60, s10=70), points(s0=52, s5=64)]
    assert mean_curve(curves) == [(0, 51.0), (5, 62.0), (10, 67.0)]


def test_a_seed_counts_from_its_first_check():
    assert mean_curve([points(s0=50, s5=60), points(s5=70)]) == [(0, 50.0), (5, 65.0)]
    assert mean_curve([]) == []


def test_steps_to_reach_is_the_first_step_at_or_above():
    curve = [(0, 50.0), (20, 81.0), (40, 81.8), (60, 80.0)]
    assert steps_to_reach(curve, 81.8) == 40
    assert steps_to_reach(curve, 82.0) is None


@pytest.mark.parametrize(
    ("transfer", "scratch", "sentence"),
    [
        (
            [(0, 81.8), (60, 85.0)],
            [(0, 50.0), (20, 70.0), (40, 82.0), (60, 83.0)],
            "the transferred prompt starts at 81.8; scratch (50.0) needs about 40 steps to get there",
        ),
        (
            [(0, 81.8)],
            [(0, 50.0), (60, 80.0)],
            "the transferred prompt starts at 81.8; scratch does not get there in 60 steps",
        ),
        (
            [(0, 50.0), (60, 85.0)],
            [(0, 52.0), (60, 83.0)],
            "the transferred prompt starts at 50.0, no higher than scratch (52.0)",
        ),
        ([(20, 81.8)], [(0, 50.0), (20, 50.0)], ""),
        ([(0, 81.8)], [(20, 50.0)], ""),
        ([], [(0, 50.0)], ""),
    ],
)
def test_head_start(transfer, scratch, sentence):
    assert head_start(transfer, scratch) == sentence


def test_an_early_lead_is_the_largest_of_the_first_half():
    ours = [points(s0=85, s10=90, s20=88, s40=90), points(s0=85, s10=91, s20=88, s40=90)]
    theirs = [points(s0=50, s10=50, s20=60, s40=60), points(s0=50, s10=51, s20=60, s40=60)]
    assert early_lead(ours, theirs) == Lead(10, 40.0)


def test_the_end_is_no_early_check():
    ours, theirs = [points(s0=50, s40=90)], [points(s0=50, s40=60)]
    assert early_lead(ours, theirs) is None


def test_seeds_that_disagree_are_no_lead():
    ours = [points(rows=10_000, s0=90, s40=90), points(rows=10_000, s0=52, s40=90)]
    theirs = [points(rows=10_000, s0=50, s40=90)] * 2
    assert early_lead(ours, theirs) is None
    assert early_lead(ours[:1], theirs[:1]) == Lead(0, 40.0)


def test_without_checks_there_is_no_lead():
    assert early_lead([], []) is None
    assert early_lead([[]], [[]]) is None


def test_rows_needed_is_the_normal_approximation():
    """d = 5 points, error 5 on 100 rows: 2.487² = 6.19 times the rows."""
    assert rows_needed(5.0, 5.0, 100) == 620
    assert rows_needed(-5.0, 5.0, 100) == 620
    assert rows_needed(50.0, 5.0, 100) == 100
    assert rows_needed(0.0, 5.0, 100) is None


UNRELATED = [0.30, 0.32, 0.35, 0.38, 0.40, 0.41, 0.43, 0.44, 0.45, 0.50, 0.60]


@pytest.mark.parametrize(
    ("score", "unrelated", "kind", "sentence"),
    [
        (
            0.85,
            UNRELATED,
            "near",
            "a source is near: news, average similarity 0.850; unrelated tasks of this bank reach 0.500",
        ),
        (
            0.45,
            UNRELATED,
            "not near",
            "no source is near: news comes first with average similarity 0.450, and unrelated tasks of "
            "this bank reach 0.500",
        ),
        (
            0.85,
            UNRELATED[:3],
            "unknown",
            "whether news is near cannot be told: the bank has 3 tasks with sources of other families, "
            "5 are needed",
        ),
    ],
)
def test_nearness(score, unrelated, kind, sentence):
    verdict = judge_nearness("news", score, unrelated)
    assert (verdict.kind, verdict.sentence) == (kind, sentence)
    assert verdict.kind in KINDS
