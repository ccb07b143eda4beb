"""The answers so far to the rows of a file, beside the file of answers that will be written from them.

A first line says what they are made from; every further line holds the answers to a chunk of rows with a
checksum, and is flushed to the disk before the next chunk is answered. A process that is killed at any
moment loses the chunk that it was at: an incomplete last line is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spot
from bank.files import replace_file, sealed, unsealed, writing
from bank.reading import LIMIT, open_regular
from spot.errors import SpotError
from spot.training.slots import Reporter

FORMAT = 1


def journal_path(target: Path) -> Path:
    """The place of the answers so far, beside the file of answers.

    >>> journal_path(Path("new/answers.csv")).name
    'answers.csv.so-far'
    """
    return target.with_name(f"{target.name}.so-far")


@dataclass(frozen=True)
class Journal:
    """The answers to the first `rows` rows; `path` holds nothing but whole chunks."""

    path: Path
    rows: int

    @classmethod
    def begin(cls, path: Path, made_from: Mapping[str, Any], reporter: Reporter) -> Journal:
        """The journal at a path, continued where its answers are made from the same, else begun anew, which
        is said. made_from: everything that the answers depend on, as JSON values.

        Raises SpotError for a file that is no such journal, BankError for a place that cannot be written.
        """
        header = _made(made_from)
        stored = _header(path) if path.exists() else None
        if stored == header:
            return cls(path, _cut(path))
        if stored is not None:
            reporter.say(f"{path}: {_changed(stored, header)}; all rows are answered again")
        replace_file(path, _line(header))
        return cls(path, 0)

    def add(self, first: int, answers: Sequence[Any]) -> None:
        """Append the answers to the rows from `first` on, one JSON value a row; returns once they are on
        the disk. Raises BankError.
        """
        with writing(self.path), open(self.path, "ab") as stream:
            stream.write(_line({"first": first, "answers": list(answers)}))
            stream.flush()
            os.fsync(stream.fileno())

    def chunks(self) -> Iterator[list[Any]]:
        """The answers of each chunk, in order."""
        for _, answers, _ in _chunks(self.path):
            yield answers


def discard(path: Path, made_from: Mapping[str, Any]) -> None:
    """Remove the journal of answers that are made from this, if it is there. Raises BankError."""
    with contextlib.suppress(SpotError):  # no journal at all: it is not ours
        if path.exists() and _header(path) == _made(made_from):
            with writing(path):
                path.unlink(missing_ok=True)


def _made(made_from: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the first line."""
    plain = json.loads(json.dumps(made_from))
    return {"format": FORMAT, "version": spot.__version__, "made from": plain}


def _line(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(sealed(content)) + "\n").encode()


def _header(path: Path) -> dict[str, Any]:
    """The first line. Raises SpotError for a file that has no such one."""
    try:
        with open_regular(path) as stream:
            header = unsealed(json.loads(stream.readline(LIMIT)))
        if "made from" in header:
            return header
        reason = "its first line is another"
    except (OSError, ValueError) as error:
        reason = str(error)
    raise SpotError(
        f"expected the answers so far, or nothing, at {path}, found another file ({reason})",
        "move it away, or name another file with --out",
    )


def _changed(stored: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """In what two headers differ, as a sentence."""
    if (stored.get("format"), stored.get("version")) != (FORMAT, header["version"]):
        return "another version wrote the answers so far"
    old, new = stored["made from"], header["made from"]
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"the answers so far are of another {', another '.join(names)}"


def _chunks(path: Path) -> Iterator[tuple[int, list[Any], int]]:
    """Of each whole chunk the number of its first row, its answers, and the place of its end."""
    rows = 0
    with open_regular(path) as stream:
        stream.readline()
        for line in stream:
            try:
                chunk = unsealed(json.loads(line))
            except ValueError:
                return
            if not line.endswith(b"\n") or chunk.get("first") != rows:
                return
            rows += len(chunk["answers"])
            yield chunk["first"], chunk["answers"], stream.tell()


def _cut(path: Path) -> int:
    """Cut off what stands behind the last whole chunk; the number of rows that are answered."""
    rows, end = 0, None
    for first, answers, place in _chunks(path):
        rows, end = first + len(answers), place
    if end is None:
        with open_regular(path) as stream:
            end = len(stream.readline())
    with writing(path):
        if path.stat().st_size > end:
            os.truncate(path, end)
    return rows
