"""The settings of a transfer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spot.settings import HasDefaults, Stage


class TransferSettings(Stage):
    """The start of a target's prompt, and the training budget of both arms."""

    strategy: str = "best"  # a key of spot.strategies.table.STRATEGIES
    k: int = Field(1, ge=1)
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = Field(300, ge=1)  # of each arm at most
    # Tried by both arms, chosen on validation; none: train's.
    learning_rates: tuple[float, ...] = ()
    scratch_learning_rates: tuple[float, ...] = ()  # of the arm from scratch, where it has others
    labels: Literal["keep", "swap"] = "keep"  # swap: the target's label words for the source's

    def on(self, model: HasDefaults) -> TransferSettings:
        """The settings for this model: `steps` that were not given are the model's own, if it has any."""
        steps = model.defaults.transfer_steps
        if steps is None or "steps" in self.model_fields_set:
            return self
        return self.model_copy(update={"steps": steps})
