"""A prompt of which an analysis changes the effect, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spot.models.config import ModelConfig
from spot.models.effect import HostPrompt


@dataclass(frozen=True, eq=False)
class Altered:
    """What a changed prompt has of the prompt itself: its key, and whether it fits a model."""

    prompt: HostPrompt

    @property
    def tokens(self) -> int:
        """Rows that it adds to a text's context: as of the prompt, whose places stay."""
        return self.prompt.tokens

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.prompt, dtype, copy=copy)

    def misfit(self, config: ModelConfig) -> str:
        """In what the whole prompt does not fit the architecture."""
        return self.prompt.misfit(config)
