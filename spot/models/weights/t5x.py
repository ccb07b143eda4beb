"""T5X checkpoint directories, read with tensorstore: no t5x needed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from bank.reading import DEPTH, check_regular, read_bytes, read_json
from spot.errors import SpotError
from spot.fields import is_file_name
from spot.models.config import T5Config
from spot.models.fingerprint import Piece
from spot.models.settings import ModelSettings
from spot.models.weights.lazy import LazyArray, content
from spot.models.weights.reader import Format
from spot.settings import shown
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

INDEX = "checkpoint"  # the msgpack file
ZARRAY = ".zarray"  # the metadata of an array folder
FLOATS = {"<f4": 4, "<f2": 2, "bfloat16": 2, "<f8": 8}  # types of numbers, and their bytes
RATIO, SMALL = (
    1100,
    1 << 20,
)  # no weights are compressed more, beyond so many bytes; gzip's bound is 1032
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
    lambda path: os.path.isfile(path / INDEX),
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
    leaves = sorted(_leaves(_target(folder), str(folder / INDEX)).items())
    return {name: _stored(folder, name, leaf) for name, leaf in leaves}


def array_folders(index: bytes, origin: str) -> list[str]:
    """The folders beside the index of a checkpoint that hold the model's large arrays.

    origin: the name of the index in errors. Raises SpotError if it cannot be read, and for a name that
    leads out of the checkpoint.
    """
    leaves = _leaves(_parsed(index, origin), origin)
    return [
        _folder_name(name, leaf, origin)
        for name, leaf in sorted(leaves.items())
        if not isinstance(leaf, np.ndarray)
    ]


def _target(folder: Path) -> dict[str, Any]:
    index = folder / INDEX
    try:
        content = read_bytes(index)
    except OSError as error:
        found = f"found one that cannot be read ({error})" if index.exists() else "found none"
        raise SpotError(
            f"{folder}: expected a T5X checkpoint with a file named `checkpoint`, {found}",
            "give the folder checkpoint_<step> itself",
        ) from error
    return _parsed(content, str(index))


def _parsed(index: bytes, origin: str) -> dict[str, Any]:
    from flax import serialization

    try:
        tree = serialization.msgpack_restore(index)
    except Exception as error:  # what msgpack and NumPy raise at foreign bytes has no common class
        raise _no_index(origin, error) from error
    optimizer = tree.get("optimizer", tree) if isinstance(tree, dict) else None
    target = optimizer.get("target") if isinstance(optimizer, dict) else None
    if not isinstance(target, dict):
        raise _no_index(origin, "it has no optimizer/target")
    return target


def _no_index(origin: str, found: Exception | str) -> SpotError:
    return SpotError(
        f"{origin}: expected T5X msgpack with optimizer/target, could not read it ({found})",
        "copy the checkpoint again; the file may be truncated",
    )


def _leaves(tree: dict[str, Any], origin: str, prefix: str = "") -> dict[str, Any]:
    """The leaves of a tree by path: arrays, or what names their folders.

    A dict with a `driver` is a tensorstore spec, hence a leaf. SpotError for keys and values of other
    types, and for DEPTH levels.
    """
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if not isinstance(key, str) or name.count("/") > DEPTH:
            raise _no_index(origin, f"found the key {shown(name)}")
        if isinstance(value, dict) and "driver" not in value:
            leaves.update(_leaves(value, origin, f"{name}/"))
        elif isinstance(value, np.ndarray | dict | str):
            leaves[name] = value
        else:
            raise _no_index(origin, f"found {type(value).__name__} in the place of array {name}")
    return leaves


def _folder_name(name: str, leaf: Any, origin: str) -> str:
    """The folder of an array that the index only names; of a path, its last part."""
    path: Any = f"target.{name.replace('/', '.')}"
    if isinstance(leaf, dict):
        store = leaf.get("kvstore")
        path = store.get("path") if isinstance(store, dict) else None
    folder = path.rstrip("/").rpartition("/")[2] if isinstance(path, str) else path
    if not is_file_name(folder):
        raise _no_index(origin, f"array {name} is in the folder {shown(path)}")
    return str(folder)


def _stored(folder: Path, name: str, leaf: Any) -> LazyArray | np.ndarray:
    if isinstance(leaf, np.ndarray):
        return leaf
    path = folder / _folder_name(name, leaf, str(folder / INDEX))
    if not os.path.isfile(path / ZARRAY):
        raise SpotError(
            f"{folder}: array {name} is named in `checkpoint` but {path.name}/{ZARRAY} is not there",
            "copy the whole checkpoint folder, array folders included",
        )
    shape = _checked_shape(path, name)
    return LazyArray(shape, partial(_read, path, name))


def _checked_shape(path: Path, name: str) -> tuple[int, ...]:
    """The shape of a zarr array, once its metadata fit its chunks: SpotError before anything is allocated,
    for tensorstore trusts them, and would read an absent chunk as zeros.
    """
    try:
        about = read_json(path / ZARRAY)
        if not isinstance(about, dict):
            raise ValueError(f"{ZARRAY} is no JSON object")
        shape: Any = about.get("shape")
        chunks: Any = about.get("chunks")
        dtype: Any = about.get("dtype")
        if not (_sizes(shape) and _sizes(chunks) and len(shape) == len(chunks)):
            raise ValueError("shape and chunks are no lists of as many sizes")
        if dtype not in list(FLOATS):
            raise ValueError(f"its numbers are {shown(dtype)}, not {', '.join(FLOATS)}")
        if any(part > size for size, part in zip(shape, chunks, strict=True)):
            raise ValueError("a chunk is larger than the array")
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
        grid = [-(-size // part) for size, part in zip(shape, chunks, strict=True)]
        expected = math.prod(grid)
        if len(files) != expected:
            raise ValueError(f"{len(files)} of {expected} chunk files are there")
        named = {".".join(map(str, place)) or "0" for place in np.ndindex(*grid)}
        if missing := sorted(named - {file.name for file in files}):
            raise ValueError(f"the chunk file {missing[0]} is not there")
        for file in files:
            check_regular(file)
        chunk, stored = (
            math.prod(chunks) * FLOATS[dtype],
            sum(file.stat().st_size for file in files),
        )
        if chunk * expected > RATIO * stored + SMALL:
            raise ValueError(f"{chunk * expected:,} bytes of numbers in {stored:,} of chunks")
    except (ValueError, OSError) as error:
        raise _unreadable(path, name, error) from error
    return tuple(shape)


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(size) is int and size > 0 for size in values)


def _read(path: Path, name: str) -> np.ndarray:
    import tensorstore

    shape = _checked_shape(path, name)  # the files may have changed
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{path}/"}}
    try:
        store = tensorstore.open(spec, open=True, read=True).result()
        if store.shape != shape:
            raise ValueError(f"its shape is {store.shape}, not {shape}")
        return np.asarray(store.read().result())
    except Exception as error:  # what tensorstore raises has no common class
        raise _unreadable(path, name, error) from error


def _unreadable(path: Path, name: str, error: Exception) -> SpotError:
    reason = str(error).partition(" [tensorstore_spec")[0]
    return SpotError(f"{path}: array {name} cannot be read ({reason})", "copy the checkpoint again")
