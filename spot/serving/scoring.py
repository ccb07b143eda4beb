"""Score a prompt, or a task's templates, on the split of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.serving.fitting import fitting
from spot.tasks.task import Task
from spot.tasks.tokens import tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.evaluate import Evaluation, with_intervals
from spot.training.evaluate import evaluate as evaluate_rows
from spot.training.judging import judged


def evaluate(
    model: Model,
    task: Task,
    prompt: SoftPrompt | np.ndarray | None = None,
    split: str = "test",
    *,
    input_length: int | None = None,
    target_length: int | None = None,
) -> Evaluation:
    """Score a prompt on one split of a task, with 95 % intervals over rows and a verdict.

    prompt: None is the bare model, an array [P, H] a plain prompt. lengths: by default those that the
    prompt was trained with. Raises SpotError for unusable rows and a prompt of another model; a prompt
    of other texts is logged.
    """
    task = task.on(model)
    lengths = fitting(model, task, prompt, input_length, target_length)
    rows = tokens(task, split, model.vocabulary, lengths)
    labels = label_tokens(task, model.vocabulary)
    scores = with_intervals(evaluate_rows(model, prompt, task, rows, labels), task, rows)
    return judged(scores, task, split, rows)


@dataclass(frozen=True)
class TemplateSweep:
    """Every template's scores on validation, and the best template's on the requested split."""

    validation: dict[str, Evaluation]
    best: str
    result: Evaluation


def sweep_templates(
    model: Model,
    tasks: Mapping[str, Task],
    prompt: SoftPrompt | np.ndarray | None = None,
    split: str = "test",
    *,
    input_length: int | None = None,
    target_length: int | None = None,
) -> TemplateSweep:
    """Score every template of a task on validation, and the best of them on `split`.

    tasks: one task by the names of its templates; the first of equals wins.
    """

    def score(name: str, split: str) -> Evaluation:
        return evaluate(
            model, tasks[name], prompt, split,
            input_length=input_length, target_length=target_length,
        )  # fmt: skip

    scores = {name: score(name, "validation") for name in tasks}
    best = max(scores, key=lambda name: scores[name].value)
    return TemplateSweep(scores, best, score(best, split))
