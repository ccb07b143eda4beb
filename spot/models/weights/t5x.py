"""T5X checkpoint directories, read with tensorstore: no t5x needed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from spot.errors import SpotError
from spot.models.config import T5Config
from spot.models.fingerprint import Piece
from spot.models.settings import ModelSettings
from spot.models.weights.lazy import LazyArray, content
from spot.models.weights.reader import Format
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

INDEX = "checkpoint"  # the msgpack file
PROMPT_NAME = "encoder/prompt/prompt/prompt"  # where google-research/prompt-tuning keeps a prompt


@dataclass(frozen=True)
class T5XCheckpoint:
    """The folder of a T5X checkpoint."""

    folder: Path
    vocabulary_file: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The vocabulary named in the settings, or the folder's."""
        return folder_vocabulary(self.folder, self.vocabulary_file)

    def config(self) -> T5Config:
        """The architecture, from the arrays' shapes and two numbers of the settings."""
        from spot.models.weights.build import infer_config

        distance, dropout = self.settings.relative_max_distance, self.settings.dropout
        return infer_config(self._arrays, distance, dropout)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the checkpoint."""
        for name, stored in self._arrays.items():
            array = content(stored)
            yield name, str(array.dtype), array.shape, array.tobytes()

    def arrays(self) -> Mapping[str, Any]:
        """The backbone's arrays; a prompt that was trained on it is left out."""
        return self._arrays

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        stored = checkpoint_arrays(self.folder)
        return {name: array for name, array in stored.items() if name != PROMPT_NAME}


T5X = Format(
    "T5X",
    f"a T5X checkpoint (a folder with a file named `{INDEX}`)",
    lambda path: (path / INDEX).is_file(),
    T5XCheckpoint,
)


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """As `checkpoint_arrays`, all of them read."""
    return {name: content(array) for name, array in checkpoint_arrays(folder).items()}


def checkpoint_arrays(folder: Path) -> dict[str, LazyArray | np.ndarray]:
    """The model parameters of a T5X checkpoint as {"encoder/layers_0/…/kernel": array}, by name.

    Small arrays are in the msgpack file `checkpoint`, large ones in zarr folders beside it, read when
    they are needed; the optimiser's state is left out. Raises SpotError if the folder is not a
    checkpoint or an array folder is missing; reading raises it for a chunk that cannot be read.
    """
    leaves = sorted(_leaves(_target(folder)).items())
    return {name: _stored(folder, name, leaf) for name, leaf in leaves}


def array_folders(index: bytes, origin: str) -> list[str]:
    """The folders beside the index of a checkpoint that hold the model's large arrays.

    origin: the name of the index in errors. Raises SpotError if it cannot be read.
    """
    leaves = sorted(_leaves(_parsed(index, origin)).items())
    return [_folder_name(name, leaf) for name, leaf in leaves if not isinstance(leaf, np.ndarray)]


def _target(folder: Path) -> dict[str, Any]:
    index = folder / INDEX
    if not index.is_file():
        raise SpotError(
            f"{folder}: expected a T5X checkpoint with a file named `checkpoint`, found none",
            "give the folder checkpoint_<step> itself",
        )
    return _parsed(index.read_bytes(), str(index))


def _parsed(index: bytes, origin: str) -> dict[str, Any]:
    from flax import serialization

    try:
        tree = serialization.msgpack_restore(index)
        return dict(tree.get("optimizer", tree)["target"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpotError(
            f"{origin}: expected T5X msgpack with optimizer/target, could not read it ({error})",
            "copy the checkpoint again; the file may be truncated",
        ) from error


def _leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a tree by path; a dict with a `driver` is a tensorstore spec, hence a leaf."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and "driver" not in value:
            leaves.update(_leaves(value, f"{name}/"))
        else:
            leaves[name] = value
    return leaves


def _folder_name(name: str, leaf: Any) -> str:
    """The folder of an array that the index only names."""
    relative = (
        leaf["kvstore"]["path"] if isinstance(leaf, dict) else f"target.{name.replace('/', '.')}"
    )
    return Path(relative).name


def _stored(folder: Path, name: str, leaf: Any) -> LazyArray | np.ndarray:
    if isinstance(leaf, np.ndarray):
        return leaf
    path = folder / _folder_name(name, leaf)
    if not (path / ".zarray").is_file():
        raise SpotError(
            f"{folder}: array {name} is named in `checkpoint` but {path.name}/.zarray is not there",
            "copy the whole checkpoint folder, array folders included",
        )
    try:
        shape = tuple(json.loads((path / ".zarray").read_text())["shape"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _unreadable(path, name, error) from error
    return LazyArray(shape, partial(_read, path, name))


def _read(path: Path, name: str) -> np.ndarray:
    import tensorstore

    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{path}/"}}
    try:
        store = tensorstore.open(spec, open=True, read=True).result()
        # A chunk that is absent would be read as zeros; count them before trusting the array.
        parts = json.loads((path / ".zarray").read_text())["chunks"]
        chunks = math.prod(-(-size // part) for size, part in zip(store.shape, parts, strict=True))
        present = sum(1 for file in path.iterdir() if not file.name.startswith("."))
        if present != chunks:
            raise ValueError(f"{present} of {chunks} chunk files are there")
        return np.asarray(store.read().result())
    except (ValueError, KeyError, OSError) as error:
        raise _unreadable(path, name, error) from error


def _unreadable(path: Path, name: str, error: Exception) -> SpotError:
    return SpotError(f"{path}: array {name} cannot be read ({error})", "copy the checkpoint again")
