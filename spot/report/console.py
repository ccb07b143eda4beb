"""How commands speak: tables for people (plain lines when piped), JSON lines for programs, progress.

Results go to stdout; progress and warnings to stderr.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from spot.training.slots import Check, Reporter

PIPED_WIDTH = 10_000  # columns: a table that is piped has one line a row, whatever its length
LINE_EVERY = 10.0  # seconds between progress lines when stderr is not a terminal


def _out() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def say(text: str) -> None:
    """A line on stdout, with no mark-up."""
    _out().print(text, markup=False, highlight=False, soft_wrap=True)


def print_json(content: Any) -> None:
    """One JSON line on stdout; numbers that are not finite become null."""
    print(json.dumps(_finite(content), ensure_ascii=False))


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns whose name ends in a space are aligned right."""
    out = _out()
    if title:
        say(title)
    shape = box.SIMPLE_HEAD if out.is_terminal else None
    gap = 1 if shape else 2  # a box puts a space between columns by itself
    grid = Table(box=shape, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for name in columns:
        grid.add_column(
            name.strip(), justify="right" if name.endswith(" ") else "left", overflow="fold"
        )
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    out.print(grid)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class ConsoleReporter(Reporter):
    """Draws a bar with an estimate of the time left, or prints a line now and then when piped."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._title, self._steps, self._began, self._first, self._spoke = "", 0, 0.0, 0, 0.0

    def begin(self, title: str, steps: int, done: int) -> None:
        self._title, self._steps, self._first = title, steps, done
        self._began = self._spoke = time.monotonic()
        if done:
            self.say(f"{title}: resumed at step {done}")
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(title, total=steps, completed=done)

    def advance(self, step: int, loss: float) -> None:
        if self._bar is not None:
            self._bar.update(
                self._task, completed=step, description=f"{self._title} loss {loss:.3f}"
            )
            return
        now = time.monotonic()
        if now - self._spoke >= LINE_EVERY:
            self._spoke = now
            left = (now - self._began) / max(step - self._first, 1) * (self._steps - step)
            self.say(
                f"{self._title}: step {step}/{self._steps}, loss {loss:.3f}, about {left:.0f} s left"
            )

    def check(self, name: str, check: Check) -> None:
        if check.n:
            self.say(
                f"  {name}: step {check.step}, validation {check.score:.1f}, loss {check.loss:.3f}"
            )

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        super().warn(text)
        self.say(f"warning: {text}")


@contextlib.contextmanager
def progress() -> Iterator[ConsoleReporter]:
    """A reporter on stderr; its bar is taken down whatever happens."""
    reporter = ConsoleReporter(Console(stderr=True))
    try:
        yield reporter
    finally:
        reporter.end()
