"""Verdicts on combinations of prompts: every sentence, from rows made for it."""

from __future__ import annotations

import numpy as np
import pytest

from spot.verdicts.combinations import judge_combination
from spot.verdicts.scores import Reference
from tests.verdicts.rows import of_rows

ROWS = 250


def judged(gain, level=0.6, floor=0.3):
    """The verdict on a combination whose part has this share of right rows, the combination some more."""
    rng = np.random.default_rng(3)
    part = rng.permutation(ROWS) < level * ROWS
    combined = part.copy()
    places = np.flatnonzero(part == (gain < 0))
    combined[rng.choice(places, round(abs(gain) * ROWS), replace=False)] = gain > 0
    constant = Reference('always answering "no"', of_rows([np.arange(ROWS) < floor * ROWS]))
    return judge_combination(
        "accuracy", ROWS, of_rows([combined]), Reference("news", of_rows([part])), [constant]
    )


@pytest.mark.parametrize(
    ("gain", "kind", "sentence"),
    [
        (0.1, "better", "the combination is better than its best part, news: +10.0 points (95 % "),
        (-0.1, "worse", "the combination is worse than its best part, news: -10.0 points (95 % "),
        (
            0.004,
            "no difference",
            "no difference between the combination and its best part, news, that 250 rows can show: +0.4",
        ),
    ],
)
def test_a_combination_is_judged_against_its_best_part(gain, kind, sentence):
    verdict = judged(gain)
    assert verdict.kind == kind and verdict.sentence.startswith(sentence)
    numbers = verdict.numbers
    assert numbers["gain"] == pytest.approx(100 * gain) and numbers["part_score"] == pytest.approx(
        60
    )
    assert numbers["gain_low"] <= numbers["gain"] <= numbers["gain_high"]
    assert verdict.sentence.endswith(": use the part") == (kind == "worse")


def test_chance_comes_first():
    verdict = judged(0.02, level=0.3, floor=0.6)
    assert verdict.kind == "at chance" and "accuracy 32.0 by the combination" in verdict.sentence
    assert "30.0 by news" in judged(-0.02, level=0.3, floor=0.6).sentence
