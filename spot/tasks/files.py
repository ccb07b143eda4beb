"""Rows of CSV, TSV, JSONL and Parquet files, with errors that name file and line.

UTF-8 only (a byte order mark is tolerated); blank lines are skipped; files are read as a stream. A
.csv whose header has semicolons and no comma is separated by semicolons, as spreadsheets write it, or
by what its first line says, as in "sep=;"; a column without a name is called "column 3" by its place.
In a .csv quotes are those of RFC 4180. In a .tsv they are characters like others, for most programs
write none: a line with as many cells as the header is a row, and only a cell that begins and ends as
RFC 4180 says loses its quotes. Parquet needs the extra "parquet".
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import hashlib
import itertools
import json
import math
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import numpy as np

from bank.characters import is_writable
from bank.errors import BankError
from bank.files import replace_file, settle, sha256_hex, stamp
from bank.reading import check_regular, open_regular, parse_json_data, read_json
from spot.errors import SpotError, did_you_mean
from spot.settings import shown

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
LINE = 1 << 26  # bytes of a line
CELL = (
    1 << 24
)  # characters of a quoted cell: a quote that is never closed would take the whole file


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
            names = list(map(str, self.fields))
            some = ", ".join(name[:60] for name in names[:40]) or "none"
            near = did_you_mean(field, names)
            raise self.error(f'a field "{field}"', f"the fields {some}.{near}")
        return self.fields[field]

    def text(self, field: str) -> str:
        """The field as text that is not empty."""
        value = self.value(field)
        if not isinstance(value, str):
            raise self.error(f'text in "{field}"', shown(value))
        if not value.strip():
            raise self.error(f'text in "{field}"', "empty text")
        if not is_writable(value):
            raise self.error(
                f'text in "{field}"', "half of a surrogate pair, which is no character"
            )
        return value

    def written(self, field: str) -> str:
        """The field as text that is not empty, where it may be a number, a date or UTF-8 in bytes, too."""
        value = plain(self.value(field))
        if type(value) is int or (isinstance(value, float) and math.isfinite(value)):
            return str(value) if type(value) is int else shown(value)
        return replace(self, fields={field: value}).text(field)

    def texts(self, field: str, count: int | None = None) -> tuple[str, ...]:
        """The field as a list of `count` texts (None: one or more), none of them empty."""
        return self._as_texts(field, self.value(field), count)

    def _as_texts(self, field: str, value: object, count: int | None = None) -> tuple[str, ...]:
        expected = f'a list of {count or "one or more"} texts in "{field}"'
        if not isinstance(value, list) or not value or (count and len(value) != count):
            raise self.error(expected, shown(value))
        if not all(isinstance(t, str) and t.strip() and is_writable(t) for t in value):
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


def plain(value: object) -> object:
    """A cell of a table or of a program as JSON has it: numpy's scalars as Python's, UTF-8 in bytes as
    text, decimals and dates as they are written; other values unchanged.

    >>> plain("café".encode()), plain(datetime.date(2024, 2, 29)), plain(True)
    ('café', '2024-02-29', True)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode("utf-8")
    if isinstance(value, Decimal) and value.is_nan():
        return None
    return str(value) if isinstance(value, _WRITTEN) else value


_WRITTEN = (Decimal, UUID, datetime.date, datetime.time, datetime.timedelta)


def is_missing(value: object) -> bool:
    """True for no value, and for what stands for one in tables: NaN, pandas's NA and NaT."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA answers every question with NA
        return True
    except ValueError:  # an array
        return False


def row_error(file: Path, line: int, expected: str, found: str, unit: str = "line") -> SpotError:
    """The error for one line (or other `unit`) of a data file."""
    return SpotError(
        f"{file}, {unit} {line}: expected {expected}, found {found}", "correct or remove the row"
    )


def _no_file(file: Path, error: OSError | ValueError) -> SpotError:
    reason = getattr(error, "strerror", None) or str(error)
    return SpotError(f"expected a data file at {file}, found: {reason}", "check the path")


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each line; SpotError names a line that is not UTF-8, and a pipe
    or a device in the file's place.
    """
    try:
        with open_regular(file) as stream:
            yield from decoded(stream, file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _no_file(file, error) from error


def decoded(stream: BinaryIO, file: Path) -> Iterator[tuple[int, str]]:
    """As `lines`, of an open stream; `file` names it in errors."""
    for number in itertools.count(1):
        raw = stream.readline(LINE + 1)
        if not raw:
            return
        if len(raw) > LINE:
            raise SpotError(
                f"{file}, line {number}: expected lines of at most {LINE:,} bytes, found a longer one",
                "write a row a line, as text",
            )
        if number == 1:
            _check_not_utf16(raw, file)
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = f"the byte 0x{raw[error.start]:02x} at place {error.start + 1}"
            raise SpotError(
                f"{file}, line {number}: expected UTF-8 text, found {byte} of the line",
                "save it as UTF-8, or convert it: iconv -f latin1 -t utf-8",
            ) from error


def _check_not_utf16(start: bytes, file: Path) -> None:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpotError(
            f"{file}: expected UTF-8 text, found the mark of UTF-16 in front",
            "save it as UTF-8, or convert it: iconv -f utf-16 -t utf-8",
        )


def jsonl_rows(file: Path) -> Iterator[Row]:
    """Rows of a file with one JSON object a line."""
    for number, line in lines(file):
        if line.strip():
            yield json_row(file, number, line)


def json_row(file: Path, number: int, line: str, unit: str = "line") -> Row:
    """The row of a JSON object. SpotError for text that is none."""
    try:
        fields = parse_json_data(line)
    except ValueError as error:
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at place {error.pos + 1} of the {unit}"
        raise row_error(
            file, number, "one JSON object a line", f"text that is not JSON ({reason})", unit
        ) from error
    if not isinstance(fields, dict):
        raise row_error(file, number, "a JSON object", shown(fields), unit)
    return Row(file, number, fields, unit)


def table_rows(file: Path, delimiter: str) -> Iterator[Row]:
    """Rows of a table whose first row names the columns; see above for its quotes."""
    numbered = lines(file)
    first = next(numbered, (1, ""))
    if delimiter == "," and (stated := re.fullmatch(r'"?sep=([,;|\t])"?\s*', first[1])):
        delimiter, first = stated[1], next(numbered, (2, ""))
    elif delimiter == "," and "," not in first[1] and ";" in first[1]:
        delimiter = ";"
    numbered = itertools.chain([first], numbered)
    records = _tab_separated(numbered) if delimiter == "\t" else _quoted(file, numbered, delimiter)
    number, names = next(records, (first[0], []))
    header = _header(file, number, names)
    for line, cells in records:
        if len(cells) != len(header):
            raise SpotError(
                f"{file}, line {line}: expected {len(header)} columns, found {len(cells)}",
                f"correct the row, or the names of the columns in line {number}: every column has one",
            )
        yield Row(file, line, dict(zip(header, cells, strict=True)))


def _header(file: Path, line: int, names: Sequence[str]) -> list[str]:
    """The names of the columns. Raises SpotError where there are none, and for a name of two columns."""
    header = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    expected = f"{file}, line {line}: expected a header row of distinct column names, found"
    if not any(name.strip() for name in names):
        raise SpotError(
            f"{expected} {'no names' if names else 'no text'}",
            "write the names of the columns, as text and label, above the rows",
        )
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    if twice:
        places = " and ".join(str(p) for p, name in enumerate(header, 1) if name == twice[0])
        raise SpotError(
            f'{expected} "{twice[0]}" for the columns {places}',
            f"give each column in line {line} a name of its own",
        )
    return header


def _quoted(
    file: Path, numbered: Iterator[tuple[int, str]], delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """The line where each row begins, and its cells, with quotes as in RFC 4180."""
    begun = 0  # the line of the row that is being read; 0 before its first

    def texts() -> Iterator[str]:
        nonlocal begun
        for number, text in numbered:
            begun = begun or number
            yield text

    csv.field_size_limit(max(CELL, csv.field_size_limit()))
    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    while True:
        begun = 0
        try:
            cells = next(reader, None)
        except csv.Error as error:
            says = [words for start, words in _TABLE_ERRORS.items() if start in str(error)]
            found = says[0] if says else str(error)
            raise row_error(file, begun, "a well-formed table row", found) from error
        if cells is None:
            return
        if cells:
            yield begun, cells


_TABLE_ERRORS = {
    "unexpected end of data": "a quote that is never closed",
    "field larger than": f"a cell of more than {CELL:,} characters, as of a quote that is never closed",
    "expected after": "text behind a quote that closes a cell: a quote inside a cell is written twice",
    "new-line character": "a carriage return inside a line: save the file with other line ends",
}
"""What csv says, and what it means."""


class _Lines:
    """Numbered lines, of which those that were taken last can be put back."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines, self._back = lines, deque[tuple[int, str]]()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._back.popleft() if self._back else next(self._lines)

    def put_back(self, taken: Sequence[tuple[int, str]]) -> None:
        """Give these again, in their order."""
        self._back.extendleft(reversed(taken))


def _tab_separated(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """The line where each row begins, and its cells. The first row tells how many there are.

    A line that has as many cells is a row. Another one, or one whose last cell opens a quote, may be the
    first of a row with quoted line ends or tabs.
    """
    lines, columns = _Lines(numbered), 0
    for number, text in lines:
        cells = _split(text)
        if cells == [""]:
            continue
        columns = columns or len(cells)
        opened = cells[-1].startswith('"') and not _QUOTED.fullmatch(cells[-1])
        quoted = _quoted_row(text, lines, columns) if opened or len(cells) != columns else []
        yield number, quoted or [_unquoted(cell) for cell in cells]


def _quoted_row(text: str, lines: _Lines, columns: int) -> list[str]:
    """The cells of the row that begins in a line, if RFC 4180 gives as many as there are columns; else [],
    and no line is taken. Where both the line and the one that closes its quote have as many cells, they
    are rows of their own.
    """
    taken: list[tuple[int, str]] = []

    def texts() -> Iterator[str]:
        yield text
        for after in lines:
            taken.append(after)
            yield after[1]

    csv.field_size_limit(max(CELL, csv.field_size_limit()))
    try:
        cells = next(csv.reader(texts(), delimiter="\t", strict=True), [])
    except csv.Error:
        cells = []
    own = all(len(_split(line)) == columns for line in (text, *(line for _, line in taken[-1:])))
    if len(cells) == columns and not own:
        return cells
    lines.put_back(taken)
    return []


_QUOTED = re.compile('"(?:[^"]|"")*"')


def _split(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t")


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if _QUOTED.fullmatch(cell) else cell


def parquet_rows(file: Path) -> Iterator[Row]:
    """Rows of a Parquet file, counted from 1. SpotError for a file that is no Parquet, and without
    pyarrow.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise SpotError(
            f"expected pyarrow to read {file}, found: {error}",
            "pip install 'spot-transfer[parquet]'",
        ) from error
    try:
        check_regular(file)
    except FileNotFoundError as error:
        raise SpotError(f"expected a data file at {file}, found none", "check the path") from error
    except (OSError, ValueError) as error:
        raise _no_file(file, error) from error
    rows = _parquet(file)
    for number in itertools.count(1):
        try:
            fields = next(rows, None)
        except SpotError:
            raise
        except (
            Exception
        ) as error:  # pyarrow raises its own, ValueError, OverflowError, MemoryError …
            raise SpotError(
                f"expected a parquet file at {file}, found: {error}", "download or write it again"
            ) from error
        if fields is None:
            return
        yield Row(file, number, fields, "row")


def _parquet(file: Path) -> Iterator[dict[str, object]]:
    """The rows' fields. Raises whatever pyarrow raises, and SpotError for two columns of one name."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file, page_checksum_verification=True) as table:
        names = table.schema_arrow.names
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SpotError(
                f'{file}: expected distinct column names, found "{twice[0]}" more than once',
                "give each column a name of its own",
            )
        for batch in table.iter_batches(batch_size=1024):
            yield from batch.to_pylist()


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
