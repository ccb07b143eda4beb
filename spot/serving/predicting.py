"""Use a prompt on texts and rows: a label with probabilities, or generated text."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.facts import describes_task, task_of
from spot.prompts.prompt import SoftPrompt
from spot.serving.ensemble import (
    WAYS,
    Ensemble,
    by_numbers,
    by_texts,
    check_one_task,
    comparing,
    is_regression,
    log_probabilities,
)
from spot.serving.fitting import fitting
from spot.serving.prompt_set import PromptSet, tiled
from spot.settings import shown
from spot.tasks.examples import Ragged
from spot.tasks.files import Row
from spot.tasks.shots import with_few_shot
from spot.tasks.task import Task
from spot.tasks.tokens import Lengths, token_count
from spot.tasks.vocabulary import label_tokens

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """The answer to a text of a prompt, or of an ensemble.

    `text` is the text as it was given, or that of a row by the task's template. `probabilities` are by
    label word and `margin` is the answer's less that of the next word: {} and None for generation. A
    vote may overrule the mean of the probabilities; its margin is below 0 then.

    Of an ensemble, `votes` counts the members by their answer, `agreement` is the share of their
    weights that is for the answer, and `members` are their own answers, in order.
    """

    text: str
    answer: str
    probabilities: dict[str, float]
    margin: float | None = None
    votes: dict[str, int] = field(default_factory=dict)
    agreement: float | None = None
    members: tuple[str, ...] = ()


Answering = SoftPrompt | np.ndarray | Ensemble | None
"""What answers: a prompt, an array [P, H] as a plain one, an ensemble, or None for the bare model."""


def predict(
    model: Model,
    task: Task | None,
    prompt: Answering,
    texts: Iterable[str | Mapping[str, object] | Row],
    *,
    input_length: int | None = None,
    target_length: int | None = None,
    calibrate: bool = False,
) -> list[Prediction]:
    """Predict the answer to each raw text or row of the task.

    task: None is the one that the prompt's facts describe. prompt: None is the bare model, an array
    [P, H] a plain prompt, an `Ensemble` several that answer together. A row is a mapping with the task's
    `columns`, a text the value of its only column; the task's template is applied, and listed label
    words, a text prompt and examples of the task are put in front, as in training. lengths: in tokens,
    by default those that the prompt was trained with. Probabilities are a softmax over the label words'
    log-likelihoods; `calibrate` subtracts the prior from these first, see `Predictor.prior`.

    Raises SpotError for no or an empty text, a row without one of the columns, a text for a task of
    several columns, a prompt of another model, and prompts of different tasks; a prompt of other texts
    is logged.
    """
    predictor = Predictor(
        model, task, prompt,
        input_length=input_length, target_length=target_length, calibrate=calibrate,
    )  # fmt: skip
    given = list(texts)
    if not given:
        raise SpotError(
            "expected texts to predict, found none", "give --text, lines on stdin, or --in FILE"
        )
    rendered = list(row_texts(predictor.task, given))
    answers = predictor.answers(rendered)
    predictor.report_cut()
    return [
        replace(answer, text=each) if isinstance(each, str) else answer
        for each, answer in zip(given, answers, strict=True)
    ]


class Predictor:
    """A prompt or an ensemble of M prompts on a model, ready for texts of its task as the template
    writes them.
    """

    def __init__(
        self,
        model: Model,
        task: Task | None,
        prompt: Answering,
        *,
        input_length: int | None = None,
        target_length: int | None = None,
        calibrate: bool = False,
    ) -> None:
        """Raises SpotError for a prompt of another model, for no task of its own or given, for prompts of
        different tasks where none is given, of different lengths where these are not given, and for
        generated answers that are to be calibrated or combined by their scores.
        """
        self.model, self.calibrate = model, calibrate
        self.ensemble = prompt if isinstance(prompt, Ensemble) else None
        self.prompts: tuple[SoftPrompt | np.ndarray | None, ...] = (
            prompt.prompts if isinstance(prompt, Ensemble) else (prompt,)
        )
        if task is None:
            check_one_task(self.prompts)
            task = described_task(self.prompts)
        self.task = task.on(model)
        self._check_ways()
        self.lengths = self._common_lengths(input_length, target_length)
        vocabulary = model.vocabulary
        length = token_count(vocabulary)
        self._complete = with_few_shot(self.task, length, self.lengths.inputs).complete
        self.labels = label_tokens(self.task, vocabulary)
        self.texts = self.cut = 0

    def answers(self, texts: Sequence[str]) -> list[Prediction]:
        """The answer to each text, in order."""
        inputs = self.rows(texts)
        if self.task.scoring == "generate":
            return self.generated(texts, self._written(inputs))
        return self.ranked(texts, self._scores(inputs))

    def rows(self, texts: Sequence[str]) -> Ragged:
        """The texts as token ids, as in training, cut to the input length; `texts` and `cut` count them."""
        vocabulary, limit = self.model.vocabulary, self.lengths.inputs
        encoded = [vocabulary.encode(self._complete(text)) for text in texts]
        self.texts += len(texts)
        self.cut += sum(len(vocabulary.as_input(ids)) > limit for ids in encoded)
        return Ragged.of([vocabulary.as_input(ids, limit) for ids in encoded])

    def ranked(self, texts: Sequence[str], scores: np.ndarray) -> list[Prediction]:
        """The answer to each text from the members' log-likelihoods of the label words, [M, N, C], which
        are calibrated here.
        """
        scores = np.asarray(scores, np.float64)
        if self.calibrate:
            scores = scores - self.prior[:, None]
        words = self.task.labels
        classes, probabilities = WAYS[self._way](scores, self._shares)
        first = scores.argmax(axis=2).T  # [N, M]
        predictions = []
        for text, best, row, own in zip(texts, classes, probabilities, first, strict=True):
            shares = dict(zip(words, map(float, row), strict=True))
            margin = row[best] - max(np.delete(row, best), default=0.0)
            prediction = Prediction(text, words[best], shares, float(margin))
            if self.ensemble is not None:
                counts = np.bincount(own, minlength=len(words))
                votes = {words[place]: int(counts[place]) for place in np.flatnonzero(counts)}
                agreement = float(self._shares[own == best].sum())
                members = tuple(words[place] for place in own)
                prediction = replace(prediction, votes=votes, agreement=agreement, members=members)
            predictions.append(prediction)
        return predictions

    def generated(self, texts: Sequence[str], written: Sequence[Sequence[str]]) -> list[Prediction]:
        """The answer to each text from what the members wrote, [M][N]."""
        if self.ensemble is None:
            return [
                Prediction(text, answer, {}) for text, answer in zip(texts, *written, strict=True)
            ]
        predictions = []
        for text, members in zip(texts, zip(*written, strict=True), strict=True):
            if is_regression(self.task.metrics):
                combined = by_numbers(members, self._shares)
            else:
                combined = by_texts(members, self._shares, comparing(self.task.metrics))
            answer, votes, agreement = combined
            predictions.append(Prediction(text, answer, {}, None, votes, agreement, members))
        return predictions

    @cached_property
    def prior(self) -> np.ndarray:
        """Log-probability of the label words where the text says nothing, float64 [M, C], a member each.

        The log of the mean probability over texts without content in the template: "N/A", "[MASK]" and
        nothing (contextual calibration, Zhao et al. 2021, section 5). Subtracted from log-likelihoods, it
        divides the probabilities by the prior's. Raises SpotError for a template that takes no such texts.
        """
        from scipy.special import logsumexp

        vocabulary, limit = self.model.vocabulary, self.lengths.inputs
        texts = (vocabulary.encode(self._complete(text)) for text in content_free(self.task))
        rows = [ids for ids in (vocabulary.as_input(each, limit) for each in texts) if len(ids)]
        logs = log_probabilities(self._scores(Ragged.of(rows)))  # [M, texts, C]
        prior: np.ndarray = logsumexp(logs, axis=1) - np.log(len(rows))
        return prior

    def report_cut(self) -> None:
        """Log how many of the texts so far were too long."""
        if self.cut:
            _log.warning(
                "%d of %d texts were cut to %d tokens (data.input_length)",
                *(self.cut, self.texts, self.lengths.inputs),
            )

    @property
    def _way(self) -> str:
        """The way in which the members are combined; a single one's scores are its own."""
        return self.ensemble.combine if self.ensemble is not None else "score"

    @cached_property
    def _shares(self) -> np.ndarray:
        return self.ensemble.shares if self.ensemble is not None else np.ones(1)

    def _scores(self, inputs: Ragged) -> np.ndarray:
        """Log-likelihood of the label words of each member, float32 [M, N, C]."""
        if len(self.prompts) == 1:
            return self.model.score(inputs, self.labels, self.prompts[0])[None]
        owner, tiled = self._tiled(inputs)
        scores = self._members.score(owner, tiled, [self.labels] * len(owner))
        return np.stack(scores).reshape(len(self.prompts), len(inputs), -1)

    def _written(self, inputs: Ragged) -> list[list[str]]:
        """What each member writes, [M][N]."""
        length, count = self.lengths.targets, len(inputs)
        if len(self.prompts) == 1:
            return [self.model.generate(inputs, length, self.prompts[0])]
        owner, tiled = self._tiled(inputs)
        texts = self._members.generate(owner, tiled, [length] * len(owner))
        return [texts[start : start + count] for start in range(0, len(texts), count)]

    def _tiled(self, inputs: Ragged) -> tuple[list[int], Ragged]:
        """The rows once for each member, M * N of them, and whose each is."""
        owner, rows = tiled(range(len(self.prompts)), inputs)
        return owner, Ragged.of(rows)

    @cached_property
    def _members(self) -> PromptSet:
        """The members side by side, so that rows behind all of them share a forward pass."""
        return PromptSet(self.model, self.prompts)

    def _check_ways(self) -> None:
        """Raises SpotError for what generated answers, which have no scores, cannot be."""
        if self.task.scoring == "rank":
            return
        found = f'found the task "{self.task.name}", whose answers are generated'
        if self.calibrate:
            raise SpotError(f"expected label words to calibrate, {found}", "leave calibration out")
        if self._way == "score" and self.ensemble is not None:
            raise SpotError(
                f"expected label words whose scores can be averaged, {found}",
                "combine them by vote",
            )

    def _common_lengths(self, input_length: int | None, target_length: int | None) -> Lengths:
        """The lengths that all members were trained with, or that are given."""
        each = [
            fitting(self.model, self.task, prompt, input_length, target_length)
            for prompt in self.prompts
        ]
        for number, lengths in enumerate(each[1:], start=2):
            if lengths != each[0]:
                raise SpotError(
                    "expected prompts that were trained with the same lengths of texts, found "
                    f"{each[0].inputs} and {each[0].targets} tokens for prompt 1, {lengths.inputs} and "
                    f"{lengths.targets} for prompt {number}",
                    "set data.input_length and data.target_length",
                )
        return each[0]


def described_task(prompts: Sequence[SoftPrompt | np.ndarray | None]) -> Task:
    """The task that the facts of the first prompt that has such describe. Raises SpotError where none do."""
    for prompt in prompts:
        facts = prompt.facts if isinstance(prompt, SoftPrompt) else None
        if facts is not None and describes_task(facts):
            return task_of(facts, "the prompt")
    raise SpotError(
        "expected a task, or a prompt whose facts describe one, found neither",
        "name the task; prompts that are written as .safetensors carry their facts",
    )


CONTENT_FREE = ("N/A", "[MASK]", "")
"""Texts that say nothing, as in Zhao et al. 2021, section 5."""

PLACE = "\ue000"  # of private use, so that no template has it


def content_free(task: Task) -> list[str]:
    """Each of CONTENT_FREE as the task's template writes it, in the place of every column.

    Raises SpotError for a template that makes no text of one text a column.
    """
    if task.render is None:
        return list(CONTENT_FREE)
    row = Row(Path("a text without content"), 1, dict.fromkeys(task.columns, PLACE), "text")
    try:
        text = task.render(
            row
        )  # with a mark that becomes "", for rows with an empty text are refused
    except SpotError as error:
        raise SpotError(
            f'task "{task.name}": expected a template whose columns are texts, to calibrate with a '
            f"text that says nothing, found: {error.message}",
            "leave calibration out",
        ) from error
    return [text.replace(PLACE, each) for each in CONTENT_FREE]


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
