"""Rows of CSV, TSV, JSONL and Parquet files, with errors that name file and line.

UTF-8 only (a byte order mark is tolerated); blank lines are skipped; files are read as a stream. A
.csv whose header has semicolons and no comma is separated by semicolons, as spreadsheets write it; a
column without a name is called "column 3" by its place. Parquet needs the extra "parquet".
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bank.errors import BankError
from bank.files import replace_file, settle, sha256_hex, stamp
from bank.reading import open_regular, read_json
from spot.errors import SpotError, did_you_mean
from spot.settings import shown

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Row:
    """One row of a data file: its fields by name, and its place; `line` counts `unit`s from 1."""

    file: Path
    line: int
    fields: Mapping[str, object]
    unit: str = "line"

    def error(self, expected: str, found: str) -> SpotError:
        """The error for this row, naming file and line."""
        return row_error(self.file, self.line, expected, found, self.unit)

    def value(self, field: str) -> object:
        """The field unchanged; SpotError when the row has none of that name."""
        if field not in self.fields:
            names = ", ".join(map(str, self.fields)) or "none"
            raise self.error(
                f'a field "{field}"', f"the fields {names}.{did_you_mean(field, self.fields)}"
            )
        return self.fields[field]

    def text(self, field: str) -> str:
        """The field as text that is not empty."""
        value = self.value(field)
        if not isinstance(value, str):
            raise self.error(f'text in "{field}"', shown(value))
        if not value.strip():
            raise self.error(f'text in "{field}"', "empty text")
        if not _writable(value):
            raise self.error(
                f'text in "{field}"', "half of a surrogate pair, which is no character"
            )
        return value

    def texts(self, field: str, count: int | None = None) -> tuple[str, ...]:
        """The field as a list of `count` texts (None: one or more), none of them empty."""
        return self._as_texts(field, self.value(field), count)

    def _as_texts(self, field: str, value: object, count: int | None = None) -> tuple[str, ...]:
        expected = f'a list of {count or "one or more"} texts in "{field}"'
        if not isinstance(value, list) or not value or (count and len(value) != count):
            raise self.error(expected, shown(value))
        if not all(isinstance(t, str) and t.strip() and _writable(t) for t in value):
            raise self.error(expected, shown(value))
        return tuple(value)

    def inner(self, field: str, name: str) -> object:
        """The member `name` of a field that is an object."""
        value = self.value(field)
        if not isinstance(value, dict) or name not in value:
            raise self.error(f'an object with "{name}" in "{field}"', shown(value))
        return value[name]

    def inner_texts(self, field: str, name: str) -> tuple[str, ...]:
        """The member `name` of an object as a list of texts, none of them empty."""
        return self._as_texts(f"{field}.{name}", self.inner(field, name))

    def label(self, labels: Sequence[str], field: str = "label") -> int:
        """The field as a class index into `labels`."""
        value = self.value(field)
        if type(value) is not int or not 0 <= value < len(labels):
            some = ", ".join(f"{i} = {word}" for i, word in enumerate(labels[:6]))
            some += ", …" if len(labels) > 6 else ""
            raise self.error(
                f'a whole number from 0 to {len(labels) - 1} in "{field}" ({some})', shown(value)
            )
        return value

    def number(self, field: str, low: float, high: float) -> float:
        """The field as a number from `low` to `high`."""
        value = self.value(field)
        wrong_type = isinstance(value, bool) or not isinstance(value, int | float)
        if wrong_type or not low <= value <= high:  # type: ignore[operator]
            raise self.error(f'a number from {low:g} to {high:g} in "{field}"', shown(value))
        return float(value)  # type: ignore[arg-type]


def _writable(text: str) -> bool:
    """True if UTF-8 can encode the text; JSON's escapes can spell lone surrogates, which it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def row_error(file: Path, line: int, expected: str, found: str, unit: str = "line") -> SpotError:
    """The error for one line (or other `unit`) of a data file."""
    return SpotError(
        f"{file}, {unit} {line}: expected {expected}, found {found}", "correct or remove the row"
    )


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each line; SpotError names a line that is not UTF-8."""
    try:
        with open(file, "rb") as stream:
            yield from decoded(stream, file)
    except OSError as error:
        raise SpotError(
            f"expected a data file at {file}, found: {error.strerror}", "check the path"
        ) from error


def decoded(stream: Iterable[bytes], file: Path) -> Iterator[tuple[int, str]]:
    """As `lines`, of an open stream; `file` names it in errors."""
    for number, raw in enumerate(stream, start=1):
        if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
            raw = raw[3:]
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = f"the byte 0x{raw[error.start]:02x} at place {error.start + 1}"
            raise SpotError(
                f"{file}, line {number}: expected UTF-8 text, found {byte} of the line",
                "save it as UTF-8, or convert it: iconv -f latin1 -t utf-8",
            ) from error


def jsonl_rows(file: Path) -> Iterator[Row]:
    """Rows of a file with one JSON object a line."""
    for number, line in lines(file):
        if line.strip():
            yield json_row(file, number, line)


def json_row(file: Path, number: int, line: str, unit: str = "line") -> Row:
    """The row of a JSON object. SpotError for text that is none."""
    try:
        fields = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise row_error(
            file, number, "one JSON object a line", f"text that is not JSON ({error})", unit
        ) from error
    if not isinstance(fields, dict):
        raise row_error(file, number, "a JSON object", shown(fields), unit)
    return Row(file, number, fields, unit)


def table_rows(file: Path, delimiter: str) -> Iterator[Row]:
    """Rows of a table whose first row names the columns; quotes as in RFC 4180."""
    text = (line for _, line in lines(file))
    first = next(text, "")
    if delimiter == "," and "," not in first and ";" in first:
        delimiter = ";"
    reader = csv.reader(itertools.chain([first], text), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        header = [name or f"column {place}" for place, name in enumerate(names, start=1)]
        if not any(names) or len(set(header)) < len(header):
            raise row_error(file, 1, "a header row of distinct column names", shown(header))
        start = reader.line_num + 1
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                raise row_error(file, line, f"{len(header)} columns", f"{len(cells)}")
            yield Row(file, line, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise row_error(
            file, max(reader.line_num, 1), "a well-formed table row", str(error)
        ) from error


def parquet_rows(file: Path) -> Iterator[Row]:
    """Rows of a Parquet file, counted from 1. SpotError for a file that is no Parquet, and without
    pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SpotError(
            f"expected pyarrow to read {file}, found: {error}",
            "pip install 'spot-transfer[parquet]'",
        ) from error
    if not file.is_file():
        raise SpotError(f"expected a data file at {file}, found none", "check the path")
    number = itertools.count(1)
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    yield Row(file, next(number), fields, "row")
    except (OSError, pyarrow.ArrowException) as error:
        raise SpotError(
            f"expected a parquet file at {file}, found: {error}", "download or write it again"
        ) from error


def data_rows(file: Path) -> Iterator[Row]:
    """Rows of a .csv, .tsv, .jsonl or .parquet file, by its suffix."""
    suffix = file.suffix.lower()
    if suffix == ".jsonl":
        return jsonl_rows(file)
    if suffix == ".parquet":
        return parquet_rows(file)
    if suffix in (".csv", ".tsv"):
        return table_rows(file, "," if suffix == ".csv" else "\t")
    raise SpotError(
        f"expected a data file ending in {', '.join(SUFFIXES)}, found {file}",
        "convert the file to one of these",
    )


def file_sha256(file: Path, cache_dir: Path | None = None) -> str:
    """Hex sha256 of a file's bytes.

    With `cache_dir` it is cached there by path and `bank.files.stamp`, so a large unchanged file is
    read once; a cache that cannot be read or written, or is damaged, is no error.
    """
    try:
        facts, place = stamp(file), str(file.resolve())
        note = None
        if cache_dir is not None:
            note = cache_dir / "hashes" / f"{sha256_hex(os.fsencode(place))}.json"
            cached = _read_note(note, [place, *facts])
            if cached is not None:
                return cached
        with open_regular(file) as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SpotError(
            f"expected a data file at {file}, found: {error.strerror}", "check the path"
        ) from error
    if note is not None:
        settle(facts[-1])
        _write_note(note, [place, *facts], content)
    return content


def _read_note(note: Path, facts: list[object]) -> str | None:
    """The digest in a note about a file with these facts; None for another or a damaged note."""
    try:
        *stated, content, checksum = read_json(note)
    except (OSError, ValueError, TypeError):
        return None
    whole = checksum == _note_checksum(facts, content)
    return content if whole and stated == facts else None


def _write_note(note: Path, facts: list[object], content: str) -> None:
    text = json.dumps([*facts, content, _note_checksum(facts, content)])
    with contextlib.suppress(BankError):  # the cache only saves time
        replace_file(note, text.encode())


def _note_checksum(facts: list[object], content: object) -> str:
    return sha256_hex(json.dumps([facts, content]))
