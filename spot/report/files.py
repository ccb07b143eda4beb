"""Report files: a table of writers by suffix chooses the format; a file is whole or absent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bank.files import replace_file
from spot.errors import SpotError, did_you_mean
from spot.report.layout import quiet_glyphs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Picture formats and the metadata without which equal figures give equal bytes.
PICTURES: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
Writer = TypeVar("Writer")


def writer_for(path: str | Path, writers: Mapping[str, Writer]) -> Writer:
    """The writer of the path's suffix, in upper or lower case; SpotError lists the suffixes."""
    suffix = Path(path).suffix.lower()
    if suffix not in writers:
        found = f'"{suffix}"' if suffix else "no suffix"
        raise SpotError(
            f"{path}: expected a file name ending in {', '.join(writers)}, found {found}",
            f"the suffix chooses the format.{did_you_mean(suffix, writers)}",
        )
    return writers[suffix]


def write_atomic(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` atomically, creating its folder if needed. Raises BankError."""
    replace_file(Path(path), data)
    return Path(path)


def figure_bytes(figure: Figure, suffix: str, *, dpi: float = 150.0) -> bytes:
    """`figure` in a format of PICTURES. SVG keeps text as text; equal figures give equal bytes."""
    import matplotlib

    buffer = io.BytesIO()
    with quiet_glyphs(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "spot"}):
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=PICTURES[suffix])
    return buffer.getvalue()


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """`rows` as CSV in UTF-8; floats with all their digits, so reading gives the same numbers."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
