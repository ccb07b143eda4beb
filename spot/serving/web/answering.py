"""The prompts of a bank in the memory of one model: rows of any of them are answered in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spot.models.model import Model
from spot.serving.mixed import MixedPredictor
from spot.serving.predicting import Prediction, Predictor
from spot.serving.web.engine import Row

PASSING = (
    256  # predictors that are not held, as of ensembles, before all are placed anew without them
)


class PlacedPrompts:
    """A `MixedPredictor` whose predictors come and go; called from one thread."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._held: tuple[Predictor, ...] = ()
        self._place(())

    def hold(self, predictors: Sequence[Predictor]) -> None:
        """As `spot.serving.web.engine.Answering` has it."""
        before, self._held = self._held, tuple(predictors)
        if set(before) - set(predictors):
            self._place(self._held)
        else:
            self._add(self._held)

    def answers(self, rows: Sequence[Row]) -> list[Prediction]:
        """As `spot.serving.web.engine.Answering` has it."""
        asked = dict.fromkeys(predictor for predictor, _ in rows)
        if len(self._numbers) + len(asked) > len(self._held) + PASSING:
            self._place(self._held)
        self._add(asked)
        return self._mixed.answers([(self._numbers[predictor], text) for predictor, text in rows])

    @property
    def prompts(self) -> int:
        """Prompts in memory."""
        return self._mixed.prompts

    def _place(self, predictors: Iterable[Predictor]) -> None:
        """Begin anew with these predictors alone."""
        self._mixed = MixedPredictor(self.model)
        self._numbers: dict[Predictor, int] = {}
        self._add(predictors)

    def _add(self, predictors: Iterable[Predictor]) -> None:
        for predictor in predictors:
            if predictor not in self._numbers:
                self._numbers[predictor] = self._mixed.add(predictor)
