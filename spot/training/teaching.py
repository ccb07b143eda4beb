"""Scores of label words as a teacher gives them: a prompt, a fine-tuned model, or several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Mixture, Task
from spot.training.recipe import Recipe
from spot.training.runs import Runs, model_facts, prompt_digest, split_digest
from spot.training.source import source_of

if TYPE_CHECKING:
    from spot.models.scoring import Normalisation


@dataclass(frozen=True, eq=False)
class Teacher:
    """Whose scores a student learns from: a model behind a prompt, or without one, as `spot tune` leaves it.

    Its model may be another one than the student's: only the classes must be the same.
    """

    name: str
    model: Model
    prompt: SoftPrompt | None = None

    def scores(
        self,
        rows: TokenizedSplit,
        labels: Sequence[Sequence[int]],
        normalisation: Normalisation,
        runs: Runs,
    ) -> np.ndarray:
        """Scores [N, C] of label words, without dropout; computed once for the same rows."""
        read = {
            "model": model_facts(self.model),
            "prompt": None if self.prompt is None else prompt_digest(self.prompt),
            "rows": split_digest(rows),
            "labels": [[int(token) for token in word] for word in labels],
            "normalisation": normalisation,
        }

        def score() -> list[list[float]]:
            runs.reporter.phase(f"scoring {self.name}")
            given: Any = self.model.score(rows.inputs, labels, self.prompt, normalisation)
            listed: list[list[float]] = given.tolist()
            return listed

        values = runs.remembered("label-scores", self.name, read, score)
        return np.asarray(values, np.float32)


def together(scores: Sequence[np.ndarray]) -> np.ndarray:
    """The scores of one teacher as they are; of several, the logarithm of their mean probabilities [N, C]."""
    if len(scores) == 1:
        return scores[0]
    every = np.stack(scores).astype(np.float64)
    every -= every.max(-1, keepdims=True)
    shares = np.exp(every)
    mean = (shares / shares.sum(-1, keepdims=True)).mean(0)
    logarithm: np.ndarray = np.log(np.maximum(mean, np.finfo(np.float32).tiny))
    return logarithm.astype(np.float32)


def teach(
    teachers: Sequence[Teacher],
    source: Task | Mixture,
    recipe: Recipe,
    normalisation: Normalisation,
    runs: Runs,
) -> tuple[np.ndarray, ...]:
    """The scores [N, C] of the training rows of each member of a source, as `Slot.teacher` takes them.

    Every teacher reads the rows with its own vocabulary.
    """
    every = [source_of(source, teacher.model, recipe).members for teacher in teachers]
    return tuple(
        together(
            [
                teacher.scores(member.train, member.labels, normalisation, runs)
                for teacher, member in zip(teachers, members, strict=True)
            ]
        )
        for members in zip(*every, strict=True)
    )
