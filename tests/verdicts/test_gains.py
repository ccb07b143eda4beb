"""Verdicts on transfers and studies: every sentence, from rows made for it."""

from __future__ import annotations

import numpy as np
import pytest

from spot.verdicts.curves import Point
from spot.verdicts.gains import enough, judge_study, judge_transfer
from spot.verdicts.nearness import judge_nearness
from spot.verdicts.scores import Reference
from tests.verdicts.rows import of_rows

FLAT = [0.1] * 10
FAR = judge_nearness("news", 0.05, FLAT)


def arms(gains, rows=250, level=0.6, seeds=3):
    """Right rows of scratch and of transfer: the shares that transfer adds, by seed."""
    rng = np.random.default_rng(3)
    scratch = np.array([rng.permutation(rows) < level * rows for _ in range(seeds)])
    transfer = scratch.copy()
    for row, gain in zip(transfer, gains, strict=True):
        places = np.flatnonzero(row == (gain < 0))
        row[rng.choice(places, round(abs(gain) * rows), replace=False)] = gain > 0
    return of_rows(scratch), of_rows(transfer)


def guess(rows=250, share=0.3):
    return [Reference('always answering "no"', of_rows([np.arange(rows) < share * rows]))]


def curve(*scores, rows=64):
    return [Point(step, score, rows) for step, score in zip((0, 5, 20, 60), scores, strict=True)]


def bounds(verdict):
    return f"{verdict.numbers['gain_low']:+.1f} to {verdict.numbers['gain_high']:+.1f}"


def test_helped():
    scratch, transfer = arms([0.08, 0.068, 0.064])
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess())
    assert verdict.kind == "helped"
    assert verdict.sentence == (
        f"transfer helped: +7.1 points (95 % interval {bounds(verdict)} over 3 seeds and 250 rows)"
    )
    assert 0 < verdict.numbers["gain_low"] < 7.1 < verdict.numbers["gain_high"]
    assert verdict.numbers["scratch"] == pytest.approx(60)


@pytest.mark.parametrize(
    ("nearness", "why"), [(None, ""), (FAR, ", since no source is near")], ids=["", "far"]
)
def test_hurt(nearness, why):
    scratch, transfer = arms([-0.056, -0.052, -0.052], level=0.7)
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess(), nearness=nearness)
    assert verdict.kind == "hurt"
    assert verdict.sentence == (
        f"transfer hurt: -5.3 points (95 % interval {bounds(verdict)} over 3 seeds and 250 rows){why}: "
        "keep the prompt from scratch"
    )


def test_helped_early_only():
    scratch, transfer = arms([0.004, -0.004, 0.008])
    early = [curve(81, 82, 84, 85), curve(79, 83, 84, 85), curve(80, 81, 84, 85)]
    late = [curve(50, 54, 80, 85), curve(51, 55, 82, 85), curve(49, 53, 81, 85)]
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess(), curves=(early, late))
    assert verdict.kind == "helped early only"
    assert verdict.sentence == (
        f"transfer helped early only: +30.0 points at step 0, +0.3 at the end (95 % interval "
        f"{bounds(verdict)} over 3 seeds and 250 rows)"
    )


def test_a_lead_of_few_rows_is_no_lead():
    scratch, transfer = arms([0.004, -0.004, 0.008])
    early = [curve(60, 62, 64, 85, rows=16)] * 3
    late = [curve(50, 54, 60, 85, rows=16)] * 3
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess(), curves=(early, late))
    assert verdict.kind == "no difference"


def test_no_difference_and_how_many_rows_would_show_it():
    scratch = np.arange(250) < 150
    transfer = scratch.copy()
    transfer[:12], transfer[150:170] = False, True  # 12 rows are lost, 20 are won
    first, second = of_rows([scratch]), of_rows([transfer])
    verdict = judge_transfer("accuracy", 250, first, second, guess())
    assert verdict.kind == "no difference"
    more = enough(second.minus(first), 250)
    needed = 250 * 2.487**2 * (32 / 250 - (8 / 250) ** 2) / 250 / (8 / 250) ** 2
    assert int(more.split()[2]) == pytest.approx(needed, rel=0.15)
    assert verdict.sentence == (
        f"no difference that 1 seed and 250 rows can show: +3.2 points (95 % interval {bounds(verdict)})"
        f"{more}"
    )
    assert more.startswith("; about ") and more.endswith(" rows would do")


def test_seeds_that_differ_by_more_than_the_gain_ask_for_more_seeds():
    scratch, transfer = arms([0.08, -0.06, 0.01])
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess())
    assert verdict.kind == "no difference"
    assert verdict.sentence.endswith("; the seeds differ by more: train more of them")


def test_no_gain_at_all_asks_for_nothing():
    scratch, _ = arms([0.0, 0.0, 0.0])
    assert enough(scratch.minus(scratch), 250) == ""


def test_both_arms_at_chance_come_first():
    scratch, transfer = arms([0.08, 0.08, 0.08], rows=40, level=0.2)
    verdict = judge_transfer("accuracy", 40, scratch, transfer, guess(40, 0.26))
    assert verdict.kind == "at chance"
    assert verdict.sentence == (
        "at chance: accuracy 27.5 by transfer on 40 test rows is not better than always answering "
        f'"no" ({verdict.numbers["chance"]:.1f})'
    )
    assert verdict.numbers["gain"] == pytest.approx(7.5)


def test_tfidf_stands_beside_the_better_arm():
    scratch, transfer = arms([0.08, 0.068, 0.064])
    perfect = of_rows(np.ones((1, 250), bool))
    verdict = judge_transfer("accuracy", 250, scratch, transfer, guess(), perfect)
    assert "; TF-IDF with logistic regression is better: 100.0 (by +32.9 points" in verdict.sentence
    assert verdict.numbers["tfidf"] == 100.0


def study(gain, **more):
    return judge_study("from the best of 3 sources", gain, 10, 3, 60.0, **more)


@pytest.mark.parametrize(
    ("gain", "kind", "sentence"),
    [
        (
            (2.6, 1.0, 4.2),
            "helped",
            "transfer from the best of 3 sources helped: +2.6 points (95 % interval +1.0 to +4.2 over "
            "10 targets and 3 seeds)",
        ),
        (
            (-2.6, -4.2, -1.0),
            "hurt",
            "transfer from the best of 3 sources hurt: -2.6 points (95 % interval -4.2 to -1.0 over "
            "10 targets and 3 seeds): keep the prompts from scratch",
        ),
        (
            (0.4, -1.0, 2.0),
            "no difference",
            "no difference that 10 targets and 3 seeds can show: transfer from the best of 3 sources "
            "+0.4 points (95 % interval -1.0 to +2.0)",
        ),
        (None, "unknown", "nothing was transferred to 10 targets"),
    ],
)
def test_study(gain, kind, sentence):
    verdict = study(gain)
    assert (verdict.kind, verdict.sentence) == (kind, sentence)


def test_study_beside_tfidf():
    assert study((2.6, 1.0, 4.2), tfidf=70.0).sentence.endswith(
        "; TF-IDF with logistic regression is better: 70.0 against 62.6"
    )
    assert study((2.6, 1.0, 4.2), tfidf=50.0).sentence.endswith(
        "; TF-IDF with logistic regression has 50.0, these prompts 62.6"
    )
