"""The training loop: the only place with side effects. It wires batches, steps, checks and files.

A run's folder holds config.json, metrics.jsonl and, until it is done, checkpoints. Kill it at any
moment and call it again: it goes on from the last checkpoint and gives the numbers of an unbroken
run, because batches and dropout are functions of (seed, step).
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import filelock
import jax
import jax.numpy as jnp
import numpy as np

from spot.config import TrainSettings
from spot.errors import SpotError
from spot.models.model import Model
from spot.training.checkpoint import Checkpoints
from spot.training.context import check_source
from spot.training.evaluate import validate
from spot.training.events import write_events
from spot.training.slots import Check, Reporter, Slot, Trained
from spot.training.step import PromptState, init_state
from spot.training.stepper import Stepper, start_losses


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an event, so that a step is never cut in the middle; a second one
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


class _Progress:
    """What a run has reached beside the optimiser: arrays [S, …] that a checkpoint holds."""

    def __init__(self, prompts: np.ndarray) -> None:
        slots = len(prompts)
        self.key = np.zeros_like(prompts)
        self.value = prompts.copy()
        self.value_step = np.zeros(slots, np.int32)
        self.best = np.full(slots, -np.inf, np.float32)
        self.stale = np.zeros(slots, np.int32)
        self.failed_step = np.zeros(slots, np.int32)
        self.loss_sum = np.zeros(slots, np.float32)
        self.loss_count = np.zeros(slots, np.int32)

    def tree(self) -> dict[str, np.ndarray]:
        return dict(vars(self))

    def load(self, tree: dict[str, Any]) -> None:
        for name, array in tree.items():
            setattr(self, name, np.array(array))


def train_prompts(
    backbone: Model,
    slots: Sequence[Slot],
    settings: TrainSettings,
    folder: Path,
    *,
    title: str = "",
    validate: bool = True,
    reporter: Reporter | None = None,
) -> list[Trained]:
    """Trains S prompts at once for `settings.steps`; returns them in the order of `slots`.

    validate: check on validation every `check_every` steps and keep the best; without it the value
    is the last prompt (a query needs no more). Raises SpotError for prompts of unequal shape, rows
    longer than a decoder's context, or when a checkpoint cannot be written. KeyboardInterrupt saves a
    checkpoint first.
    """
    reporter = reporter or Reporter()
    if not slots:
        return []
    shapes = {slot.init.shape for slot in slots}
    if len(shapes) > 1:
        raise SpotError(
            f"expected prompts of one length and width, found {sorted(shapes)}",
            "prompts that train together have the same prompt.length",
        )
    prompts = np.stack([slot.init for slot in slots]).astype(np.float32)
    if prompts.shape[2] != backbone.config.d_model or not np.isfinite(prompts).all():
        raise SpotError(
            f"expected finite prompts of width {backbone.config.d_model}, found {prompts.shape[1:]}",
            "use prompts that were trained on this model",
        )
    for slot in slots:
        check_source(backbone.config, len(slot.init), slot.source)
    folder.mkdir(parents=True, exist_ok=True)
    rates = jnp.asarray([slot.learning_rate for slot in slots], jnp.float32)
    state = init_state(settings, {"prompt": jnp.asarray(prompts)}, rates)
    progress = _Progress(prompts)
    with (
        _alone(folder, reporter),
        contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints,
    ):
        found = checkpoints.restore({"state": state, "progress": progress.tree()})
        begin = 0
        if found is not None:
            begin, tree = found
            state = jax.tree.map(jnp.asarray, tree["state"])
            progress.load(tree["progress"])
        run = _Run(backbone, slots, settings, folder, validate, reporter, checkpoints)
        history = run.resume_history(begin)
        if begin == 0:
            run.check_start(prompts)
        reporter.begin(title, settings.steps, begin)
        state = run.steps(state, progress, history, begin)
        reporter.end()
    return [_trained(slot, index, state, progress, history) for index, slot in enumerate(slots)]


@contextlib.contextmanager
def _alone(folder: Path, reporter: Reporter) -> Iterator[None]:
    """Holds the lock beside the folder: two processes with one run would spoil each other's checkpoints."""
    lock = filelock.FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        reporter.say(f"waiting for another process that trains in {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def discard_checkpoints(folder: Path) -> None:
    """Removes a finished run's checkpoints; its metrics and config stay."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


class _Run:
    """The fixed surroundings of one call, so that its parts need not hand them around."""

    def __init__(
        self,
        backbone: Model,
        slots: Sequence[Slot],
        settings: TrainSettings,
        folder: Path,
        validate: bool,
        reporter: Reporter,
        checkpoints: Checkpoints,
    ) -> None:
        self.slots, self.settings = slots, settings
        self.folder, self.validate, self.reporter = folder, validate, reporter
        self.checkpoints = checkpoints
        self.stepper = Stepper(backbone, slots, settings)

    def steps(
        self, state: PromptState, progress: _Progress, history: list[list[Check]], begin: int
    ) -> PromptState:
        """From step `begin` to the last; saves a checkpoint at every check and on Ctrl-C."""
        settings, step = self.settings, begin
        with deferred_interrupt() as interrupted:
            while step < settings.steps and bool(np.asarray(state.active).any()):
                state, numbers = self.stepper(state, step)
                step += 1
                self.account(numbers, state, progress, step)
                if step == settings.key_step:
                    key = state.params["prompt"]
                    progress.key = np.where(state.active[:, None, None], key, 0.0)
                if step % settings.check_every == 0 or step == settings.steps:
                    state = self.check(state, progress, history, step)
                    self.save(step, state, progress)
                if interrupted.is_set():
                    self.save(step, state, progress)
                    raise KeyboardInterrupt
        return state

    def save(self, step: int, state: PromptState, progress: _Progress) -> None:
        """Everything that the next step depends on, durably."""
        self.checkpoints.save(step, {"state": state, "progress": progress.tree()})

    def account(
        self, numbers: dict[str, jax.Array], state: PromptState, progress: _Progress, step: int
    ) -> None:
        """Adds the step's losses up and names slots whose loss is not finite any more."""
        loss, finite = np.asarray(numbers["loss"]), np.asarray(numbers["finite"])
        failed = ~finite | ~np.isfinite(loss)
        for index in np.flatnonzero(failed & (progress.failed_step == 0)).tolist():
            progress.failed_step[index] = step
            self.reporter.warn(
                f"{self.slots[index].label}: the loss is not finite at step {step}; this prompt stops "
                "with what it had, the others go on (lower train.learning_rate)"
            )
        active = np.asarray(state.active)
        progress.loss_sum[active] += loss[active]
        progress.loss_count[active] += 1
        self.reporter.advance(step, float(loss[active].mean()) if active.any() else math.nan)

    def check(
        self, state: PromptState, progress: _Progress, history: list[list[Check]], step: int
    ) -> PromptState:
        """Validates every active slot, keeps the best prompts, and stops slots without progress."""
        prompts, active = np.asarray(state.params["prompt"]), np.array(state.active)
        for index in np.flatnonzero(active).tolist():
            slot = self.slots[index]
            loss = float(progress.loss_sum[index] / max(progress.loss_count[index], 1))
            check = self.validation(slot, prompts[index], step, loss)
            history[index].append(check)
            self.record({"slot": slot.name, "seed": slot.seed, **asdict(check)})
            self.reporter.check(slot.label, check)
            if not self.validate or check.score > progress.best[index]:
                progress.best[index], progress.value_step[index] = check.score, step
                progress.value[index], progress.stale[index] = prompts[index], 0
            else:
                progress.stale[index] += 1
            patience = self.settings.patience
            # A slot may not stop before it has a key.
            if patience and progress.stale[index] >= patience and step >= self.settings.key_step:
                active[index] = False
        progress.loss_sum[:], progress.loss_count[:] = 0, 0
        return state._replace(active=jnp.asarray(active))

    def validation(self, slot: Slot, prompt: np.ndarray, step: int, loss: float) -> Check:
        """The mean over the source's members of their scores; -inf stands for "not validated"."""
        if not self.validate:
            return Check(step, -math.inf, loss, {}, 0)
        score, metrics, rows = validate(self.stepper.backbone, prompt, slot.source)
        return Check(step, score, loss, metrics, rows)

    def check_start(self, prompts: np.ndarray) -> None:
        """Compares the first batch's loss with the promptless model's and with log V, and says so."""
        starts = start_losses(self.stepper.backbone, prompts, self.stepper.batch(0))
        for slot, start in zip(self.slots, starts, strict=True):
            self.record({"slot": slot.name, "seed": slot.seed, "step": 0, **asdict(start)})
            text = (
                f"{slot.label}: start loss {start.prompt:.2f} "
                f"(no prompt {start.promptless:.2f}, log V {start.uniform:.2f})"
            )
            self.reporter.say(text)
            if start.suspicious:
                self.reporter.warn(
                    f"{text}: far above both; is the prompt of this model and scale?"
                )

    def record(self, row: dict[str, Any]) -> None:
        """Appends one line to metrics.jsonl."""
        finite = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()
        }
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(finite) + "\n")
        if self.settings.tensorboard:
            write_events(self.folder / "events", finite)

    def resume_history(self, begin: int) -> list[list[Check]]:
        """The checks up to step `begin`; later lines of metrics.jsonl are dropped, they come again."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        rows = [row for row in map(json.loads, whole) if begin and row["step"] <= begin]
        temporary = path.with_suffix(".part")
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        temporary.replace(path)
        history: list[list[Check]] = []
        for slot in self.slots:
            mine = [
                r for r in rows if (r["slot"], r["seed"]) == (slot.name, slot.seed) and r["step"]
            ]
            history.append(
                [
                    Check(
                        r["step"],
                        -math.inf if r["score"] is None else r["score"],
                        r["loss"],
                        r["metrics"],
                        r["n"],
                    )
                    for r in mine
                ]
            )
        return history


def _trained(
    slot: Slot, index: int, state: PromptState, progress: _Progress, history: list[list[Check]]
) -> Trained:
    key = progress.key[index]
    best = [check for check in history[index] if check.step == progress.value_step[index]]
    return Trained(
        slot=slot,
        key=key if key.any() else None,
        value=progress.value[index],
        last=np.asarray(state.params["prompt"][index]),
        value_step=int(progress.value_step[index]),
        best=best[0] if best else None,
        history=tuple(history[index]),
        failed_step=int(progress.failed_step[index]),
    )
