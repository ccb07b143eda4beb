"""Progress on stderr: a line that moves on a terminal, a line now and then elsewhere; never silence.

What is being done is either a phase ("compiling the step") or the steps of a training. A terminal shows
it at once; elsewhere a thread prints it when nothing was printed for some seconds. Both end with the
block of `progress`, however it ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bank.characters import printable
from spot.report.interrupts import answered
from spot.training.slots import Check, Reporter

if TYPE_CHECKING:
    from spot.report.output import Output

SILENCE = 4.0  # seconds before a line says what is being done, where stderr is no terminal
TIMED_STEPS = 3  # steps after the first finished one from which time left is estimated
COMPILING = "compiling"  # how the phases begin whose time says nothing about the steps to come
WORKING = "working"
GRACE = 2.0  # seconds that a command has to end after a second Ctrl-C
STOPPED = "stopped; run the same command again to go on from the last checkpoint"
SHORTEST_BAR, LONGEST_BAR = 6, 24  # columns


@dataclass(frozen=True)
class Phase:
    """What is being done since `since`, in monotonic seconds."""

    text: str
    since: float

    def line(self, now: float) -> str:
        """The phase as it stands now.

        >>> Phase("compiling the step", 10.0).line(25.2), Phase("working", 10.0).line(10.1)
        ('compiling the step … 15 s', 'working …')
        """
        seconds = f"{now - self.since:.0f}"
        return f"{self.text} …" if seconds == "0" else f"{self.text} … {seconds} s"


@dataclass(frozen=True)
class Steps:
    """A training: `done` of `total` steps, the mean loss (NaN: there is none), the time left in seconds and
    the mean score of the last validation, if they are known.
    """

    title: str
    total: int
    done: int
    loss: float
    left: float | None
    score: float | None = None

    @property
    def numbers(self) -> str:
        """Step, loss, score and time left.

        >>> Steps("news", 80, 12, 0.5, None).numbers, Steps("news", 80, 12, 0.5, 90.0).numbers
        ('12/80, loss 0.500', '12/80, loss 0.500, about 1.5 minutes left')
        >>> Steps("news", 80, 12, 0.5, None, 71.25).numbers
        '12/80, loss 0.500, validation 71.2'
        """
        from spot.training.estimate import duration

        loss = f", loss {self.loss:.3f}" if math.isfinite(self.loss) else ""
        left = "" if self.left is None else f", about {duration(self.left)} left"
        score = "" if self.score is None else f", validation {self.score:.1f}"
        return f"{self.done}/{self.total}{loss}{score}{left}"


@dataclass(frozen=True)
class Clock:
    """The time of steps: `first` was finished at `since`, not counting what was compiled later."""

    first: int
    since: float

    def left(self, step: int, total: int, now: float) -> float | None:
        """Seconds from `step` to `total`; None until TIMED_STEPS steps were timed, and at the end.

        >>> clock = Clock(first=1, since=10.0)
        >>> clock.left(3, 11, now=12.0), clock.left(6, 11, now=15.0)
        (None, 5.0)
        """
        timed = step - self.first
        known = timed >= TIMED_STEPS and step < total
        return (now - self.since) / timed * (total - step) if known else None


class ConsoleReporter(Reporter):
    """Prints what training tells, and between `start` and `stop` shows what is being done.

    quiet: prints and shows nothing. verbose: prints details, and the duration of phases and trainings.
    ends_process: whether a second Ctrl-C may end it, as that of a command.
    """

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        verbose: bool = False,
        ends_process: bool = False,
    ) -> None:
        super().__init__()
        self._ends_process = ends_process
        self._console, self._quiet, self._verbose = console, quiet, verbose
        self._phase: Phase | None = Phase(WORKING, time.monotonic())
        self._training: Phase | None = None
        self._total = 0
        self._steps: Steps | None = None
        self._clock: Clock | None = None
        self._scores: dict[str, float] = {}
        self._printed = time.monotonic()
        self._live: Live | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to show what is being done."""
        if self._quiet:
            return
        if self._console.is_terminal:
            # Results on stdout pass by; warnings on stderr are printed above this line.
            self._live = Live(
                console=self._console,
                get_renderable=self.drawn,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()
        else:
            threading.Thread(target=self._print_lines, daemon=True).start()

    def stop(self) -> None:
        """Show nothing any more."""
        self._stopped.set()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def begin(self, title: str, steps: int, done: int) -> None:
        self._end_phase()
        if done:
            self.say(f"{title}: resumed at step {done}")
        self._training, self._total = Phase(printable(title), time.monotonic()), steps
        self._phase = self._steps = self._clock = None

    def phase(self, text: str) -> None:
        self._end_phase()
        self._phase = Phase(printable(text), time.monotonic())

    def advance(self, step: int, loss: float) -> None:
        self._end_phase()
        if self._training is None:
            return
        now = time.monotonic()
        self._clock = self._clock or Clock(step, now)
        left = self._clock.left(step, self._total, now)
        score = fmean(self._scores.values()) if self._scores else None
        self._steps = Steps(self._training.text, self._total, step, loss, left, score)

    def check(self, name: str, check: Check) -> None:
        if check.n:
            self._scores[name] = check.score
            self.detail(
                f"  {name}: step {check.step}, validation {check.score:.1f}, loss {check.loss:.3f}"
            )

    def end(self) -> None:
        self._end_phase()
        training, self._training, self._steps = self._training, None, None
        self._scores.clear()
        if training is not None:
            self.detail(f"{training.text}: {time.monotonic() - training.since:.1f} s")

    def say(self, text: str) -> None:
        self._end_phase()
        self._print(text)

    def detail(self, text: str) -> None:
        self._end_phase()
        if self._verbose:
            self._print(text)

    def warn(self, text: str) -> None:
        super().warn(text)
        self.say(f"warning: {text}")

    def interrupted(self, count: int) -> None:
        """Answer the count-th Ctrl-C, from any thread. After the second one, a command that does not end
        within GRACE is ended here: a compiler lets no exception through.
        """
        if count == 1:
            doing = "stopping" if self._training is None else "saving after this step"
            self._console.print(f"{doing} … (Ctrl-C again: at once)", highlight=False)
        elif self._ends_process and not self._stopped.wait(GRACE):
            self.stop()
            self._console.print(STOPPED, highlight=False)
            os._exit(130)

    def _print(self, text: str) -> None:
        if not self._quiet:
            self._printed = time.monotonic()
            self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def _end_phase(self) -> None:
        """What goes on is the training that has begun, or work without a name."""
        phase, now = self._phase, time.monotonic()
        if phase is not None and phase.text != WORKING:
            if self._clock is not None and phase.text.startswith(COMPILING):
                self._clock = replace(self._clock, since=self._clock.since + now - phase.since)
            if self._verbose:
                self._print(f"{phase.text}: {now - phase.since:.1f} s")
            phase = None
        self._phase = None if self._training else phase or Phase(WORKING, now)

    def line(self) -> str:
        """What is being done, in one line."""
        if self._phase is None and self._steps is not None:
            return f"{self._steps.title}: step {self._steps.numbers}"
        phase = self._phase or self._training or Phase(WORKING, self._printed)
        return phase.line(time.monotonic())

    def _print_lines(self) -> None:
        """Print a line after every silence, until `stop`."""
        while not self._stopped.wait(0.2):
            if time.monotonic() - self._printed >= SILENCE:
                self._print(self.line())

    def drawn(self) -> Table:
        """What is being done, on a terminal: a line, in which title and bar give way to the numbers."""
        steps, grid = self._steps, Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, min_width=1)
        if self._phase is not None or steps is None:
            grid.add_column(no_wrap=True, overflow="ellipsis")
            grid.add_row(SPINNER, Text(self.line()))
            return grid
        room = self._console.width - len(steps.numbers) - 5
        title = max(8, min(len(steps.title), room - SHORTEST_BAR))
        bar = max(SHORTEST_BAR, min(LONGEST_BAR, room - title))
        grid.add_column(no_wrap=True, overflow="ellipsis", width=title)
        grid.add_column(width=bar)
        grid.add_column(no_wrap=True)
        drawn = ProgressBar(total=steps.total, completed=steps.done, width=bar)
        grid.add_row(SPINNER, Text(steps.title), drawn, Text(steps.numbers))
        return grid


SPINNER = Spinner("dots")  # one for all, since it moves by the time since it was first drawn


@contextlib.contextmanager
def progress(out: Output | None = None) -> Iterator[ConsoleReporter]:
    """A reporter on stderr, as quiet or verbose as the output of a command; its display ends with the
    block. Ctrl-C is answered at once.
    """
    quiet, verbose = (out.quiet, out.verbose) if out is not None else (False, False)
    reporter = ConsoleReporter(
        Console(stderr=True), quiet=quiet, verbose=verbose, ends_process=out is not None
    )
    with answered(reporter.interrupted):
        reporter.start()
        try:
            yield reporter
        finally:
            reporter.stop()
