"""The record of a weight format, and the methods of its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spot.models.config import ModelConfig
from spot.models.fingerprint import Piece
from spot.models.settings import ModelSettings
from spot.tasks.vocabulary import Vocabulary


class Reader(Protocol):
    """The files of one model. Methods raise SpotError for anything missing, damaged or unknown."""

    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary, or the one that the settings name."""

    def config(self) -> ModelConfig:
        """The architecture."""

    def pieces(self) -> Iterable[Piece]:
        """The part of the fingerprint that stands for the weights."""

    def arrays(self) -> Mapping[str, Any]:
        """The weights by parameter name, read at once or one by one (`LazyArray`)."""


@dataclass(frozen=True)
class Format:
    """A format of weight files.

    `description` names it in errors and lists; `recognises` looks at a folder or file; `reader` takes
    it, the file of a vocabulary to use in place of the model's own, and the settings.
    """

    name: str
    description: str
    recognises: Callable[[Path], bool]
    reader: Callable[[Path, Path | None, ModelSettings], Reader]
