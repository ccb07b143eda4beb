"""The table of sources that published tasks can come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spot.errors import SpotError, did_you_mean
from spot.tasks.published.record import PublishedTask
from spot.tasks.sources.hub import hub_store
from spot.tasks.sources.local import local_store
from spot.tasks.sources.store import Store, absent_store
from spot.tasks.sources.tfds import tfds_store
from spot.tasks.splits import SPLITS


@dataclass(frozen=True)
class Places:
    """The folder of each source; `cache_dir` keeps hashes of files."""

    local: Path | None = None
    tfds: Path = Path("tensorflow_datasets")
    hf: Path = Path("huggingface")
    cache_dir: Path | None = None


@dataclass(frozen=True)
class SourceKind:
    """One source of published tasks.

    `folder` is the field of `DataSettings` that names its folder. `open(name, task, places)` gives
    the task's rows there, None when the task's record states no data set for this source.
    """

    description: str
    folder: str
    open: Callable[[str, PublishedTask, Places], Store | None]


def _local(name: str, task: PublishedTask, places: Places) -> Store:
    required = ("test",) if task.only_test else ("train", "validation")
    return local_store(name, places.local, places.cache_dir, required=required, answer=task.answer)


def _tfds(name: str, task: PublishedTask, places: Places) -> Store | None:
    return tfds_store(name, task.tfds, places.tfds, places.cache_dir) if task.tfds else None


def _hf(name: str, task: PublishedTask, places: Places) -> Store | None:
    return hub_store(name, task.hf, places.hf, places.cache_dir) if task.hf else None


SOURCES: Mapping[str, SourceKind] = {
    "local": SourceKind("JSONL files in a folder, one folder a task", "dir", _local),
    "tfds": SourceKind("TensorFlow Datasets, prepared when missing", "tfds_dir", _tfds),
    "hf": SourceKind(
        "parquet files of the Hugging Face hub, downloaded when missing", "hf_dir", _hf
    ),
}


def source_kind(source: str) -> SourceKind:
    """The source of this name; SpotError with the nearest name when there is none."""
    if source not in SOURCES:
        raise SpotError(
            f'data.source: expected a source of published tasks, found "{source}".'
            + did_you_mean(source, SOURCES),
            "; ".join(f"{name}: {kind.description}" for name, kind in SOURCES.items()),
        )
    return SOURCES[source]


def open_store(name: str, source: str, places: Places, tasks: Mapping[str, PublishedTask]) -> Store:
    """The rows of `tasks[name]` in a source; SpotError for an unknown source.

    A task that the source does not have shows in the store's `available()`.
    """
    kind, task = source_kind(source), tasks[name]
    store = kind.open(name, task, places)
    if store is not None:
        return store
    others = [other for other, record in tasks.items() if kind.open(other, record, places)]
    return absent_store(
        source,
        ("test",) if task.only_test else SPLITS[:2],
        f'no data set is stated for the task "{name}" in the source "{source}"',
        did_you_mean(name, others),
    )
