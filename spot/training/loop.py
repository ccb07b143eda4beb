"""The training loop, for prompts and for whole models: steps, checks, patience, checkpoints.

Only this module of training has side effects. A run's folder holds metrics.jsonl and, until the run
is done, checkpoints. A run that is killed and called again resumes from the last checkpoint and gives
the numbers of an unbroken run, because batches and dropout are functions of (seed, step). Nothing reads
metrics.jsonl: a checkpoint holds its lines too, and a resumed run writes them anew.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from bank.files import replace_file, sha256_hex, writing
from spot.models.runtime import device_errors
from spot.prompts.kind import Arrays
from spot.training.checkpoint import Checkpoints
from spot.training.slots import (
    BEST_SCORE,
    Check,
    Reporter,
    Result,
    StartLoss,
    Validation,
    best_check,
)
from spot.training.trackers.tracker import Tracked
from spot.training.trackers.tracking import Tracking

METRICS = "metrics.jsonl"
"""The file in a run's folder with its losses and checks, a line each."""


class Schedule(NamedTuple):
    """Durations in steps; without `key_step` there is no key.

    `patience` counts regular checks, those of `check_every`, without a better score; 0: all steps are
    made. `early` are the steps of further checks, 0 for one of the start: they show a head start, may be
    the best, and cost no patience. `settles`: the learning rate falls to zero, see `best_check`.
    """

    steps: int
    check_every: int
    key_step: int | None = None
    patience: int = 0
    early: tuple[int, ...] = ()
    settles: bool = False

    def is_regular(self, step: int) -> bool:
        """True if a check of `check_every`, or the last one, is due after so many steps, from 1."""
        return step % self.check_every == 0 or step == self.steps

    def exhausted(self, history: Sequence[Check], step: int) -> bool:
        """True if a slot with these checks stops at this step: its patience has run out, or no score can
        be better than its best. Never before its key.
        """
        best = best_check(history)
        if not self.patience or best is None or (self.key_step or 0) > step:
            return False
        waited = sum(self.is_regular(check.step) for check in history if check.step > best.step)
        return waited >= self.patience or best.score >= BEST_SCORE


class Learner(Protocol):
    """S prompts, or the weights of one model (S = 1), as the loop trains them.

    The state is a NamedTuple, a pytree, with the field `active`, bool [S].
    """

    rows: Sequence[dict[str, Any]]
    """Fields that identify each of the S in metrics.jsonl."""
    labels: Sequence[str]
    """The names of the S in messages."""

    def start(self) -> Any:
        """The state before the first step."""

    def step(self, state: Any, step: int) -> tuple[Any, dict[str, jax.Array]]:
        """The state after a step, counted from 0, with `loss` (nats a target token) and `finite`, [S] each.

        A slot whose loss is not finite is no longer active.
        """

    def arrays(self, state: Any, index: int) -> Arrays:
        """The trained arrays of one slot."""

    def validate(self, arrays: Arrays, index: int) -> Validation:
        """The scores on validation; reads only."""

    def compiles(self, step: int) -> bool:
        """True if a step, counted from 0, has arrays of a shape that none had that was asked for before."""

    def start_losses(self) -> Sequence[StartLoss]:
        """The losses before training: one a slot, or none."""

    def facts(self, state: Any, index: int) -> dict[str, float]:
        """What a check's line in metrics.jsonl says of one slot beside its scores; no field of `Check`."""


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that a step is never cut in the middle; a second one
    acts at once. Where Ctrl-C is ignored (a job in the background), it stays ignored.
    """
    event = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is signal.SIG_IGN:
        yield event
        return

    def note(_number: int, _frame: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)


def train(
    learner: Learner,
    schedule: Schedule,
    folder: Path,
    *,
    title: str = "",
    validate: bool = True,
    reporter: Reporter | None = None,
    trackers: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Train for `schedule.steps`, or until every slot has stopped; one result a slot.

    validate: score each slot every `check_every` steps and keep the best; without it the value is that
    of the last check. trackers: keys of `spot.training.trackers.table.TRACKERS`, which are told of the
    config, JSON values, and of every check. One process at a time may train in a folder: hold
    `spot.training.runs.alone`.
    Raises SpotError or BankError when the folder cannot be written or memory is short. KeyboardInterrupt
    saves a checkpoint first.
    """
    reporter = reporter or Reporter()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    reporter.phase("looking for a checkpoint")
    with (
        device_errors(),
        contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints,
        Tracking(trackers, tracked(learner, folder, title, config or {}), reporter) as tracking,
    ):
        run = _Run(learner, schedule, folder, validate, reporter, checkpoints, tracking)
        begin = run.restore()
        if begin == 0:
            run.check_start()
        reporter.begin(title, schedule.steps, begin)
        run.steps(begin)
        reporter.end()
    return run.results()


def tracked(learner: Learner, folder: Path, title: str, config: Mapping[str, Any]) -> list[Tracked]:
    """What trackers are told of each of the S: resumed runs are those of the same folder."""
    return [
        Tracked(
            f"{own.get('slot', folder.name)}-s{own['seed']}",
            title,
            sha256_hex(f"{folder.name} {index}")[:16],
            folder,
            {**config, **own},
        )
        for index, own in enumerate(learner.rows)
    ]


class _Run:
    """One call of `train`: its collaborators and its progress."""

    def __init__(
        self,
        learner: Learner,
        schedule: Schedule,
        folder: Path,
        validate: bool,
        reporter: Reporter,
        checkpoints: Checkpoints,
        tracking: Tracking,
    ) -> None:
        self.learner, self.schedule, self.folder = learner, schedule, folder
        self.validate, self.reporter = validate, reporter
        self.checkpoints, self.tracking = checkpoints, tracking
        self.count = count = len(learner.labels)
        self.state = learner.start()
        self.value = [learner.arrays(self.state, index) for index in range(count)]
        # Zeros until the key step, so that a checkpoint has one structure from the first to the last.
        self.key = [_zeros(arrays) for arrays in self.value if schedule.key_step is not None]
        self.has_key = np.zeros(count, bool)
        self.failed_step = np.zeros(count, np.int32)
        self.loss_sum = np.zeros(count, np.float32)
        self.loss_count = np.zeros(count, np.int32)
        self.history: list[list[Check]] = [[] for _ in range(count)]
        self.rows: list[dict[str, Any]] = []  # of metrics.jsonl

    PROGRESS = ("value", "key", "has_key", "failed_step", "loss_sum", "loss_count")

    def tree(self) -> dict[str, Any]:
        """Everything that the next step depends on, as a checkpoint holds it."""
        progress = {name: getattr(self, name) for name in self.PROGRESS}
        return {"state": self.state, "progress": {k: v for k, v in progress.items() if len(v)}}

    def restore(self) -> int:
        """Restore the newest whole checkpoint; returns the number of steps that are done."""
        restored = self.checkpoints.restore(self.tree())
        step = 0
        if restored is not None:
            step, tree = restored
            self.state = jax.tree.map(jnp.asarray, tree["state"])
            for name, value in tree["progress"].items():
                setattr(self, name, jax.tree.map(np.array, value))
            self.rows = self.checkpoints.notes
            self.history = self.checks()
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        replace_file(self.folder / METRICS, text.encode())
        for index in range(self.count):
            for row in self.rows_of(index):
                self.tracking.log(index, row)
        return step

    def steps(self, step: int) -> None:
        """Train from this step to the last; save a checkpoint at every check and on Ctrl-C."""
        schedule = self.schedule
        with deferred_interrupt() as interrupted:
            while step < schedule.steps and np.asarray(self.state.active).any():
                if self.learner.compiles(step):
                    self.reporter.phase("compiling the step")
                self.state, numbers = self.learner.step(self.state, step)
                step += 1
                self.account(numbers, step)
                if step == schedule.key_step:
                    self.take_keys()
                if schedule.is_regular(step):
                    self.check(step)
                    self.checkpoints.save(step, self.tree(), self.rows)
                elif step in schedule.early:
                    self.check(step)
                if interrupted.is_set():
                    self.checkpoints.save(step, self.tree(), self.rows)
                    raise KeyboardInterrupt

    def take_keys(self) -> None:
        """Keep the arrays of every active slot as its key."""
        for index in np.flatnonzero(np.asarray(self.state.active)).tolist():
            self.key[index] = self.learner.arrays(self.state, index)
            self.has_key[index] = True

    def account(self, numbers: dict[str, jax.Array], step: int) -> None:
        """Sum the losses, and warn of every slot whose loss is not finite any more."""
        loss, finite = np.asarray(numbers["loss"]), np.asarray(numbers["finite"])
        failed = ~finite | ~np.isfinite(loss)
        for index in np.flatnonzero(failed & (self.failed_step == 0)).tolist():
            self.failed_step[index] = step
            self.reporter.warn(
                f"{self.learner.labels[index]}: the loss is not finite at step {step}; it stops there "
                "and keeps its best (lower the learning rate)"
            )
        active = np.asarray(self.state.active)
        self.loss_sum[active] += loss[active]
        self.loss_count[active] += 1
        self.reporter.advance(step, float(loss[active].mean()) if active.any() else math.nan)

    def check(self, step: int) -> None:
        """Validate every active slot, keep its best arrays, and stop it when its patience has run out."""
        schedule, active = self.schedule, np.array(self.state.active)
        for index in np.flatnonzero(active).tolist():
            arrays = self.learner.arrays(self.state, index)
            loss = float(self.loss_sum[index] / max(self.loss_count[index], 1))
            history = self.history[index]
            history.append(self.validation(arrays, index, step, loss))
            facts = self.learner.facts(self.state, index)
            self.record(index, {**facts, **history[-1].to_json()})
            self.reporter.check(self.learner.labels[index], history[-1])
            if best_check(history, schedule.settles) is history[-1]:
                self.value[index] = arrays
            if step < schedule.steps and schedule.exhausted(history, step):
                active[index] = False
                self.report_stop(index, step)
        self.loss_sum[:], self.loss_count[:] = 0, 0
        self.state = self.state._replace(active=jnp.asarray(active))

    def report_stop(self, index: int, step: int) -> None:
        """Say that a slot stops before the last step, and why."""
        best = best_check(self.history[index])
        if best is not None:
            perfect = best.score >= BEST_SCORE
            why = "the best possible" if perfect else "no better"
            label = self.learner.labels[index]
            self.reporter.say(
                f"{label}: stopped at step {step}: {why} validation score since step {best.step}"
            )

    def validation(self, arrays: Arrays, index: int, step: int, loss: float) -> Check:
        """The check of one slot; a score of -inf means that it was not validated."""
        if not self.validate:
            return Check(step, -math.inf, loss, {}, 0)
        self.reporter.phase(f"validating {self.learner.labels[index]}")
        score, metrics, rows, shares = self.learner.validate(arrays, index)
        return Check(step, score, loss, metrics, rows, *shares)

    def check_start(self) -> None:
        """Report the losses before training, warn of a start that is far too high, and validate the start
        if the schedule says so.
        """
        self.reporter.phase("computing the loss before training")
        starts = self.learner.start_losses()
        for index, (label, start) in enumerate(zip(self.learner.labels, starts, strict=False)):
            self.record(index, {"step": 0, **start.to_json()})
            text = (
                f"{label}: start loss {start.prompt:.2f} "
                f"(no prompt {start.promptless:.2f}, log V {start.uniform:.2f})"
            )
            self.reporter.detail(text)
            if start.suspicious:
                self.reporter.warn(
                    f"{text}: far above both; is the prompt of this model and scale?"
                )
        if 0 in self.schedule.early:
            self.loss_sum[:] = [start.prompt for start in starts] or math.nan
            self.loss_count[:] = 1
            self.check(0)

    def record(self, index: int, values: dict[str, Any]) -> None:
        """Append one line of a slot to metrics.jsonl, and tell the trackers."""
        row = {**self.learner.rows[index], **values}
        self.rows.append(row)
        path = self.folder / METRICS
        with writing(path), path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        self.tracking.log(index, row)

    def rows_of(self, index: int) -> list[dict[str, Any]]:
        """The rows of one slot."""
        own = self.learner.rows[index]
        return [row for row in self.rows if {name: row.get(name) for name in own} == own]

    def checks(self) -> list[list[Check]]:
        """The checks among the rows, by slot."""
        return [
            [Check.from_json(row) for row in self.rows_of(index) if "score" in row]
            for index in range(self.count)
        ]

    def results(self) -> list[Result]:
        """One result a slot."""
        return [
            Result(
                key=self.key[index] if self.has_key[index] else None,
                value=self.value[index],
                last=self.learner.arrays(self.state, index),
                best=best_check(self.history[index], self.schedule.settles),
                history=tuple(self.history[index]),
                failed_step=int(self.failed_step[index]),
            )
            for index in range(self.count)
        ]


def _zeros(arrays: Arrays) -> Arrays:
    return {name: np.zeros_like(array) for name, array in arrays.items()}
