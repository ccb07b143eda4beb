"""Verdicts on a score: every sentence, the exact test, and p-values that hold their level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spot.verdicts.sample import Sample
from spot.verdicts.scores import Reference, judge_score
from tests.verdicts.rows import of_rows

TRUTH = np.arange(40) % 4


def constant(rows=40, share=0.25):
    """The right rows of a constant answer."""
    return np.arange(rows) < share * rows


def always(right):
    return Reference('always answering "billing"', of_rows([right]))


def shifted(right, count):
    """As many right rows as given, others than those of the constant answer."""
    rows = np.zeros(len(right), bool)
    rows[np.flatnonzero(~right)[:count]] = True
    return rows


def test_at_chance():
    floor = constant()
    ours = shifted(floor, 11)
    verdict = judge_score("accuracy", 40, of_rows([ours]), [always(floor)])
    assert verdict.kind == "at chance"
    assert verdict.sentence == (
        'at chance: accuracy 27.5 on 40 test rows is not better than always answering "billing" (25.0)'
    )
    assert verdict.numbers["chance"] == 25.0 and verdict.numbers["p"] > 0.3
    assert str(verdict) == verdict.sentence
    assert verdict.to_json() == {
        "kind": "at chance", "sentence": verdict.sentence, "numbers": verdict.numbers,
    }  # fmt: skip


def test_below_the_constant_answer_is_at_chance():
    floor = constant(share=0.5)
    verdict = judge_score("accuracy", 40, of_rows([shifted(floor, 4)]), [always(floor)])
    assert verdict.kind == "at chance" and "rows_needed" not in verdict.numbers


def test_too_few_rows():
    floor = constant(36, 0.25)
    verdict = judge_score("accuracy", 36, of_rows([shifted(floor, 13)]), [always(floor)])
    assert verdict.kind == "too few rows"
    assert verdict.sentence == (
        'too few rows to tell: accuracy 36.1 on 36 test rows, where always answering "billing" has '
        f"25.0; about {verdict.numbers['rows_needed']} rows would do"
    )
    assert 36 < verdict.numbers["rows_needed"] <= 360


def test_above_chance():
    floor = constant(200, 0.25)
    ours = shifted(floor, 150)
    ours[:31] = True
    verdict = judge_score("accuracy", 200, of_rows([ours]), [always(floor)])
    low, high = (verdict.numbers[name] for name in ("low", "high"))
    assert verdict.kind == "above chance"
    assert verdict.sentence == (
        f"above chance: accuracy 90.5 (95 % interval {low:.1f} to {high:.1f}) on 200 test rows, where "
        'always answering "billing" has 25.0'
    )
    assert 84 < low < 87.5 and 93.5 < high < 96


def test_the_better_of_guessing_and_a_constant_answer_counts():
    sample = of_rows([np.arange(40) < 36])
    floors = [always(constant()), Reference("guessing at random", of_rows([constant(share=0.5)]))]
    assert judge_score("macro_f1", 40, sample, floors).sentence.endswith(
        "where guessing at random has 50.0"
    )


def test_a_free_answer_has_a_score_alone():
    verdict = judge_score("squad_f1", 40, of_rows([np.arange(40) < 20]))
    assert verdict.kind == "measured"
    assert verdict.sentence.startswith("squad_f1 50.0 (95 % interval ")
    assert verdict.sentence.endswith(" on 40 test rows")


def test_the_split_the_subject_and_the_note_are_said():
    sentence = judge_score(
        "f1",
        40,
        of_rows([constant()]),
        split="validation",
        subject=" by transfer",
        note="; and so on",
    ).sentence
    assert sentence.startswith("f1 25.0 by transfer (") and sentence.endswith(
        " on 40 validation rows; and so on"
    )


def test_tfidf_that_is_better_is_said_plainly():
    floor, ours = constant(200), np.arange(200) < 160
    verdict = judge_score("accuracy", 200, of_rows([ours]), [always(floor)], of_rows([ours | True]))
    gain, low, high = verdict.numbers["tfidf_gain"]
    assert gain == pytest.approx(20) and 0 < low < 20 < high
    assert verdict.sentence.endswith(
        "; TF-IDF with logistic regression is better: 100.0 (by +20.0 points, 95 % interval "
        f"{low:+.1f} to {high:+.1f})"
    )


def test_tfidf_that_is_not_better_is_named():
    floor, ours = constant(200), np.arange(200) < 160
    near = ours.copy()
    near[160] = True
    for other, score in ((near, "80.5"), (floor, "25.0")):
        sentence = judge_score(
            "accuracy", 200, of_rows([ours]), [always(floor)], of_rows([other])
        ).sentence
        assert sentence.endswith(f"; TF-IDF with logistic regression has {score}")


def test_the_exact_test_is_mcnemars():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random((2, 60)) < [[0.6], [0.4]]
    won, lost = (ours & ~theirs).sum(), (theirs & ~ours).sum()
    slow = sum(stats.binom.pmf(k, won + lost, 0.5) for k in range(won, won + lost + 1))
    assert of_rows([ours]).p_above(of_rows([theirs])) == pytest.approx(slow, rel=1e-9)
    assert of_rows([ours]).p_above(of_rows([ours])) == 1.0


@pytest.mark.parametrize("exact", [True, False])
def test_a_score_at_chance_is_rarely_called_better(exact):
    """At a level of 5 %: of 300 guessers no more than 8 % are called better than chance."""
    rng = np.random.default_rng(2)
    wrong = 0
    for number in range(300):
        ours, theirs = rng.random((2, 80)) < 0.5
        first, second = (of_rows([rows], seed=number) for rows in (ours, theirs))
        if not exact:
            first, second = (Sample(each.scores, each.draws) for each in (first, second))
        wrong += first.p_above(second) <= 0.05
    assert wrong <= 24
