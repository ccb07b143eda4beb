"""Use a prompt on texts: a label with probabilities, or generated text."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.examples import Ragged
from spot.tasks.shots import with_few_shot
from spot.tasks.task import Task
from spot.tasks.tokens import token_count
from spot.tasks.vocabulary import label_tokens
from spot.training.recipe import RowSettings

DEFAULTS = RowSettings()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """A prompt's answer to a text; `probabilities` by label word, {} for generation."""

    text: str
    answer: str
    probabilities: dict[str, float]


def predict(
    model: Model,
    task: Task,
    prompt: SoftPrompt | np.ndarray | None,
    texts: Sequence[str],
    *,
    input_length: int = DEFAULTS.input_length,
    target_length: int = DEFAULTS.target_length,
) -> list[Prediction]:
    """Predict the answer to each text, written as the task's `inputs` are. Listed label words, a text
    prompt and examples of the task are put in front of it, as in training.

    prompt: None is the bare model, an array [P, H] a plain prompt. Probabilities are a softmax over
    the label words' log-likelihoods. Raises SpotError for no or an empty text.
    """
    if not texts or not all(text.strip() for text in texts):
        raise SpotError(
            "expected texts to predict, found none or an empty one", "give --text or lines on stdin"
        )
    vocabulary = model.vocabulary
    task = task.on(model)
    complete = with_few_shot(task, token_count(vocabulary), input_length).complete
    inputs = _encoded([complete(text) for text in texts], model, input_length)
    if task.scoring == "generate":
        answers = model.generate(inputs, target_length, prompt)
        return [Prediction(text, answer, {}) for text, answer in zip(texts, answers, strict=True)]
    scores = model.score(inputs, label_tokens(task, vocabulary), prompt)
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return [
        Prediction(
            text,
            task.labels[int(row.argmax())],
            {word: float(value) for word, value in zip(task.labels, row, strict=True)},
        )
        for text, row in zip(texts, probabilities, strict=True)
    ]


def _encoded(texts: Sequence[str], model: Model, limit: int) -> Ragged:
    """The texts as token ids, cut to the input length with a warning."""
    vocabulary = model.vocabulary
    encoded = [vocabulary.encode(text) for text in texts]
    cut = sum(len(vocabulary.as_input(ids)) > limit for ids in encoded)
    if cut:
        _log.warning(
            "%d of %d texts were cut to %d tokens (data.input_length)", cut, len(texts), limit
        )
    return Ragged.of([vocabulary.as_input(ids, limit) for ids in encoded])
