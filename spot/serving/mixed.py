"""Texts of many tasks answered together, each by its own prompt or ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spot.errors import SpotError
from spot.models.model import Model
from spot.serving.predicting import Prediction, Predictor
from spot.serving.prompt_set import PromptSet
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
        inputs = {
            number: self._predictors[number].rows([rows[place][1] for place in own])
            for number, own in places.items()
        }
        ranks = [n for n in places if self._predictors[n].task.scoring == "rank"]
        writes = [n for n in places if n not in ranks]
        out: list[Prediction | None] = [None] * len(rows)
        for numbers, answer in ((ranks, self._ranked), (writes, self._generated)):
            for number, found in answer({n: inputs[n] for n in numbers}, rows, places).items():
                for place, prediction in zip(places[number], found, strict=True):
                    out[place] = prediction
        return [prediction for prediction in out if prediction is not None]

    def _ranked(
        self,
        inputs: dict[int, Ragged],
        rows: Sequence[tuple[int, str]],
        places: dict[int, list[int]],
    ) -> dict[int, list[Prediction]]:
        """By predictor, the answers of those that rank label words."""
        owner, texts, shapes = self._tiled(inputs)
        labels = [
            self._predictors[n].labels for n, own in inputs.items() for _ in self._each(n, own)
        ]
        scores = iter(self._set.score(owner, texts, labels) if owner else ())
        found = {}
        for number, (members, count) in shapes.items():
            own = np.stack([next(scores) for _ in range(members * count)])
            given = [rows[place][1] for place in places[number]]
            found[number] = self._predictors[number].ranked(given, own.reshape(members, count, -1))
        return found

    def _generated(
        self,
        inputs: dict[int, Ragged],
        rows: Sequence[tuple[int, str]],
        places: dict[int, list[int]],
    ) -> dict[int, list[Prediction]]:
        """By predictor, the answers of those that write."""
        owner, texts, shapes = self._tiled(inputs)
        lengths = [
            self._predictors[n].lengths.targets
            for n, own in inputs.items()
            for _ in self._each(n, own)
        ]
        written = iter(self._set.generate(owner, texts, lengths) if owner else ())
        found = {}
        for number, (members, count) in shapes.items():
            own = [[next(written) for _ in range(count)] for _ in range(members)]
            given = [rows[place][1] for place in places[number]]
            found[number] = self._predictors[number].generated(given, own)
        return found

    def _each(self, number: int, inputs: Ragged) -> list[tuple[int, int]]:
        """(prompt, text) of every row of the model that a predictor's texts take, member by member."""
        return [(owner, text) for owner in self._owners[number] for text in range(len(inputs))]

    def _tiled(
        self, inputs: dict[int, Ragged]
    ) -> tuple[list[int], Ragged, dict[int, tuple[int, int]]]:
        """Prompts and texts of all rows of the model, and the members and texts of each predictor."""
        owner, texts, shapes = [], [], {}
        for number, own in inputs.items():
            for prompt, text in self._each(number, own):
                owner.append(prompt)
                texts.append(own[text])
            shapes[number] = (len(self._owners[number]), len(own))
        return owner, Ragged.of(texts), shapes
