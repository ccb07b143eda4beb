"""The prompts of a bank in the memory of one model: rows of any of them are answered in one batch."""

from __future__ import annotations

from collections.abc import Sequence

from spot.models.model import Model
from spot.serving.predicting import Prediction, Predictor
from spot.serving.web.engine import Row

PASSING = 256  # predictors beyond the held ones, of ensembles, that stay until all are placed anew


class PlacedPrompts:
    """Predictors by their number in a `MixedPredictor`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._held: list[Predictor] = []
        self._numbers: dict[Predictor, int] = {}

    def hold(self, predictors: Sequence[Predictor]) -> None:
        """As `spot.serving.web.engine.Answering` has it."""
        self._held = list(predictors)

    def answers(self, rows: Sequence[Row]) -> list[Prediction]:
        """As `spot.serving.web.engine.Answering` has it."""
        groups: dict[Predictor, list[int]] = {}
        for number, (predictor, _) in enumerate(rows):
            groups.setdefault(predictor, []).append(number)
        answers: dict[int, Prediction] = {}
        for predictor, numbers in groups.items():
            found = predictor.answers([rows[number][1] for number in numbers])
            answers.update(zip(numbers, found, strict=True))
        return [answers[number] for number in range(len(rows))]
