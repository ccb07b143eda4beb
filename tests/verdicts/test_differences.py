"""The verdict on a difference: at chance first, then better, worse, or neither."""

from __future__ import annotations

import numpy as np
import pytest

from spot.verdicts.differences import difference_verdict, judge_difference
from spot.verdicts.sample import Sample
from spot.verdicts.scores import Reference
from spot.verdicts.verdict import KINDS


def sample(*shares: float, rows: int = 200, seed: int = 0) -> Sample:
    """Scores of seeds that have these shares of rows right, the first ones of a drawn order."""
    order = np.random.default_rng(seed).permutation(rows)
    right = np.array([order < round(share * rows) for share in shares])
    drawn = np.random.default_rng(1).integers(0, rows, (500, rows))
    draws = np.array([[100 * seed[chosen].mean() for chosen in drawn] for seed in right])
    return Sample(100 * right.mean(1), draws, right)


FLOOR = [Reference('always answering "no"', sample(0.5, seed=5))]


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ((0.9, 0.91, 0.9), (0.7, 0.71, 0.7), "better"),
        ((0.7, 0.71, 0.7), (0.9, 0.91, 0.9), "worse"),
        ((0.8, 0.7, 0.9), (0.79, 0.9, 0.7), "no difference"),
        ((0.5, 0.49, 0.5), (0.48, 0.5, 0.49), "at chance"),
    ],
)
def test_kinds(ours, theirs, kind):
    verdict = judge_difference(
        "accuracy", 200, ("suffix", sample(*ours)), ("prefix", sample(*theirs)), FLOOR
    )
    assert verdict.kind == kind and kind in KINDS
    mean = 100 * (np.mean(ours) - np.mean(theirs))
    assert verdict.numbers["difference"] == pytest.approx(mean)
    low, high = sample(*ours).minus(sample(*theirs)).interval()
    assert (verdict.numbers["difference_low"], verdict.numbers["difference_high"]) == (low, high)
    if kind == "at chance":
        assert verdict.sentence.startswith("at chance: accuracy 49.7 by suffix on 200 test rows")
    else:
        assert (
            f"{mean:+.1f} points" in verdict.sentence and "3 seeds and 200 rows" in verdict.sentence
        )


def test_tfidf_stands_beside_the_sentence():
    ours, theirs = ("suffix", sample(0.9, 0.9)), ("prefix", sample(0.7, 0.7))
    tfidf = sample(0.8, 0.8, seed=3)
    verdict = judge_difference("accuracy", 200, ours, theirs, FLOOR, tfidf)
    assert verdict.sentence.endswith("; TF-IDF with logistic regression has 80.0")
    assert verdict.numbers["tfidf"] == tfidf.mean


def test_sentences():
    evidence = "4 targets and 3 seeds"
    assert difference_verdict("b", "a", (2.0, 1.0, 3.0), evidence).sentence == (
        "b is better than a: +2.0 points (95 % interval +1.0 to +3.0 over 4 targets and 3 seeds)"
    )
    assert difference_verdict("b", "a", (-2.0, -3.0, -1.0), evidence).kind == "worse"
    assert difference_verdict("b", "a", (2.0, -1.0, 5.0), evidence).sentence == (
        "no difference that 4 targets and 3 seeds can show: b +2.0 points over a "
        "(95 % interval -1.0 to +5.0)"
    )
