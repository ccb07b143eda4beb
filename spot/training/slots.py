"""The values that training takes and returns, and the reporter of its progress. Imports no JAX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np

from bank.files import lock_outlives
from spot.prompts.kind import Arrays
from spot.prompts.prompt import SoftPrompt
from spot.training.batches import Source
from spot.verdicts.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Slot:
    """One prompt to train: its source, init, seed and learning rate.

    Seed and source decide the order of rows; `name` labels the slot in metrics and messages. `teacher`:
    of each of the source's members the scores [N, C] of label words that a loss with `distil` learns from.
    """

    name: str
    source: Source
    seed: int
    init: SoftPrompt
    learning_rate: float
    teacher: tuple[np.ndarray, ...] | None = None

    @property
    def label(self) -> str:
        """The name in messages: prompts of one task differ in their seed."""
        return f"{self.name} (seed {self.seed})"


BEST_SCORE = 100.0
"""The best possible score of every metric."""


class Shares(NamedTuple):
    """What a prompt writes, in percent of the rows that it answers greedily: answers that are a label word of
    the task, and answers that are the commonest of these words. None where the task has none, or where
    nobody counted.
    """

    valid_labels: float | None = None
    commonest_label: float | None = None


class Validation(NamedTuple):
    """Score (0 to 100) and metrics of n validation rows, and what is written on some of them."""

    score: float
    metrics: dict[str, float]
    n: int
    shares: Shares = Shares()


@dataclass(frozen=True)
class Check:
    """A slot's validation score (0 to 100) after `step` steps, and its mean training loss since the
    check before; of step 0, the start, its loss on the first batch. Every check of a slot is made on the
    same n rows. A score of -inf means that it was not validated. The last two are `Shares`.
    """

    step: int
    score: float
    loss: float
    metrics: dict[str, float]
    n: int
    valid_labels: float | None = None
    commonest_label: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for those that are not finite."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Check:
        """The inverse of `to_json`; other keys are ignored. Earlier releases counted no shares."""
        score = -math.inf if row["score"] is None else row["score"]
        loss = math.nan if row["loss"] is None else row["loss"]
        shares = Shares(row.get("valid_labels"), row.get("commonest_label"))
        return cls(row["step"], score, loss, row["metrics"], row["n"], *shares)


@dataclass(frozen=True, eq=False)
class Result:
    """The arrays of one slot at the key step, at the best check, and at the end.

    `best` is the check whose arrays are the value, see `best_check`. `failed_step` is the step whose loss
    was not finite, 0 when all were; results before it are kept. Without a check the value is the init.
    """

    key: Arrays | None
    value: Arrays
    last: Arrays
    best: Check | None
    history: tuple[Check, ...]
    failed_step: int = 0


def best_check(history: Sequence[Check], settles: bool = False) -> Check | None:
    """The check of the best score, of equals the first; the last one where nothing was validated.

    settles: the learning rate falls to zero, so later prompts are less noisy. Then it is the latest check
    that lies within one standard error of the best score, which of many noisy ones is partly luck.
    """
    if not history:
        return None
    best = max(history, key=lambda check: check.score)
    if best.score == -math.inf:
        return history[-1]
    if not settles:
        return best
    enough = best.score - _standard_error(best)
    return next(check for check in reversed(history) if check.score >= enough)


def _standard_error(check: Check) -> float:
    """That of a share of n rows, in points; 0 where no number of rows is known."""
    share = min(max(check.score / 100, 0.0), 1.0)
    return 100 * math.sqrt(share * (1 - share) / check.n) if check.n else 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained prompt: `key` at the key step, `value` at the best check, `last` at the end.

    `failed_step` is the step whose loss was not finite, 0 when all were; results before it are kept.
    `verdict` judges the value's validation score, if made; `folder` is that of the run, with its metrics.
    """

    slot: Slot
    key: SoftPrompt | None
    value: SoftPrompt
    last: SoftPrompt
    best: Check | None
    history: tuple[Check, ...]
    failed_step: int = 0
    verdict: Verdict | None = None
    folder: Path | None = None

    @classmethod
    def of(cls, slot: Slot, result: Result, folder: Path | None = None) -> Trained:
        """A slot with the result of its training."""

        def prompt(arrays: Arrays) -> SoftPrompt:
            return SoftPrompt(slot.init.kind, arrays)

        return cls(
            slot=slot,
            key=None if result.key is None else prompt(result.key),
            value=prompt(result.value),
            last=prompt(result.last),
            best=result.best,
            history=result.history,
            failed_step=result.failed_step,
            folder=folder,
        )

    @property
    def value_step(self) -> int:
        """The step of the value; 0 where it is the start."""
        return 0 if self.best is None else self.best.step

    @property
    def failed_early(self) -> bool:
        """True if the loss was not finite before a check of any step: nothing was learned."""
        return not any(check.step for check in self.history)

    @property
    def still_improving(self) -> bool:
        """True if the budget ended training while validation improved: the last check is better than all
        before it, at least one, and not the best possible.
        """
        if self.failed_step or len(self.history) < 2:
            return False
        *before, last = self.history
        better = all(last.score > check.score for check in before)
        return better and last.n > 0 and last.score < BEST_SCORE


def report_improving(trained: Sequence[Trained], budget: str, reporter: Reporter) -> None:
    """Say which prompts were still improving at their last check; `budget` is the setting to raise."""
    improving = [each for each in trained if each.still_improving]
    steps = max((each.value_step for each in improving), default=0)
    if len(improving) == 1:
        which = f"{improving[0].slot.label}: still improving at the last check"
    else:
        which = f"{len(improving)} of {len(trained)} prompts were still improving at the last check"
    if improving:
        reporter.say(f"{which} (step {steps}): raise {budget}")


@dataclass(frozen=True)
class StartLoss:
    """Mean cross entropy (nats a target token) before training: with the prompt, without, and log V."""

    prompt: float
    promptless: float
    uniform: float

    def to_json(self) -> dict[str, float | None]:
        """Plain values; None for those that are not finite."""
        return {k: v if math.isfinite(v) else None for k, v in asdict(self).items()}

    @property
    def suspicious(self) -> bool:
        """True if the start is clearly worse than a uniform guess and than the bare model."""
        return self.prompt > 1.5 * max(self.promptless, self.uniform)


@dataclass
class Reporter:
    """The progress of training, for a person; the default shows nothing, commands pass one that draws.

    Every method may be overridden; none of them changes a result.
    """

    warnings: list[str] = field(default_factory=list)

    def begin(self, title: str, steps: int, done: int) -> None:
        """Training of a group starts, `done` of `steps` steps already made."""

    def phase(self, text: str) -> None:
        """Something that may take long begins ("compiling the step", "reading rows"): it lasts until the
        next call of any method.
        """

    def advance(self, step: int, loss: float) -> None:
        """`step` steps are done; `loss` is the mean over active slots, NaN where nothing is trained."""

    def check(self, name: str, check: Check) -> None:
        """A slot was validated."""

    def end(self) -> None:
        """The group is done."""

    def say(self, text: str) -> None:
        """A line of information."""

    def detail(self, text: str) -> None:
        """A line for those who want to know more, as where results were found."""

    def warn(self, text: str) -> None:
        """A warning; collected in `warnings`."""
        self.warnings.append(text)


def say_of_lock(lock: filelock.BaseFileLock, reporter: Reporter) -> None:
    """Say what to do about a lock that may stand for ever: on a disk whose locks do not end with their
    process, its file is the lock.
    """
    if isinstance(lock, filelock.SoftFileLock) or lock_outlives(lock.lock_file):
        reporter.say(f"if no other process runs any more, delete the file {lock.lock_file}")
