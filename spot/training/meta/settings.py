"""The settings of starts that are learned. Imports no JAX."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from spot.settings import BatchSize, Stage, Steps, at_most

MOST_INNER = (
    1000  # beyond it nobody waits for a step, and gradients through so many vanish or explode
)


class MetaSettings(Stage):
    """A start that is learned from several tasks: how it is learned, and how long.

    A step visits some tasks. On each the prompt is trained for `inner_steps` on rows drawn for this
    visit, its support; what came of it moves the start. Batches, dropout and the loss are those of `train`.
    """

    algorithm: Literal["reptile", "first-order", "maml"] = "reptile"
    """How the start moves: reptile, towards the trained prompts; maml, down the gradient, through all inner
    steps, of their loss on other rows of their task; first-order, down the gradient at the trained prompt."""
    steps: Steps = Field(100, ge=1)
    """Steps of the start."""
    tasks: Annotated[int, at_most(4096)] = Field(4, ge=1)
    """Tasks that a step visits, drawn by the rates of the mixture, each once; at most all."""
    inner_steps: Annotated[int, at_most(MOST_INNER)] = Field(5, ge=1)
    """Training steps on each visited task (K)."""
    support: BatchSize = Field(64, ge=1)
    """Training rows of a task that a visit draws for its inner steps, at most."""
    query: BatchSize = Field(32, ge=1)
    """Other training rows of the task, on which maml and first-order measure what came of the inner steps, at
    most half of the task's."""
    inner_optimizer: Literal["train", "sgd"] | None = None
    """The optimiser of inner steps: train is that of train.optimizer, with its warm-up; where it is not set,
    sgd for maml, whose gradient passes through it, and train for the others."""
    inner_rate: float | None = Field(None, gt=0)
    """The learning rate of inner steps; where it is not set, that of prompts, and for sgd 1000 times that."""
    learning_rate: float | None = Field(None, gt=0)
    """How far a step moves the start, falling linearly to zero: for reptile the share of the way to the mean
    of the trained prompts, 1 where it is not set; for the others the rate of train.optimizer."""
    check_every: Steps = Field(25, ge=1)
    """Steps between two checks: every task is trained on for inner_steps and scored on validation rows. The
    best check gives the start."""
    curve: tuple[Annotated[Steps, Field(ge=0)], ...] = (0, 1, 5, 20, 100)
    """Training steps on a held-out task after which starts are compared; the last is the budget."""

    @field_validator("curve")
    @classmethod
    def _curve_rises(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if not steps or list(steps) != sorted(set(steps)) or steps[-1] < 1:
            raise ValueError(
                f"expected rising numbers of steps such as [0, 1, 5], found {list(steps)}"
            )
        return steps

    @property
    def inner(self) -> Literal["train", "sgd"]:
        """The optimiser of inner steps."""
        return self.inner_optimizer or ("sgd" if self.algorithm == "maml" else "train")
