"""What an analysis looks at: one prompt on its model and, for what is scored, rows of its task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.files import check_fit
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.serving.fitting import fitting
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.tokens import Lengths, tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.batches import sample
from spot.training.evaluate import Evaluation, evaluate

if TYPE_CHECKING:
    from spot.models.scoring import Promptlike

MOST_ROWS = 256
"""Rows that an analysis scores where no other number is asked for: it scores a prompt many times."""


@dataclass(frozen=True, eq=False)
class Case:
    """A prompt, and what is known of it.

    start: the same kind of prompt before it was trained, None where it is not known. task: the one that it
    is scored on, with token arrays `rows` of n rows of `split` and token ids of each label word; None
    without a task. seed: of all that is drawn at random. lengths: of the task's texts.
    """

    name: str
    model: Model
    prompt: SoftPrompt
    start: SoftPrompt | None = None
    task: Task | None = None
    split: str = "test"
    rows: TokenizedSplit | None = None
    labels: tuple[tuple[int, ...], ...] = ()
    seed: int = 0
    lengths: Lengths | None = None

    @property
    def soft_rows(self) -> np.ndarray:
        """The rows [P, H] of a prompt that is its rows. Raises SpotError for kinds that are more, or
        other, than rows.
        """
        return rows_of(self.prompt, self.name)

    @property
    def start_rows(self) -> np.ndarray | None:
        """The rows [P, H] of the start; None where it is not known."""
        return None if self.start is None else rows_of(self.start, self.name)

    @property
    def known_task(self) -> Task:
        """The task. Raises SpotError where there is none."""
        return self._with_task()[0]

    @property
    def scored_rows(self) -> TokenizedSplit:
        """The task's rows. Raises SpotError where there is no task."""
        return self._with_task()[1]

    def more_rows(self, split: str, most: int) -> TokenizedSplit:
        """At most so many rows of another split of the task, with texts of the same lengths. Raises
        SpotError where there is no task, and for unusable rows.
        """
        lengths = self.lengths or fitting(self.model, self.known_task, self.prompt, None, None)
        return sample(tokens(self.known_task, split, self.model.vocabulary, lengths), most)

    def evaluate(self, prompt: Promptlike) -> Evaluation:
        """The metrics of another prompt, or of the bare model (None), on the case's rows. Raises SpotError
        where there is no task.
        """
        task, rows = self._with_task()
        return evaluate(self.model, prompt, task, rows, self.labels)

    def score(self, prompt: Promptlike) -> float:
        """The main metric (0 to 100) of `evaluate`."""
        return self.evaluate(prompt).value

    def _with_task(self) -> tuple[Task, TokenizedSplit]:
        if self.task is None or self.rows is None:
            raise SpotError(
                f"expected a task to score {self.name} on, found none: the prompt carries no facts",
                "name the task with --task",
            )
        return self.task, self.rows


def rows_of(prompt: SoftPrompt, name: str) -> np.ndarray:
    """The rows [P, H] of a prompt that is its rows, wherever they stand, or that does the same as rows in
    front of the text. Raises SpotError for the others. name: the prompt's, for the error.
    """
    rows = prompt.rows
    if rows is None:
        raise SpotError(
            f"{name} is of the kind {prompt.kind.name}, whose numbers are not rows as wide as embeddings",
            "choose other parts with --parts, or a prompt that is its rows, as prefix",
        )
    return rows


def with_rows(prompt: SoftPrompt, rows: np.ndarray) -> SoftPrompt:
    """A prompt of the same kind with other rows [P', H], or a plain one where the kind does the same as
    rows in front of the text. Raises as `rows_of`.
    """
    if prompt.kind.is_rows:
        return SoftPrompt.of(prompt.kind, rows)
    rows_of(prompt, "the prompt")
    return as_prompt(np.asarray(rows, np.float32))


def case_of(
    name: str,
    model: Model,
    prompt: SoftPrompt | np.ndarray,
    task: Task | None = None,
    start: SoftPrompt | np.ndarray | None = None,
    *,
    split: str = "test",
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> Case:
    """The case of a prompt and at most so many rows of a split of its task.

    Texts have the lengths that the prompt was trained with. Raises SpotError for a prompt of another model,
    and for unusable rows.
    """
    prompt, start = as_prompt(prompt), None if start is None else as_prompt(start)
    check_fit(prompt, "to analyze", model)
    if start is not None:
        check_fit(start, "that it started from", model)
    if task is None:
        return Case(name, model, prompt, start, seed=seed)
    task = task.on(model)
    lengths = fitting(model, task, prompt, None, None)
    rows = sample(tokens(task, split, model.vocabulary, lengths), most_rows)
    labels = tuple(map(tuple, label_tokens(task, model.vocabulary)))
    return Case(name, model, prompt, start, task, split, rows, labels, seed, lengths)
