"""Texts of several tasks in one batch: every answer is that of its own predictor alone."""

from __future__ import annotations

import numpy as np
import pytest

from spot.errors import SpotError
from spot.prompts.files import find_prompt
from spot.serving.ensemble import Ensemble
from spot.serving.mixed import MixedPredictor
from spot.serving.predicting import Predictor, row_texts

pytest_plugins = ("tests.lab",)

TEXTS = ("a red cat is here", "a blue hen is at home", "a green fox is in the old wood")


@pytest.fixture
def predictors(lab, tiny_backbone):
    """Label words of two tasks, one with an ensemble, a calibrated one, and an answer that is written."""
    at = lab.objects()
    place, bird = (find_prompt(name, lab.bank, tiny_backbone) for name in ("place", "bird"))
    longer = np.concatenate([np.asarray(place), np.asarray(bird)])
    together = Ensemble((place, longer, bird), "mean", (2, 1, 1))

    def predictor(task, prompt, **options):
        sizes = {"input_length": 16, "target_length": 8}
        return Predictor(tiny_backbone, at.task(task), prompt, **sizes, **options)

    return [
        predictor("house", place),
        predictor("colour", together),
        predictor("house", bird, calibrate=True),
        predictor("animal", longer),
        predictor("house", None),
    ]


def rendered(predictor, texts=TEXTS):
    return list(row_texts(predictor.task, texts))


def test_answers_are_those_of_each_predictor_alone(tiny_backbone, predictors):
    rows = [
        (number, text)
        for place in range(len(TEXTS))
        for number, predictor in enumerate(predictors)
        for text in rendered(predictor)[place : place + 1]
    ]
    found = MixedPredictor(tiny_backbone, predictors).answers(rows)
    assert [answer.text for answer in found] == [text for _, text in rows]
    for (number, text), answer in zip(rows, found, strict=True):
        (alone,) = predictors[number].answers([text])
        assert (answer.answer, answer.votes, answer.members) == (
            alone.answer,
            alone.votes,
            alone.members,
        )
        assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert answer.margin == (
            None if alone.margin is None else pytest.approx(alone.margin, abs=1e-4)
        )
    shares = [answer.probabilities for answer in found if answer.probabilities]
    assert len({tuple(each.values()) for each in shares}) == len(shares)  # none answers for another


def test_a_prompt_of_several_predictors_is_held_once(tiny_backbone, predictors):
    every = MixedPredictor(tiny_backbone, predictors)
    assert (len(every), every.prompts) == (5, 4)
    assert every.add(predictors[1]) == 5 and every.prompts == 4


def test_label_words_of_all_are_scored_in_one_call(tiny_backbone, predictors, monkeypatch):
    every, calls = MixedPredictor(tiny_backbone, predictors[:2]), []
    score = every._set.score
    monkeypatch.setattr(every._set, "score", lambda *args: calls.append(args) or score(*args))
    every.answers([(0, rendered(predictors[0])[0]), (1, rendered(predictors[1])[1])])
    ((owner, texts, labels),) = calls
    assert len(owner) == len(texts) == len(labels) == 1 + 3


def test_nothing_is_answered_with_nothing(tiny_backbone, predictors):
    assert MixedPredictor(tiny_backbone, predictors).answers([]) == []


def test_a_predictor_of_another_model_is_refused(tiny_backbone, predictors):
    from spot.models.model import load_model

    with pytest.raises(SpotError, match="expected a predictor on spot-nano"):
        MixedPredictor(load_model(), predictors)
