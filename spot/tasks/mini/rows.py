"""The stored rows of the mini suite: one xz-compressed JSONL file a task and split.

A row has a column for each key of its task, and its class index under "label". `data/sha256.json`
holds the SHA-256 of the content of every file. `python -m pretraining.mini` writes them all.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

from spot.errors import SpotError
from spot.tasks.files import Row

DATA = Path(__file__).parent / "data"


def rows_file(name: str, split: str, folder: Path = DATA) -> Path:
    """The file of a task's split below `folder`."""
    return folder / name / f"{split}.jsonl.xz"


def checksums_file(folder: Path = DATA) -> Path:
    """The file of the SHA-256 sums of all contents, by task and split."""
    return folder / "sha256.json"


def read_rows(name: str, split: str, folder: Path = DATA) -> Iterator[Row]:
    """Read the rows of a split in order.

    Raises SpotError if a file is missing or its content is not the one that was written.
    """
    file = rows_file(name, split, folder)
    content = _content(file)
    expected = _checksum(name, split, folder)
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise _damaged(file, f"content with the SHA-256 {expected}", actual)
    for line, text in enumerate(content.splitlines(), start=1):
        yield Row(file, line, json.loads(text))


def _content(file: Path) -> bytes:
    try:
        return lzma.decompress(file.read_bytes())
    except OSError as error:
        raise _damaged(file, "a file", str(error.strerror)) from error
    except lzma.LZMAError as error:
        raise _damaged(file, "xz-compressed rows", str(error)) from error


def _checksum(name: str, split: str, folder: Path) -> str:
    file = checksums_file(folder)
    try:
        return str(json.loads(file.read_bytes())[name][split])
    except OSError as error:
        raise _damaged(file, "a file", str(error.strerror)) from error
    except (ValueError, LookupError, TypeError) as error:
        raise _damaged(file, f"the SHA-256 of {name}, {split}", "none") from error


def _damaged(file: Path, expected: str, actual: str) -> SpotError:
    return SpotError(f"{file}: expected {expected}, found {actual}", "install spot-transfer again")
