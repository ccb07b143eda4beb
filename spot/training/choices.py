"""The label words that the rows of a step choose among, for losses that compare them.

The tasks of a run may have other label words and other numbers of classes: all are padded to the most
classes and the longest word, and a class of padding alone does not exist. Imports no JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spot.models.padding import pad_rows
from spot.training.batches import Source, drawn_rows

NO_CLASS = -1e10
"""The teacher's score of a class that a row's task does not have."""


class Choices(NamedTuple):
    """For each row its label words [R, C, T] (0 is padding), the right class [R], and, where there is a
    teacher, its scores of them [R, C].
    """

    words: Any
    gold: Any
    teacher: Any = None


class Candidates:
    """The label words, classes and teachers' scores of all training rows of a run."""

    def __init__(
        self,
        sources: Sequence[Source],
        teachers: Sequence[Sequence[np.ndarray] | None],
    ) -> None:
        """teachers: of each source the scores [N, C] of its members' training rows, or None."""
        members = [member for source in sources for member in source.members]
        self.classes = max(len(member.labels) for member in members)
        self.length = max(len(word) for member in members for word in member.labels)
        self.sources, self.teachers = sources, teachers
        self.words = [[self._padded(each.labels) for each in source.members] for source in sources]

    def _padded(self, labels: Sequence[Sequence[int]]) -> np.ndarray:
        """Label words [C, T] of a task."""
        missing = [np.zeros(0, np.int32)] * (self.classes - len(labels))
        return pad_rows([*map(np.asarray, labels), *missing], self.length)

    def step(self, orders: Sequence[np.ndarray], step: int, batch_size: int) -> Choices:
        """Those of the rows of `spot.training.batches.step_batch`, in its order."""
        words, gold, taught = [], [], []
        for slot, member, row in drawn_rows(self.sources, orders, step, batch_size):
            words.append(self.words[slot][member])
            gold.append(self.sources[slot].members[member].train.labels[row])
            teacher = self.teachers[slot]
            if teacher is not None:
                scores = teacher[member][row]
                missing = self.classes - len(scores)
                taught.append(np.pad(scores, (0, missing), constant_values=NO_CLASS))
        scores = np.stack(taught).astype(np.float32) if taught else None
        return Choices(np.stack(words), np.asarray(gold, np.int32), scores)
