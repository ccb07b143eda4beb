"""The settings of a transfer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spot.settings import HasDefaults, Stage, Steps


class TransferSettings(Stage):
    """The start of a target's prompt, and the training budget of both arms."""

    strategy: str = "best"
    """Where the target's prompt starts: from the best of the k nearest, their average, a prompt of a
    mixture of them, or the best of all."""
    k: int = Field(1, ge=1)
    """Entries that the strategy uses."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of training, of transfer and from scratch alike."""
    steps: Steps = Field(300, ge=1)
    """The most training steps of each run."""
    learning_rates: tuple[float, ...] = ()
    """Learning rates that transfer and scratch both try; validation chooses. None: train.learning_rate."""
    scratch_learning_rates: tuple[float, ...] = ()
    """Learning rates of the runs from scratch, where they have others."""
    labels: Literal["keep", "swap"] = "keep"
    """swap: exchange the source's label words in its prompt for the target's."""

    def on(self, model: HasDefaults) -> TransferSettings:
        """The settings for this model: `steps` that were not given are the model's own, if it has any."""
        steps = model.defaults.transfer_steps
        if steps is None or "steps" in self.model_fields_set:
            return self
        return self.model_copy(update={"steps": steps})
