"""Results on stdout: tables and sentences for people, JSON lines for programs; warnings on stderr.

A view of a result states it for both readers, once each. Which part is printed is the output's
business, chosen once when a command starts.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["JsonLines", "Output", "People"]

PIPED_WIDTH = 10_000  # columns: a table that is piped has one line a row, whatever its length


class Output(Protocol):
    """The printer of a command's results."""

    def say(self, text: str) -> None:
        """A line for people."""

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; columns whose name ends in a space are aligned right."""

    def record(self, content: Mapping[str, Any]) -> None:
        """A JSON object for programs; numbers that are not finite become null."""

    def warn(self, text: str) -> None:
        """A warning for both, on stderr."""


class People:
    """Tables and sentences; without boxes and with one line a row when stdout is no terminal."""

    def say(self, text: str) -> None:
        print(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        if title:
            self.say(title)
        console = _console()
        shape = box.SIMPLE_HEAD if console.is_terminal else None
        gap = 1 if shape else 2  # a box puts a space between columns by itself
        grid = Table(box=shape, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
        for name in columns:
            side = "right" if name.endswith(" ") else "left"
            grid.add_column(name.strip(), justify=side, overflow="fold")  # type: ignore[arg-type]
        for row in rows:
            grid.add_row(*(Text(_cell(value)) for value in row))  # as it is, without mark-up
        console.print(grid)

    def record(self, content: Mapping[str, Any]) -> None:
        pass

    def warn(self, text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)


class JsonLines:
    """A JSON object a line, and nothing else on stdout."""

    def say(self, text: str) -> None:
        pass

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        pass

    def record(self, content: Mapping[str, Any]) -> None:
        print(json.dumps(_finite(content), ensure_ascii=False))

    def warn(self, text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content
