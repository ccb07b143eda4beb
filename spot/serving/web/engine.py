"""One thread that owns the model: it answers the rows of many requests together.

Requests put rows into a bounded queue. The thread takes the first, waits a few milliseconds for others
unless a batch is full, and answers all of them at once. While the model works on a batch the next one
gathers, so that waiting costs nothing under load.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from spot.serving.predicting import Prediction, Predictor

_log = logging.getLogger(__name__)

Row = tuple[Predictor, str]
"""A text as the template of the predictor's task writes it, and who answers it."""


class Answering(Protocol):
    """A model with prompts in its memory. Called from one thread."""

    def hold(self, predictors: Sequence[Predictor]) -> None:
        """Keep the prompts of these predictors ready, and drop all others."""

    def answers(self, rows: Sequence[Row]) -> list[Prediction]:
        """The answer to each row, in order, also of predictors that are not held."""


class Watching(Protocol):
    """Who hears of the batches."""

    def batch(self, rows: int, seconds: float) -> None:
        """So many rows were answered at once in so many seconds."""


class Full(Exception):
    """The queue has no room; `seconds` until there may be some."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the queue is full; try again in {seconds} s")
        self.seconds = seconds


@dataclass(eq=False)
class Job:
    """The rows of one request. `future` has the answers to all of them, in order."""

    rows: Sequence[Row]
    arrived: float
    future: Future[list[Prediction]] = field(default_factory=Future)
    begun: int = 0
    answers: dict[int, Prediction] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """Rows that the model still has to read: a text is one for each prompt behind which it is read."""
        return sum(cost(row) for row in self.rows[self.begun :])


def cost(row: Row) -> int:
    """Rows of the model that a row takes: one for each prompt of an ensemble."""
    return len(row[0].prompts)


class Engine:
    """The queue and the thread that answers it."""

    def __init__(
        self,
        answering: Answering,
        *,
        queue: int = 1024,
        batch_rows: int = 32,
        batch_wait: float = 0.003,
        watching: Watching | None = None,
    ) -> None:
        """queue, batch_rows: in rows. batch_wait: seconds."""
        self._answering, self._watching = answering, watching
        self.queue, self.batch_rows, self.batch_wait = queue, batch_rows, batch_wait
        self._jobs: deque[Job] = deque()
        self._waiting = 0  # rows in the queue that are not begun
        self._rate = 0.0  # rows a second, smoothed
        self._held: Sequence[Predictor] | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="spot-model", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is queued, and end."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of the thread; True if it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """False once nothing is answered any more."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Rows that wait for the model."""
        return self._waiting

    def hold(self, predictors: Sequence[Predictor]) -> None:
        """Have the model keep the prompts of these predictors, and no others, from the next batch on."""
        with self._changed:
            self._held = predictors
            self._changed.notify()

    def submit(self, rows: Sequence[Row]) -> Job:
        """Queue the rows of a request. Raises Full where the queue has no room for them."""
        job = Job(rows, time.monotonic())
        needed = job.cost
        with self._changed:
            if self._stopped:
                raise Full(1)
            if self._waiting + needed > self.queue:
                raise Full(self._seconds(self._waiting + needed - self.queue))
            self._jobs.append(job)
            self._waiting += needed
            self._changed.notify()
        return job

    def drop(self, job: Job) -> None:
        """Forget a request: what is not begun of it leaves the queue, the rest is answered into nothing."""
        with self._changed:
            job.future.cancel()
            if job in self._jobs:
                self._jobs.remove(job)
                self._waiting -= job.cost

    def _seconds(self, rows: int) -> int:
        """Whole seconds, from 1 to 60, in which the model has read so many rows."""
        return min(max(math.ceil(rows / self._rate), 1), 60) if self._rate else 1

    def _run(self) -> None:
        while True:
            batch = self._gathered()
            with self._changed:
                held, self._held = self._held, None
            if held is not None:
                self._hold(held)
            if batch:
                self._answer(batch)
            elif self._stopped and not self._jobs:
                return

    def _gathered(self) -> list[tuple[Job, int]]:
        """The rows of the next batch, as numbers of rows of requests; none where there is other work."""
        with self._changed:
            while not self._jobs:
                if self._stopped or self._held is not None:
                    return []
                self._changed.wait()
            deadline = self._jobs[0].arrived + self.batch_wait
            while self._jobs and self._waiting < self.batch_rows and not self._stopped:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return self._taken()

    def _taken(self) -> list[tuple[Job, int]]:
        """Take rows from the queue until a batch is full, those of a request in order."""
        batch: list[tuple[Job, int]] = []
        room = self.batch_rows
        while self._jobs:
            job = self._jobs[0]
            if batch and cost(job.rows[job.begun]) > room:
                return batch
            if not job.begun and not job.future.set_running_or_notify_cancel():
                self._jobs.popleft()
                self._waiting -= job.cost
                continue
            while job.begun < len(job.rows):
                needed = cost(job.rows[job.begun])
                if (
                    needed > room and batch
                ):  # a row of more prompts than a batch has rows goes alone
                    return batch
                batch.append((job, job.begun))
                job.begun += 1
                room -= needed
                self._waiting -= needed
            self._jobs.popleft()
        return batch

    def _answer(self, batch: Sequence[tuple[Job, int]]) -> None:
        """Answer a batch, or its rows one by one where it fails: one bad row is not the others' fault."""
        rows = [job.rows[number] for job, number in batch]
        begun = time.monotonic()
        try:
            answers = self._answering.answers(rows)
        except Exception as error:
            if len(batch) > 1:
                _log.warning(
                    "a batch of %d rows failed; trying them one by one: %s", len(rows), error
                )
                for job, number in batch:
                    if not job.future.done():
                        self._answer([(job, number)])
            else:
                self._fail(batch[0][0], error)
            return
        seconds = time.monotonic() - begun
        size = sum(map(cost, rows))
        rate = size / max(seconds, 1e-6)
        self._rate = 0.8 * self._rate + 0.2 * rate if self._rate else rate
        if self._watching is not None:
            self._watching.batch(size, seconds)
        for (job, number), answer in zip(batch, answers, strict=True):
            job.answers[number] = answer
            if len(job.answers) == len(job.rows) and not job.future.done():
                job.future.set_result([job.answers[n] for n in range(len(job.rows))])

    def _fail(self, job: Job, error: Exception) -> None:
        """Tell a request's own fault to it alone; the rest of its rows are not read."""
        self.drop(job)
        if not job.future.done():
            job.future.set_exception(error)

    def _hold(self, predictors: Sequence[Predictor]) -> None:
        try:
            self._answering.hold(predictors)
        except Exception:
            _log.exception(
                "the prompts of the bank could not be placed; going on with those before"
            )
