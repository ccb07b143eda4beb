"""T5X checkpoint directories, read with tensorstore: no t5x needed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from spot.errors import SpotError

INDEX = "checkpoint"  # the msgpack file
PROMPT_NAME = "encoder/prompt/prompt/prompt"  # where google-research/prompt-tuning keeps a prompt


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """The model parameters of a T5X checkpoint as {"encoder/layers_0/…/kernel": array}.

    Small arrays lie in the msgpack file `checkpoint`, large ones in zarr folders beside it; the
    optimiser's state is left out. Raises SpotError when the folder is not a checkpoint, an array
    folder is missing, or a chunk cannot be read.
    """
    tree = _target(folder)
    return {name: _array(folder, name, leaf) for name, leaf in sorted(_leaves(tree).items())}


def array_folders(index: bytes, origin: str) -> list[str]:
    """The folders beside the index of a checkpoint that hold the model's large arrays.

    origin: what an error calls the index. Raises SpotError when it cannot be read.
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
    """Flattens a tree; a dict with a `driver` is a tensorstore spec, hence a leaf."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and "driver" not in value:
            found.update(_leaves(value, f"{name}/"))
        else:
            found[name] = value
    return found


def _folder_name(name: str, leaf: Any) -> str:
    """The folder of an array that the index only names."""
    relative = (
        leaf["kvstore"]["path"] if isinstance(leaf, dict) else f"target.{name.replace('/', '.')}"
    )
    return Path(relative).name


def _array(folder: Path, name: str, leaf: Any) -> np.ndarray:
    if isinstance(leaf, np.ndarray):
        return leaf
    import tensorstore

    path = folder / _folder_name(name, leaf)
    if not (path / ".zarray").is_file():
        raise SpotError(
            f"{folder}: array {name} is named in `checkpoint` but {path.name}/.zarray is not there",
            "copy the whole checkpoint folder, array folders included",
        )
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
        raise SpotError(
            f"{path}: array {name} cannot be read ({error})", "copy the checkpoint again"
        ) from error
