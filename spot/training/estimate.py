"""How long a build will take, said within its first seconds: measured steps, scaled to the plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from spot.training.slots import Check, Reporter

# Steps are timed for so many seconds, but for so many steps at least; the shortest counts, since
# with a cold cache most of the first steps compile a new shape.
SECONDS, STEPS = 15.0, 5
# A validation row is one forward pass and a decoder pass a label; a training row runs backwards, too.
VALIDATION_COST = 0.5


@dataclass(frozen=True)
class Work:
    """What is left to do, in rows: of training, and of validation."""

    training: int
    validation: int

    @property
    def rows(self) -> float:
        """Everything as training rows."""
        return self.training + VALIDATION_COST * self.validation


class Estimating(Reporter):
    """Hands everything on to `inner`, and says once how long all of `work` will take.

    rows: training rows of one step of the first group, by which its steps are scaled to the work.
    """

    def __init__(
        self,
        inner: Reporter,
        work: Work,
        rows: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner.warnings)
        self._inner, self._work, self._rows, self._clock = inner, work, rows, clock
        self._begun = self._last = clock()
        self._times: list[float] = []
        self._spoken = False

    def begin(self, title: str, steps: int, done: int) -> None:
        self._inner.begin(title, steps, done)

    def advance(self, step: int, loss: float) -> None:
        self._inner.advance(step, loss)
        if self._spoken:
            return
        now = self._clock()
        self._times.append(now - self._last)
        self._last = now
        if len(self._times) >= STEPS and now - self._begun >= SECONDS:
            self._speak()

    def _speak(self) -> None:
        if self._spoken or not self._times:
            return
        self._spoken = True
        a_step = min(self._times)
        # loading and compiling
        overhead = self._last - self._begun - len(self._times) * a_step
        total = overhead + a_step / self._rows * self._work.rows
        self._inner.say(f"about {duration(total)} in all")

    def check(self, name: str, check: Check) -> None:
        self._inner.check(name, check)

    def end(self) -> None:
        self._speak()  # a group that is done sooner is measured whole
        self._inner.end()

    def say(self, text: str) -> None:
        self._inner.say(text)

    def warn(self, text: str) -> None:
        self._inner.warn(text)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(42), duration(100), duration(5400)
    ('42 seconds', '1.7 minutes', '1.5 hours')
    """
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours"
