"""Use a prompt on texts and rows: a label with probabilities, or generated text."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.facts import describes_task, task_of
from spot.prompts.prompt import SoftPrompt
from spot.serving.fitting import fitting
from spot.settings import shown
from spot.tasks.examples import Ragged
from spot.tasks.files import Row
from spot.tasks.shots import with_few_shot
from spot.tasks.task import Task
from spot.tasks.tokens import token_count
from spot.tasks.vocabulary import label_tokens

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """A prompt's answer to a text; `probabilities` by label word, {} for generation.

    `text` is the text as it was given, or that of a row by the task's template.
    """

    text: str
    answer: str
    probabilities: dict[str, float]


def predict(
    model: Model,
    task: Task | None,
    prompt: SoftPrompt | np.ndarray | None,
    texts: Iterable[str | Mapping[str, object] | Row],
    *,
    input_length: int | None = None,
    target_length: int | None = None,
) -> list[Prediction]:
    """Predict the answer to each raw text or row of the task.

    task: None is the one that the prompt's facts describe. prompt: None is the bare model, an array
    [P, H] a plain prompt. A row is a mapping with the task's `columns`, a text the value of its only
    column; the task's template is applied, and listed label words, a text prompt and examples of the
    task are put in front, as in training. lengths: in tokens, by default those that the prompt was
    trained with. Probabilities are a softmax over the label words' log-likelihoods.

    Raises SpotError for no or an empty text, a row without one of the columns, a text for a task of
    several columns, and a prompt of another model; a prompt of other texts is logged.
    """
    predictor = Predictor(
        model, task, prompt, input_length=input_length, target_length=target_length
    )
    given = list(texts)
    if not given:
        raise SpotError(
            "expected texts to predict, found none", "give --text, lines on stdin, or --in FILE"
        )
    rendered = list(row_texts(predictor.task, given))
    answers = predictor.answers(rendered)
    predictor.report_cut()
    return [
        Prediction(each if isinstance(each, str) else text, answer, probabilities)
        for each, text, (answer, probabilities) in zip(given, rendered, answers, strict=True)
    ]


Answer = tuple[str, dict[str, float]]
"""The answer to a text, and the probabilities of the label words, {} for generation."""


class Predictor:
    """A prompt on a model, ready for texts of its task as the template writes them."""

    def __init__(
        self,
        model: Model,
        task: Task | None,
        prompt: SoftPrompt | np.ndarray | None,
        *,
        input_length: int | None = None,
        target_length: int | None = None,
    ) -> None:
        """Raises SpotError for a prompt of another model, and for no task of its own or given."""
        self.model, self.prompt = model, prompt
        self.task = (described_task(prompt) if task is None else task).on(model)
        self.lengths = fitting(model, self.task, prompt, input_length, target_length)
        vocabulary = model.vocabulary
        length = token_count(vocabulary)
        self._complete = with_few_shot(self.task, length, self.lengths.inputs).complete
        self.labels = label_tokens(self.task, vocabulary)
        self.texts = self.cut = 0

    def answers(self, texts: Sequence[str]) -> list[Answer]:
        """The answer to each text, in order."""
        inputs = self._encoded(texts)
        if self.task.scoring == "generate":
            written = self.model.generate(inputs, self.lengths.targets, self.prompt)
            return [(answer, {}) for answer in written]
        scores = self.model.score(inputs, self.labels, self.prompt)
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        words = self.task.labels
        return [
            (words[int(row.argmax())], dict(zip(words, map(float, row), strict=True)))
            for row in probabilities
        ]

    def report_cut(self) -> None:
        """Log how many of the texts so far were too long."""
        if self.cut:
            _log.warning(
                "%d of %d texts were cut to %d tokens (data.input_length)",
                *(self.cut, self.texts, self.lengths.inputs),
            )

    def _encoded(self, texts: Sequence[str]) -> Ragged:
        """The texts as token ids, cut to the input length."""
        vocabulary, limit = self.model.vocabulary, self.lengths.inputs
        encoded = [vocabulary.encode(self._complete(text)) for text in texts]
        self.texts += len(texts)
        self.cut += sum(len(vocabulary.as_input(ids)) > limit for ids in encoded)
        return Ragged.of([vocabulary.as_input(ids, limit) for ids in encoded])


def described_task(prompt: SoftPrompt | np.ndarray | None) -> Task:
    """The task that a prompt's facts describe. Raises SpotError where they do not."""
    facts = prompt.facts if isinstance(prompt, SoftPrompt) else None
    if facts is None or not describes_task(facts):
        raise SpotError(
            "expected a task, or a prompt whose facts describe one, found neither",
            "name the task; prompts that are written as .safetensors carry their facts",
        )
    return task_of(facts, "the prompt")


def row_texts(task: Task, rows: Iterable[str | Mapping[str, object] | Row]) -> Iterator[str]:
    """The text of each row by the task's template; texts are values of the task's only column, and
    stay as they are where the task has no template.

    Raises SpotError for a row that lacks a column or has an empty text in one, and for a text where
    there are several columns.
    """
    for number, row in enumerate(rows, start=1):
        if isinstance(row, str):
            yield _value_text(task, row, number)
        elif isinstance(row, Row | Mapping):
            if task.render is None:
                raise SpotError(
                    f'task "{task.name}": expected texts, for it has no template that columns fill, '
                    f"found the row {shown(row.fields if isinstance(row, Row) else row)}",
                    "give every text as the task's own rows have it",
                )
            yield task.render(
                row if isinstance(row, Row) else Row(Path("rows"), number, row, "row")
            )
        else:
            raise SpotError(
                f"expected a text or a mapping from columns to values, found {shown(row)}",
                'for example "my invoice is wrong", or {"title": "Invoice", "body": "It is wrong."}',
            )


def _value_text(task: Task, text: str, number: int) -> str:
    """The text of a row whose only column has this value."""
    if len(task.columns) > 1:
        example = ", ".join(f'"{column}": "…"' for column in task.columns)
        raise SpotError(
            f'task "{task.name}": expected rows with the columns {", ".join(task.columns)}, found the '
            f"text {shown(text)}",
            f"write a row as {{{example}}}; --as-is takes texts as the template writes them",
        )
    column = task.columns[0] if task.columns else "text"
    row = Row(Path("texts"), number, {column: text}, "text")
    return row.text(column) if task.render is None else task.render(row)
