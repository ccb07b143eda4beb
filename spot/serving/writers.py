"""Tables of rows on their way into a file: CSV and TSV by RFC 4180, JSONL, Parquet.

A new format is one function and one line in WRITERS.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from spot.errors import SpotError, did_you_mean

Write = Callable[[Sequence[Mapping[str, object]]], None]
"""A function that writes more rows, by column."""

INT64 = range(-(2**63), 2**63)


@dataclass
class Columns:
    """The columns of a table in order, each with the types of the values seen in it; `source` is the
    Parquet file that some of them come from, whose types they keep.
    """

    types: dict[str, set[type]] = field(default_factory=dict)
    source: Path | None = None

    def see(self, row: Mapping[str, object]) -> None:
        """Take a row into account."""
        for name, value in row.items():
            seen = self.types.setdefault(name, set())
            if value is not None:
                seen.add(object if type(value) is int and value not in INT64 else type(value))

    @property
    def names(self) -> list[str]:
        """The names in order."""
        return list(self.types)


def writer_of(
    path: Path, what: str = "the answers", option: str = "--out"
) -> Callable[[Path, Columns], AbstractContextManager[Write]]:
    """The writer for a file's suffix. what, option: of the file, for errors. Raises SpotError for another
    suffix, and without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise SpotError(
            f"expected a file ending in {', '.join(WRITERS)} for {what}, found {path}."
            + did_you_mean(suffix, WRITERS),
            f"change the suffix of {option}",
        )
    if suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise SpotError(
                f"expected pyarrow to write {path}, found: {error}",
                "pip install 'spot-transfer[parquet]', or write .csv",
            ) from error
    return WRITERS[suffix]


@contextlib.contextmanager
def _separated(delimiter: str, path: Path, columns: Columns) -> Iterator[Write]:
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        table = csv.writer(stream, delimiter=delimiter)  # ends rows in CR LF
        table.writerow(columns.names)

        def write(rows: Sequence[Mapping[str, object]]) -> None:
            table.writerows([_cell(row.get(name)) for name in columns.names] for row in rows)

        yield write


@contextlib.contextmanager
def _lines(path: Path, columns: Columns) -> Iterator[Write]:
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:

        def write(rows: Sequence[Mapping[str, object]]) -> None:
            for row in rows:
                plain = {name: None if value != value else value for name, value in row.items()}
                stream.write(f"{_json(plain)}\n")

        yield write


@contextlib.contextmanager
def _parquet(path: Path, columns: Columns) -> Iterator[Write]:
    import pyarrow
    import pyarrow.parquet

    own = pyarrow.parquet.read_schema(columns.source) if columns.source else pyarrow.schema([])
    plain = {
        frozenset({bool}): pyarrow.bool_(),
        frozenset({int}): pyarrow.int64(),
        frozenset({float}): pyarrow.float64(),
        frozenset({int, float}): pyarrow.float64(),
    }
    types: dict[str, Any] = {}
    for name, seen in columns.types.items():
        kept = own.field(name).type if name in own.names else None
        types[name] = kept or plain.get(frozenset(seen), pyarrow.string())
    text = {name for name in columns.types if name not in own.names and types[name] == "string"}

    def array(name: str, rows: Sequence[Mapping[str, object]]) -> Any:
        values = [row.get(name) for row in rows]
        if name in text:
            values = [None if value is None else _cell(value) for value in values]
        try:
            return pyarrow.array(values, types[name])
        except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise SpotError(
                f'expected values of the type {types[name]} in the column "{name}", found: {error}',
                "write another format, for example .jsonl",
            ) from error

    with pyarrow.parquet.ParquetWriter(path, pyarrow.schema(list(types.items()))) as table:

        def write(rows: Sequence[Mapping[str, object]]) -> None:
            table.write_table(pyarrow.table({name: array(name, rows) for name in types}))

        yield write


WRITERS: dict[str, Callable[[Path, Columns], AbstractContextManager[Write]]] = {
    ".csv": partial(_separated, ","),
    ".tsv": partial(_separated, "\t"),
    ".jsonl": _lines,
    ".parquet": _parquet,
}
"""The formats of answers, by suffix."""


def _cell(value: object) -> str:
    """A value in a cell: text as it is, nothing and NaN as an empty cell, numbers, lists and objects as
    JSON has them, everything else as its text.

    >>> [_cell(value) for value in ("a", None, float("nan"), True, 1.5, ["x"])]
    ['a', '', '', 'true', '1.5', '["x"]']
    """
    if value is None or value != value:
        return ""
    return _json(value) if isinstance(value, bool | int | float | list | dict) else str(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
