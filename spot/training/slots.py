"""What the training loop takes and gives: one value a prompt before, one after."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spot.training.batches import Source


@dataclass(frozen=True, eq=False)
class Slot:
    """One prompt to train: on what, from where [P, H], with which seed and learning rate.

    Seed and source decide the order of rows; `name` labels the slot in metrics and messages.
    """

    name: str
    source: Source
    seed: int
    init: np.ndarray
    learning_rate: float

    @property
    def label(self) -> str:
        """How messages name it: prompts of one task differ in their seed."""
        return f"{self.name} (seed {self.seed})"


@dataclass(frozen=True)
class Check:
    """A slot's validation score (0 to 100) after `step` steps, and its mean training loss before."""

    step: int
    score: float
    loss: float
    metrics: dict[str, float]
    n: int


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained prompt: `key` [P, H] at the key step, `value` [P, H] at the best check.

    `failed_step` is the step whose loss was not finite, 0 when all were; what was reached before
    is kept. `value_step` is 0 while no check has been made.
    """

    slot: Slot
    key: np.ndarray | None
    value: np.ndarray
    last: np.ndarray
    value_step: int
    best: Check | None
    history: tuple[Check, ...]
    failed_step: int = 0


@dataclass(frozen=True)
class StartLoss:
    """Mean cross entropy (nats a target token) before training: with the prompt, without, and log
    V.
    """

    prompt: float
    promptless: float
    uniform: float

    @property
    def suspicious(self) -> bool:
        """Whether the start is worse than a model that knows nothing, by a clear margin."""
        return self.prompt > 1.5 * max(self.promptless, self.uniform)


@dataclass
class Reporter:
    """What a person sees of training; the default says nothing. Commands pass one that draws.

    Every method may be overridden; none of them changes a number.
    """

    warnings: list[str] = field(default_factory=list)

    def begin(self, title: str, steps: int, done: int) -> None:
        """Training of a group starts, `done` of `steps` steps already made."""

    def advance(self, step: int, loss: float) -> None:
        """`step` steps are done; `loss` is the mean over active slots."""

    def check(self, name: str, check: Check) -> None:
        """A slot was validated."""

    def end(self) -> None:
        """The group is done."""

    def say(self, text: str) -> None:
        """A line of information."""

    def warn(self, text: str) -> None:
        """Something to doubt; kept in `warnings`."""
        self.warnings.append(text)
