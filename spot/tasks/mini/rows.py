"""The stored rows of the mini suite: one xz-compressed JSONL file a task and split.

A row has one column a key of its task and the class index under "label". `python -m
pretraining.mini` writes the files; `data/sha256.json` holds the SHA-256 of each one's content.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.files import Row

DATA = Path(__file__).parent / "data"


def data_file(name: str, split: str, folder: Path = DATA) -> Path:
    """The file of a task's split below `folder`."""
    return folder / name / f"{split}.jsonl.xz"


def read_rows(name: str, split: str, folder: Path = DATA) -> Iterator[Row]:
    """The rows of a split, in order.

    Raises SpotError if the file is missing or its content is not the one that was written.
    """
    file = data_file(name, split, folder)
    content = _content(file)
    expected = _checksums(folder)[name][split]
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise _damaged(file, f"content with the SHA-256 {expected}", f"{actual}")
    for line, text in enumerate(content.decode().splitlines(), start=1):
        yield Row(file, line, json.loads(text))


def _content(file: Path) -> bytes:
    try:
        return lzma.decompress(file.read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise _damaged(file, "an xz file", getattr(error, "strerror", "") or str(error)) from error


@cache
def _checksums(folder: Path) -> dict[str, dict[str, str]]:
    """SHA-256 of the content, by task and split."""
    file = folder / "sha256.json"
    try:
        checksums: dict[str, dict[str, str]] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(file, "a JSON file", getattr(error, "strerror", "") or str(error)) from error
    return checksums


def _damaged(file: Path, expected: str, found: str) -> SpotError:
    return SpotError(f"{file}: expected {expected}, found {found}", "install spot-transfer again")
