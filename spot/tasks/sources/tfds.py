"""TensorFlow Datasets as a source: prepared folders are read, missing ones are prepared.

A prepared data set is recognised by its folder, without importing TensorFlow.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spot.errors import SpotError
from spot.tasks.files import Row, file_sha256
from spot.tasks.seqio_import import import_tfds
from spot.tasks.sources.adapters import Adapt, as_published
from spot.tasks.sources.store import Store

TRAIN_VALIDATION = {"train": "train", "validation": "validation"}
WITH_TEST = {**TRAIN_VALIDATION, "test": "test"}
WITHOUT_VALIDATION = {"train": "train", "test": "test"}
TEST_ALONE = {"test": "test"}


@dataclass(frozen=True)
class Tfds:
    """A data set of TFDS by "name" or "name/config", and its name of each split with answers."""

    name: str
    splits: Mapping[str, str] = field(default_factory=lambda: TRAIN_VALIDATION)
    adapt: Adapt = as_published


def tfds_store(name: str, data: Tfds, folder: Path, cache_dir: Path | None = None) -> Store:
    """The task's rows in `folder`, a data_dir of TFDS; its newest prepared version is used."""

    def available() -> str:
        if prepared(data.name, folder) is None:
            return f"no prepared version of {data.name} is in {folder}"
        return ""

    def hashes() -> dict[str, str]:
        return {split: _hash(data, split, folder, cache_dir) for split in data.splits}

    def rows(split: Path) -> Iterator[Row]:
        return tfds_rows(data, split.name, folder)

    def fetch() -> None:
        if available():
            _prepare(name, data, folder)

    files = {split: Path(split) for split in data.splits}
    hint = f"prepare {data.name} with TFDS in {folder} (data.tfds_dir), or choose data.source"
    return Store("tfds", files, rows, hashes, available, fetch, hint)


def prepared(name: str, folder: Path) -> Path | None:
    """The folder of the newest prepared version of a data set, or None."""
    folders = [path.parent for path in (folder / name).glob("*/dataset_info.json")]
    parts = {path: path.name.split(".") for path in folders}
    versions = {p: [int(n) for n in v] for p, v in parts.items() if all(map(str.isdecimal, v))}
    return max(versions, key=versions.__getitem__) if versions else None


def tfds_rows(data: Tfds, split: str, folder: Path) -> Iterator[Row]:
    """Rows of one split in the order of its files, as plain Python values."""
    place = prepared(data.name, folder)
    if place is None:
        raise SpotError(f"no prepared version of {data.name} is in {folder}", "set data.tfds_dir")
    rows = _read(place, data.splits[split])
    for number in itertools.count(1):
        try:
            fields = next(rows, None)
        except SpotError:
            raise
        except Exception as error:  # TensorFlow's errors have no base of their own below Exception
            raise SpotError(
                f"expected the split {data.splits[split]} of a TFDS data set in {place}, found: {error}",
                "prepare the data set again",
            ) from error
        if fields is None:
            return
        adapted = data.adapt({name: plain(value) for name, value in fields.items()})
        if adapted is not None:
            yield Row(place / data.splits[split], number, adapted, "row")


def _read(place: Path, split: str) -> Iterator[Mapping[str, Any]]:
    """The rows' fields as TFDS has them. Raises whatever TFDS and TensorFlow raise."""
    tfds = import_tfds()
    dataset = tfds.builder_from_directory(place).as_dataset(
        split=split,
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
    )
    yield from tfds.as_numpy(dataset)


def plain(value: Any) -> object:
    """A value of TFDS as JSON has it: text, numbers, lists and objects.

    >>> plain(np.array([b"yes", b"no"]))
    ['yes', 'no']
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if hasattr(value, "to_list"):  # a ragged array: lists of unlike length
        return plain(value.to_list())
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _prepare(name: str, data: Tfds, folder: Path) -> None:
    tfds = import_tfds()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints on stdout, which is for results
            tfds.builder(data.name, data_dir=str(folder)).download_and_prepare()
    except ImportError as error:
        raise SpotError(
            f'task "{name}": expected all that TFDS needs to prepare {data.name}, found: {error}',
            "pip install 'spot-transfer[tfds]'",
        ) from error
    except Exception as error:  # the library and its transports raise many kinds
        raise SpotError(
            f'task "{name}": no prepared version of {data.name} is in {folder}, and preparing it '
            f"failed: {type(error).__name__}: {error}",
            f"prepare it elsewhere and copy its folder to {folder / data.name}",
        ) from error


def _hash(data: Tfds, split: str, folder: Path, cache_dir: Path | None) -> str:
    place = prepared(data.name, folder)
    if place is None:
        raise SpotError(f"no prepared version of {data.name} is in {folder}", "set data.tfds_dir")
    base = data.splits[split].split("[")[0]
    files = sorted(place.glob(f"*-{base}.*"))
    return ",".join([data.splits[split], *(file_sha256(file, cache_dir) for file in files)])
