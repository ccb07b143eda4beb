"""Results on stdout: tables and sentences for people, JSON lines for programs; warnings on stderr.

A view of a result states it for both readers, once each. Which part is printed is the output's
business, chosen once when a command starts.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bank.characters import printable, visible

__all__ = ["JsonLines", "Output", "People", "Whole"]

GAP = 2  # spaces between columns on a terminal
NARROWEST = 6  # columns that a text keeps when others need the room


class Whole(str):
    """A cell that no table cuts or folds: an id, a path, a command line."""


class Output(Protocol):
    """The printer of a command's results.

    quiet: results and errors only, without warnings. verbose: details, too, on stderr.
    """

    quiet: bool
    verbose: bool

    def say(self, text: str) -> None:
        """A line for people."""

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; columns whose name ends in a space are aligned right.

        Where a terminal is too narrow, numbers, the first column of texts, and columns of `Whole` cells
        and paths stay as they are; the others are cut, with an ellipsis.
        """

    def record(self, content: Mapping[str, Any]) -> None:
        """A JSON object for programs; numbers that are not finite become null."""

    def detail(self, text: str) -> None:
        """A line for those who want to know more, on stderr."""

    def warn(self, text: str) -> None:
        """A warning for both, on stderr."""


class Spoken:
    """The part of an output that is printed on stderr."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose

    def detail(self, text: str) -> None:
        if self.verbose:
            print(printable(text), file=sys.stderr)

    def warn(self, text: str) -> None:
        if not self.quiet:
            print(visible(f"warning: {text}"), file=sys.stderr)


class People(Spoken):
    """Tables and sentences. Where stdout is no terminal a table has a line a row, with tabs between the
    cells. Control characters in names, labels and texts are escaped: they would steer the terminal.
    """

    def say(self, text: str) -> None:
        print(printable(text))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        if title:
            self.say(title)
        if sys.stdout.isatty():
            _print_grid(columns, list(rows))
            return
        for cells in ([name.strip() for name in columns], *rows):
            print("\t".join(map(_cell, cells)))

    def record(self, content: Mapping[str, Any]) -> None:
        pass


class JsonLines(Spoken):
    """A JSON object a line, and nothing else on stdout."""

    def say(self, text: str) -> None:
        pass

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        pass

    def record(self, content: Mapping[str, Any]) -> None:
        # Escapes of JSON where stdout could not write a character itself.
        ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
        print(json.dumps(_finite(content), ensure_ascii=ascii_only))


def _print_grid(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, cells = Console(), [[_cell(value) for value in row] for row in rows]
    widths = _widths(columns, rows, cells, console.width)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for name, width in zip(columns, widths, strict=True):
        side = "right" if name.endswith(" ") else "left"
        grid.add_column(Text(name.strip()), justify=side, width=width)  # type: ignore[arg-type]
    for row in cells:  # as they are, without mark-up, as are the names
        grid.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in row))
    needed = sum(widths) + GAP * len(widths)
    # Wider than the terminal if what stays whole is: the terminal wraps the lines, and copies them whole.
    console.width = max(console.width, needed)
    console.print(grid)


def _widths(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    cells: Sequence[Sequence[str]],
    available: int,
) -> list[int]:
    """The columns' widths: as the cells need, or less for texts that are not whole, the widest first."""
    from rich.cells import cell_len

    widths, least = [], []
    first = next((place for place, name in enumerate(columns) if not name.endswith(" ")), 0)
    for place, name in enumerate(columns):
        words = max(map(cell_len, name.split()), default=1)
        body = max((cell_len(row[place]) for row in cells), default=0)
        whole = name.endswith(" ") or place == first
        whole |= any(isinstance(row[place], Whole | Path) for row in rows)
        widths.append(max(body, cell_len(name.strip())))
        least.append(max(body, words) if whole else min(max(body, words), max(words, NARROWEST)))
    excess = sum(widths) + GAP * (len(widths) - 1) - available
    while excess > 0:
        loose = [place for place, width in enumerate(widths) if width > least[place]]
        if not loose:
            break
        widest = max(loose, key=lambda place: widths[place] - least[place])
        widths[widest] -= 1
        excess -= 1
    return widths


def wrapped(text: str) -> str:
    """The text of a long list, broken between words where stdout is a terminal."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def shown(value: object) -> str:
    """A value as people read it.

    >>> shown(None), shown(2.5), shown(("a", 1))
    ('–', '2.50', 'a, 1')
    """
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _cell(value: object) -> str:
    """A value as it stands in a table: in one line, and without what would steer a terminal."""
    return printable(" ".join(shown(value).splitlines()).replace("\t", " "))


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content
