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
    # SentencePiece file, its gs:// address, or tokenizer.json; else the model's own
    vocabulary: str | Path | None = None
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    devices: int = Field(1, ge=1)  # over which the weights are split
    relative_max_distance: int = Field(128, ge=1)  # not stored in T5X checkpoints; T5 uses 128
    dropout: float = Field(0.1, ge=0, lt=1)  # of a T5X checkpoint; likewise not stored there

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, values: Any) -> Any:
        return {"name": values} if isinstance(values, str) else values
