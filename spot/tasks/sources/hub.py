"""Hugging Face data sets as parquet files at a stated revision, read with pyarrow.

Files lie as on the hub, <data.hf_dir>/<repository>/<path>, so a folder filled by `hf download` works.
Missing files are downloaded by huggingface-hub, which resumes an interrupted download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.files import Row, file_sha256, parquet_rows
from spot.tasks.sources.adapters import Adapt, as_published
from spot.tasks.sources.store import Store

CONVERTED = "refs/convert/parquet"
"""The hub's own parquet copy, for data sets whose main branch has none. It is a branch, not a
commit: the rows used are identified by the hashes in the fingerprint, not by this name."""


@dataclass(frozen=True)
class Hub:
    """A data set on the hub: repository, revision, the file pattern of each split with answers."""

    repo: str
    revision: str
    files: Mapping[str, str]
    adapt: Adapt = as_published


def parquet_files(prefix: str, *splits: str) -> dict[str, str]:
    """The hub's usual file pattern of each split.

    >>> parquet_files("data/", "train")
    {'train': 'data/train-*.parquet'}
    """
    return {split: f"{prefix}{split}-*.parquet" for split in splits}


def converted(repo: str, config: str, adapt: Adapt = as_published, **splits: str) -> Hub:
    """A data set in the hub's own parquet copy; `splits` names each of its splits by ours."""
    files = {split: f"{config}/{theirs}/*.parquet" for split, theirs in splits.items()}
    return Hub(repo, CONVERTED, files, adapt)


def hub_store(name: str, hub: Hub, folder: Path, cache_dir: Path | None = None) -> Store:
    """The task's rows in `folder`/<repository>."""
    root = folder / hub.repo
    hint = (
        f"put the files of {hub.repo} (revision {hub.revision}) under {root}, or choose data.source"
    )

    def available() -> str:
        for split, pattern in hub.files.items():
            files = _files(root, hub, split)
            if len(files) < _parts(files):
                return f"{len(files)} of {_parts(files)} files {root / pattern} are there"
        return ""

    def hashes() -> dict[str, str]:
        return {
            s: ",".join(file_sha256(f, cache_dir) for f in _files(root, hub, s)) for s in hub.files
        }

    def rows(split: Path) -> Iterator[Row]:
        for file in _files(root, hub, split.name):
            for row in parquet_rows(file):
                if (adapted := hub.adapt(row.fields)) is not None:
                    yield replace(row, fields=adapted)

    def fetch() -> None:
        if reason := available():
            _download(name, hub, root, reason)

    files = {split: Path(split) for split in hub.files}
    return Store("hf", files, rows, hashes, available, fetch, hint)


def _files(root: Path, hub: Hub, split: str) -> list[Path]:
    return sorted(root.glob(hub.files[split]))


def _parts(files: list[Path]) -> int:
    """The number of files of a split, which the hub's names state: train-00000-of-00003.parquet."""
    total = re.search(r"-of-(\d+)", files[0].name) if files else None
    return int(total[1]) if total else 1


def _download(name: str, hub: Hub, root: Path, reason: str) -> None:
    """Download the task's files; a SpotError's hint names the files and their folder."""
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
            hub.repo,
            repo_type="dataset",
            revision=hub.revision,
            allow_patterns=patterns,
            local_dir=root,
        )
    except Exception as error:  # the library and its transports raise many kinds
        raise SpotError(
            f'task "{name}": {reason}, and the download failed: {type(error).__name__}: {error}',
            hint,
        ) from error
