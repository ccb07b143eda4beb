"""The one place that tells a model's files apart: a reader for each format, all with the same
methods.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from spot.config import ModelSettings
from spot.errors import SpotError
from spot.models.config import DecoderConfig, ModelConfig, T5Config
from spot.models.fingerprint import Piece, safetensors_pieces
from spot.models.weights import hf, remote
from spot.tasks.tokenizer import folder_tokenizer
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

STORED = "weights.safetensors"


class Reader(Protocol):
    """A model's files. Methods raise SpotError for what is missing, damaged or unknown."""

    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary, or the one that the settings name."""

    def config(self) -> ModelConfig:
        """The architecture."""

    def pieces(self) -> Iterable[Piece]:
        """What the fingerprint hashes of the weights."""

    def arrays(self) -> Mapping[str, Any]:
        """The weights by our names, read now or when they are asked for."""


@dataclass(frozen=True)
class Stored:
    """A folder that `write_model` wrote: the embedded model, or a tuned one."""

    folder: Path
    named: Path | None

    def vocabulary(self) -> Vocabulary:
        """Of the folder."""
        try:
            decoder = isinstance(self.config(), DecoderConfig)
        except SpotError:
            decoder = False  # loading says what is wrong with the configuration
        return (folder_tokenizer if decoder else folder_vocabulary)(self.folder, self.named)

    def config(self) -> ModelConfig:
        """What config.json states."""
        try:
            fields = json.loads((self.folder / "config.json").read_text())["architecture"]
            return (DecoderConfig if "num_kv_heads" in fields else T5Config)(**fields)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpotError(
                f"{self.folder / 'config.json'}: expected an `architecture` of T5Config fields "
                f"({error})",
                "weights.safetensors needs its config.json beside it",
            ) from error

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the file."""
        return safetensors_pieces(self.folder / STORED)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the file."""
        from safetensors import SafetensorError
        from safetensors.flax import load_file

        try:
            return dict(load_file(self.folder / STORED))
        except (SafetensorError, OSError) as error:
            raise SpotError(
                f"{self.folder / STORED}: expected a whole safetensors file ({error})",
                "copy it again",
            ) from error


@dataclass(frozen=True)
class HuggingFaceT5:
    """A T5's folder from Hugging Face."""

    folder: Path
    named: Path | None

    def vocabulary(self) -> Vocabulary:
        """Of the folder."""
        return folder_vocabulary(self.folder, self.named)

    def config(self) -> T5Config:
        """What config.json states."""
        return hf.read_config(self.folder)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the files."""
        return hf.raw_pieces(self.folder)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the files, read one by one."""
        return hf.read_arrays(self.folder, self.config())


@dataclass(frozen=True)
class HuggingFaceDecoder:
    """A decoder's folder from Hugging Face."""

    folder: Path
    named: Path | None

    def vocabulary(self) -> Vocabulary:
        """Of the folder."""
        return folder_tokenizer(self.folder, self.named)

    def config(self) -> DecoderConfig:
        """What config.json states."""
        from spot.models.weights.hf_decoder import read_config

        return read_config(self.folder)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the files."""
        return hf.raw_pieces(self.folder)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the files, read one by one."""
        from spot.models.weights.hf_decoder import read_arrays

        return read_arrays(self.folder, self.config())


@dataclass(frozen=True)
class Gguf:
    """A GGUF file."""

    file: Path
    named: Path | None

    def vocabulary(self) -> Vocabulary:
        """The one in the file, unless another is named."""
        from spot.models.weights.gguf import vocabulary

        return (
            folder_tokenizer(self.file.parent, self.named) if self.named else vocabulary(self.file)
        )

    def config(self) -> DecoderConfig:
        """What the metadata state."""
        from spot.models.weights.gguf import opened

        return opened(self.file).config()

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the file."""
        from spot.models.weights.gguf import opened

        return opened(self.file).pieces()

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the file, read one by one."""
        from spot.models.weights.gguf import opened

        return opened(self.file).arrays(self.config())


@dataclass(frozen=True)
class T5X:
    """A T5X checkpoint's folder."""

    folder: Path
    named: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The one that is named."""
        return folder_vocabulary(self.folder, self.named)

    def config(self) -> T5Config:
        """What the arrays' shapes say, and the settings' two numbers."""
        from spot.models.weights.build import infer_config

        distance, dropout = self.settings.relative_max_distance, self.settings.dropout
        return infer_config(self._read, distance, dropout)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the checkpoint."""
        for name, array in sorted(self._read.items()):
            yield name, str(array.dtype), array.shape, array.tobytes()

    def arrays(self) -> Mapping[str, Any]:
        """The backbone's arrays; a prompt that was trained on it is left out."""
        return self._read

    @cached_property
    def _read(self) -> dict[str, Any]:
        """Read once: the architecture is told by the arrays themselves."""
        from spot.models.weights.t5x import PROMPT_NAME, read_checkpoint

        found = read_checkpoint(self.folder)
        return {name: array for name, array in found.items() if name != PROMPT_NAME}


def reader(path: Path, settings: ModelSettings) -> Reader:
    """The reader of a model's folder or file, by what is in it."""
    named = remote.local_file(settings.vocabulary)
    if path.suffix == ".gguf":
        return Gguf(path, named)
    if (path / STORED).is_file():
        return Stored(path, named)
    if hf.is_hf_folder(path):
        decoder = hf.stated_config(path)["model_type"] in hf.DECODERS
        return HuggingFaceDecoder(path, named) if decoder else HuggingFaceT5(path, named)
    return T5X(path, named, settings)
