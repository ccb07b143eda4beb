"""The settings that name a model, and the devices that it runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from spot.models.defaults import EMBEDDED
from spot.settings import Stage


class ModelSettings(Stage):
    """The frozen backbone: "spot-nano", "smollm2-135m", the folder of a T5X checkpoint, of
    `weights.safetensors` or from Hugging Face, a GGUF file, `owner/name` on the Hugging Face hub, or
    the gs:// address of a T5X checkpoint. A text in its place is its name.
    """

    name: str = EMBEDDED
    """The frozen model: a name that `spot models` lists, a folder, a GGUF file, owner/name on the Hugging
    Face hub, or the gs:// address of a T5X checkpoint."""
    vocabulary: str | Path | None = None
    """A SentencePiece file, its gs:// address, or a tokenizer.json; where it is not set, the model's own."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """The numbers of the model's weights and products."""
    relative_max_distance: int = Field(128, ge=1)
    """The longest distance that a T5's relative positions tell apart; T5X checkpoints do not store it."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """The dropout rate of a T5X checkpoint, which does not store it."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, values: Any) -> Any:
        return {"name": values} if isinstance(values, str) else values


class Devices(Stage):
    """The layout of the devices: a grid of slot x data x model of them, each axis 1 where it is not set."""

    slot: int = Field(1, ge=1)
    """Groups of devices that share the prompts which are trained at once."""
    data: int = Field(1, ge=1)
    """Groups of devices that share the rows of each prompt's step."""
    model: int = Field(1, ge=1)
    """Devices over which the weights are split, for a model that is too large for one."""

    @property
    def count(self) -> int:
        """The devices of the grid."""
        return self.slot * self.data * self.model
