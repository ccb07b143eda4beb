"""What a frozen model makes of a target's splits behind a prompt, computed when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.study.methods.neighbours import Classes, Matrix, standardised
from spot.tasks.examples import TokenizedSplit
from spot.training.batches import TaskData
from spot.training.slots import Reporter


@dataclass(frozen=True, eq=False)
class Vectors:
    """The training, validation and test rows of a target as a model reads them behind a prompt, or without
    one.
    """

    model: Model
    prompt: SoftPrompt | None
    data: TaskData
    test: TokenizedSplit
    reporter: Reporter

    @property
    def classes(self) -> Classes:
        """The classes of the training rows [N]."""
        return self.data.train.labels.astype(np.int64)

    @cached_property
    def features(self) -> tuple[Matrix, Matrix, Matrix]:
        """Features [N, H] of the three splits, standardised by the training rows."""
        behind = "" if self.prompt is None else " behind a prompt"
        self.reporter.phase(f"reading the texts of {self.data.definition.name}{behind}")
        splits = (self.data.train, self.data.validation, self.test)
        train, validation, test = standardised(
            *(self.model.features(split.inputs, self.prompt) for split in splits)
        )
        return train, validation, test

    @cached_property
    def likelihoods(self) -> tuple[Matrix, Matrix]:
        """Probabilities [N, C] of the label words, which sum to 1, of validation and test rows."""
        from scipy.special import softmax

        self.reporter.phase(f"scoring the label words of {self.data.definition.name}")
        inputs = (self.data.validation.inputs, self.test.inputs)
        validation, test = (
            softmax(
                self.model.score(rows, self.data.labels, self.prompt).astype(np.float64), axis=1
            )
            for rows in inputs
        )
        return validation, test
