"""Hugging Face data sets as parquet files at a stated revision, read with pyarrow.

Files lie as on the hub, <data.hf_dir>/<repository>/<path>, so a folder that `hf download` filled is
found. What is missing is downloaded by huggingface-hub, which goes on where it was stopped.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.files import Row, file_sha256
from spot.tasks.sources.store import Adapt, Store, as_published

CONVERTED = "refs/convert/parquet"
"""The hub's own parquet copy, for data sets whose main branch has none. It is a branch, no commit:
the hashes in the fingerprint, not the name, say which rows were used."""


@dataclass(frozen=True)
class Hub:
    """A data set on the hub: repository, revision, the file pattern of each split with answers."""

    repo: str
    revision: str
    files: Mapping[str, str]
    adapt: Adapt = as_published


def hub_store(name: str, hub: Hub, folder: Path, cache_dir: Path | None = None) -> Store:
    """The task's rows in `folder`/<repository>."""
    root = folder / hub.repo
    found = functools.partial(_found, root, hub)
    hint = (
        f"put the files of {hub.repo} (revision {hub.revision}) under {root}, or choose data.source"
    )

    def available() -> str:
        for split, pattern in hub.files.items():
            files = found(split)
            if len(files) < _parts(files):
                return f"{len(files)} of {_parts(files)} files {root / pattern} are there"
        return ""

    def hashes() -> dict[str, str]:
        return {s: ",".join(file_sha256(f, cache_dir) for f in found(s)) for s in hub.files}

    def rows(split: Path) -> Iterator[Row]:
        for file in found(split.name):
            yield from parquet_rows(file, hub.adapt)

    def fetch() -> None:
        if reason := available():
            _download(name, hub, root, reason)

    files = {split: Path(split) for split in hub.files}
    return Store("hf", files, rows, hashes, available, fetch, hint)


def _found(root: Path, hub: Hub, split: str) -> list[Path]:
    return sorted(root.glob(hub.files[split]))


def _parts(files: list[Path]) -> int:
    """How many files a split has: the hub's names tell, as in train-00000-of-00003.parquet."""
    told = re.search(r"-of-(\d+)", files[0].name) if files else None
    return int(told[1]) if told else 1


def _download(name: str, hub: Hub, root: Path, reason: str) -> None:
    """Downloads the task's files; SpotError says which to put where when that is not possible."""
    patterns = list(hub.files.values())
    hint = (
        f"download {', '.join(patterns)} of huggingface.co/datasets/{hub.repo} at revision "
        f"{hub.revision} elsewhere and put them under {root}"
    )
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise SpotError(
            f'task "{name}": {reason}, and huggingface-hub is not installed to download it',
            f"pip install 'spot-transfer[hub]', or {hint}",
        ) from error
    try:
        snapshot_download(
            hub.repo, repo_type="dataset", revision=hub.revision, allow_patterns=patterns,
            local_dir=root,
        )  # fmt: skip
    except Exception as error:  # the library and its transports raise many kinds
        raise SpotError(
            f'task "{name}": {reason}, and the download failed: {type(error).__name__}: {error}',
            hint,
        ) from error


def parquet_rows(file: Path, adapt: Adapt = as_published) -> Iterator[Row]:
    """Rows of a parquet file under the names that `adapt` gives; rows that it refuses are left out.

    `Row.line` counts rows from 1. SpotError for a file that is not parquet.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SpotError(
            f"expected pyarrow to read {file}, found: {error}", "pip install 'spot-transfer[hub]'"
        ) from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    number += 1
                    if (adapted := adapt(fields)) is not None:
                        yield Row(file, number, adapted)
    except (OSError, pyarrow.ArrowException) as error:
        raise SpotError(
            f"expected a parquet file at {file}, found: {error}", "download the file again"
        ) from error
