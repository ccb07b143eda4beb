"""Progress of training on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from spot.training.slots import Check, Reporter

LINE_EVERY = 10.0  # seconds between progress lines when stderr is not a terminal


class ConsoleReporter(Reporter):
    """Draws a bar with an estimate of the time left; without a terminal, prints a line at times."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._title, self._steps, self._first = "", 0, 0
        self._began = self._last_line = 0.0

    def begin(self, title: str, steps: int, done: int) -> None:
        self._title, self._steps, self._first = title, steps, done
        self._began = self._last_line = time.monotonic()
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
        if now - self._last_line >= LINE_EVERY:
            self._last_line = now
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
    """A reporter on stderr; its bar is removed however the block ends."""
    reporter = ConsoleReporter(Console(stderr=True))
    try:
        yield reporter
    finally:
        reporter.end()
