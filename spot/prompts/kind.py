"""The record of a kind of prompt: plain functions over named arrays, with a leading axis S on the
device and without it on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.models.states import States
from spot.variants import Options

if TYPE_CHECKING:
    from spot.models.effect import Effect
    from spot.models.model import Model

Arrays = dict[str, np.ndarray]


def no_sources(_count: int) -> np.ndarray:
    """`Start.sources` where there is no bank."""
    raise SpotError(
        "this kind of prompt is made of the prompts of a bank, and none was named",
        "name a bank with --bank that holds prompts for this model, of the same length",
    )


@dataclass(frozen=True, eq=False)
class Start:
    """What a prompt is made from: the rows [P, H] of an init, the architecture, and a seed.

    read: runs rows through the frozen model's stack that reads the text; written: through the one that
    writes, of a T5 its decoder. Only kinds that begin with real states call them. sources: so many other
    prompts [N, P, H] for the model, of a bank; only kinds that are made of others call it.
    """

    rows: np.ndarray
    config: ModelConfig
    seed: int
    read: Callable[[np.ndarray], States]
    written: Callable[[np.ndarray], States]
    sources: Callable[[int], np.ndarray]

    @classmethod
    def on(
        cls,
        model: Model,
        rows: np.ndarray,
        seed: int,
        sources: Callable[[int], np.ndarray] = no_sources,
    ) -> Start:
        """The start of a prompt on a model."""
        rows = np.asarray(rows, np.float32)
        return cls(rows, model.config, seed, model.read_rows, model.written_rows, sources)

    @classmethod
    def of_sizes(cls, config: ModelConfig, length: int) -> Start:
        """A start of zeros, for the names and shapes of a prompt's arrays; runs nothing."""

        def nothing(stack: int, rows: np.ndarray) -> States:
            layers = config.stacks[stack]
            size = (layers, 2, config.kv_heads, len(rows), config.d_kv)
            return States(np.zeros((layers, *rows.shape), np.float32), np.zeros(size, np.float32))

        rows = np.zeros((length, config.d_model), np.float32)
        return cls(
            rows,
            config,
            0,
            partial(nothing, 0),
            partial(nothing, -1),
            lambda count: np.zeros((count, *rows.shape), np.float32),
        )

    @property
    def length(self) -> int:
        """P, the rows of the init."""
        return len(self.rows)

    def rng(self) -> np.random.Generator:
        """The generator of this seed for what is not in the rows, at its start."""
        return np.random.default_rng([self.seed, 29])


def any_model(_config: ModelConfig) -> None:
    """A kind's `check` that takes every architecture."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of prompt: making it, its effect on a model, and the numbers that a bank compares.

    name: as `prompt.kind` writes it, with its options. arrays: the names of its arrays.
    init: a start -> the arrays by name.
    effect: (arrays with leading S, embedded texts [B, T, H], their mask [B, T], owner [B] or None)
    -> the effect on the forward pass; differentiable in the arrays. See `spot.models.effect.by_prompt`.
    key: the arrays -> [P, H], the numbers that search compares; see `spot.prompts.sketch` for arrays that
    are not rows. On the host only.
    count: (P, architecture) -> the number of trained values.
    before, after: P -> rows that it puts in front of and behind a text, for the context.
    packed: true if its effect is the same for every text of a prompt and stands in front of it, so
    that a decoder may read texts packed into rows.
    rates: factors of the learning rate by array, 1 where none is named; an array of rate 0 is frozen.
    check: raises SpotError, with the reason, for an architecture on which the kind cannot work.
    is_rows: true if its one array is the rows [P, H], so that a prompt is made of rows alone.
    plain: the arrays -> rows [P, H] that do the same as a plain prompt, for kinds that are more than
    their rows only while they are trained; None for the others.
    depends_on_text: true if its rows are made anew for every text, so that nothing else can hold them.
    of_bank: true if it is made of the prompts of a bank, see `Start.sources`.
    penalty: (arrays with leading S, embedded texts, mask, owner) -> [B], added to the training loss of each
    row; None for most.
    """

    name: str
    description: str
    arrays: tuple[str, ...]
    init: Callable[[Start], Arrays]
    effect: Callable[[Mapping[str, Any], Any, Any, Any], Effect]
    key: Callable[[Mapping[str, Any]], Any]
    count: Callable[[int, ModelConfig], int]
    before: Callable[[int], int]
    after: Callable[[int], int]
    packed: bool
    rates: Mapping[str, float] = field(default_factory=dict)
    check: Callable[[ModelConfig], None] = any_model
    is_rows: bool = False
    plain: Callable[[Mapping[str, Any]], Any] | None = None
    depends_on_text: bool = False
    of_bank: bool = False
    penalty: Callable[[Mapping[str, Any], Any, Any, Any], Any] | None = None

    def shapes(self, length: int, config: ModelConfig) -> dict[str, tuple[int, ...]]:
        """The shapes of a prompt's arrays by name, from its rows P and the architecture."""
        made = self.init(Start.of_sizes(config, length))
        return {name: made[name].shape for name in self.arrays}

    def make(self, start: Start) -> Arrays:
        """The arrays before training. Raises SpotError on a model that the kind cannot work on."""
        self.check(start.config)
        made = self.init(start)
        return {name: np.asarray(made[name], np.float32) for name in self.arrays}


@dataclass(frozen=True)
class Form:
    """A row of the table of kinds: a name, what options it has, and the kind that it is with them."""

    name: str
    description: str
    kind: Callable[..., Kind]
    options: Options = field(default_factory=dict)


def needs_model(kind: str) -> SpotError:
    """The error for a prompt of this kind that is to be made of rows alone."""
    return SpotError(
        f"a {kind} prompt is more than its rows: making it takes the model that it is for",
        "make it with spot.prompts.SoftPrompt.of(kind, rows, model)",
    )
