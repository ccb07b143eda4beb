"""Starts of a target's prompt, and the record of a strategy that chooses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bank.nearest import Hit
from bank.store import Bank
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.retrieval.settings import SearchSettings
from spot.strategies.settings import TransferSettings
from spot.tasks.task import Mixture, Task
from spot.training.recipe import Recipe
from spot.training.runs import Runs

SCRATCH = "none"
"""The strategy of the arm without transfer."""


@dataclass(frozen=True, eq=False)
class Start:
    """The start of a target's prompt: an entry's value, a combination, or (init None) scratch."""

    strategy: str
    source: str | None = None
    task: str | None = None
    similarity: float | None = None
    init: SoftPrompt | None = None
    k: int | None = None

    @property
    def name(self) -> str:
        """A short name: "scratch", or the task, or the strategy."""
        return "scratch" if self.strategy == SCRATCH else self.task or self.strategy


@dataclass(frozen=True, eq=False)
class Situation:
    """The objects that a strategy makes starts of.

    `sources` are the tasks and mixtures of the bank's entries by name, as far as they are known.
    """

    bank: Bank
    model: Model
    target: Task
    hits: Sequence[Hit]
    recipe: Recipe
    sources: Mapping[str, Task | Mixture]
    transfer: TransferSettings
    search: SearchSettings
    runs: Runs


@dataclass(frozen=True)
class Strategy:
    """A way to make starts from the nearest entries.

    `wants_all`: it needs every entry that a search can find, not the first k. `wants_values`: it starts
    from their values, which must be prompts of the target's kind; else it trains a prompt of its own.
    `combines`: it makes one start of all of them.
    """

    name: str
    description: str
    starts: Callable[[Situation], list[Start]]
    wants_all: bool = False
    wants_values: bool = True
    combines: bool = False


def names_of(hits: Sequence[Hit]) -> str:
    """The hits' tasks, joined by "+", each once."""
    return "+".join(dict.fromkeys(hit.task for hit in hits))


def scores_of(hits: Sequence[Hit]) -> np.ndarray:
    """The hits' similarities [K]."""
    return np.asarray([hit.score for hit in hits])
