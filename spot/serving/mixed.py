"""Texts of many tasks answered together, each by its own prompt or ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.serving.predicting import Prediction, Predictor
from spot.serving.prompt_set import PromptSet, tiled
from spot.tasks.examples import Ragged


class MixedPredictor:
    """Predictors over one frozen model, whose texts stand in one batch (Lester et al. 2021, figure 2): every
    answer is that of its predictor alone.

    Predictors are numbered in the order in which they were added; prompts that several of them have, as an
    ensemble and its members, are held once. To be called from one thread.
    """

    def __init__(self, model: Model, predictors: Sequence[Predictor] = ()) -> None:
        """Raises SpotError for a predictor of another model."""
        self.model = model
        self._set = PromptSet(model)
        self._predictors: list[Predictor] = []
        self._owners: list[tuple[int, ...]] = []
        self._known: dict[int, int] = {}
        for predictor in predictors:
            self.add(predictor)

    def __len__(self) -> int:
        return len(self._predictors)

    @property
    def prompts(self) -> int:
        """The number of prompts in memory."""
        return len(self._set)

    def add(self, predictor: Predictor) -> int:
        """Take one more predictor; its number. Raises SpotError for one of another model."""
        if predictor.model.fingerprint != self.model.fingerprint:
            raise SpotError(
                f"expected a predictor on {self.model.name}, found one on {predictor.model.name}",
                "prompts that are answered together are of one model",
            )
        # Known by the object, which the predictor keeps alive.
        for prompt in predictor.prompts:
            if id(prompt) not in self._known:
                self._known[id(prompt)] = self._set.add(prompt)
        self._predictors.append(predictor)
        self._owners.append(tuple(self._known[id(prompt)] for prompt in predictor.prompts))
        return len(self._predictors) - 1

    def answers(self, rows: Sequence[tuple[int, str]]) -> list[Prediction]:
        """The answer to each row, in order: a predictor's number, and a text as the template of its task
        writes it (`row_texts`). Raises SpotError for a text beyond the context, for all rows.
        """
        places: dict[int, list[int]] = {}
        for place, (number, _) in enumerate(rows):
            places.setdefault(number, []).append(place)
        asked = [
            _Asked(self._predictors[n], self._owners[n], own, [rows[place][1] for place in own])
            for n, own in places.items()
        ]
        out: dict[int, Prediction] = {}
        for scoring, answer in (("rank", self._ranked), ("generate", self._generated)):
            alike = [each for each in asked if each.predictor.task.scoring == scoring]
            if not alike:
                continue
            owner: list[int] = []
            tokens: list[np.ndarray] = []
            for each in alike:
                own_owner, own_tokens = tiled(each.owners, each.predictor.rows(each.texts))
                owner += own_owner
                tokens += own_tokens
            for each, found in zip(alike, answer(alike, owner, Ragged.of(tokens)), strict=True):
                out.update(zip(each.places, found, strict=True))
        return [out[place] for place in range(len(rows))]

    def _ranked(
        self, asked: Sequence[_Asked], owner: Sequence[int], inputs: Ragged
    ) -> Iterator[list[Prediction]]:
        """The answers of each predictor, all of which rank label words; owner and inputs: all their rows."""
        labels = [each.predictor.labels for each in asked for _ in range(each.rows)]
        scores = iter(self._set.score(owner, inputs, labels))
        for each in asked:
            own = np.stack(list(islice(scores, each.rows)))
            shape = (len(each.owners), len(each.texts), -1)
            yield each.predictor.ranked(each.texts, own.reshape(shape))

    def _generated(
        self, asked: Sequence[_Asked], owner: Sequence[int], inputs: Ragged
    ) -> Iterator[list[Prediction]]:
        """The answers of each predictor, all of which write."""
        lengths = [each.predictor.lengths.targets for each in asked for _ in range(each.rows)]
        written = iter(self._set.generate(owner, inputs, lengths))
        for each in asked:
            members = [list(islice(written, len(each.texts))) for _ in each.owners]
            yield each.predictor.generated(each.texts, members)


@dataclass(frozen=True, eq=False)
class _Asked:
    """The texts of a batch for one predictor, their places there, and the numbers of its prompts."""

    predictor: Predictor
    owners: tuple[int, ...]
    places: list[int]
    texts: list[str]

    @property
    def rows(self) -> int:
        """Rows of the model that they take: one for each text and prompt."""
        return len(self.owners) * len(self.texts)
