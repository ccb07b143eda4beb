"""The settings that name a model."""

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
    devices: int = Field(1, ge=1)
    """Devices of this machine over which the weights are split."""
    relative_max_distance: int = Field(128, ge=1)
    """The longest distance that a T5's relative positions tell apart; T5X checkpoints do not store it."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """The dropout rate of a T5X checkpoint, which does not store it."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, values: Any) -> Any:
        return {"name": values} if isinstance(values, str) else values
