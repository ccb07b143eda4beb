"""Writing report files: the suffix decides the format, and a file appears whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bank.files import replace_file
from spot.errors import SpotError, did_you_mean
from spot.report.layout import quiet_glyphs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def checked_suffix(path: str | Path, suffixes: Sequence[str]) -> str:
    """The lower-case suffix of `path`; SpotError with the list when it is none of `suffixes`."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        found = f'"{suffix}"' if suffix else "no suffix"
        raise SpotError(
            f"{path}: expected a file name ending in {', '.join(suffixes)}, found {found}",
            f"the suffix chooses the format.{did_you_mean(suffix, suffixes)}",
        )
    return suffix


def write_atomic(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` atomically, creating its folder if needed. Raises BankError."""
    replace_file(Path(path), data)
    return Path(path)


def figure_bytes(figure: Figure, suffix: str, *, dpi: float = 150.0) -> bytes:
    """`figure` as PNG, SVG or PDF. SVG keeps text as text; equal figures give equal bytes."""
    import matplotlib

    metadata: dict[str, Any] = {
        ".png": {"Software": None},
        ".svg": {"Date": None},
        ".pdf": {"CreationDate": None},
    }[suffix]
    buffer = io.BytesIO()
    with quiet_glyphs(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "spot"}):
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """`rows` as CSV in UTF-8; floats with all their digits, so reading gives the same numbers."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
