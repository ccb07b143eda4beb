"""Steps of some slots as one thing: their rows, their random keys and the model, bound together.

The loop calls a `Stepper` step after step; a build times its first one.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spot.config import TrainSettings
from spot.models.model import Model
from spot.prompts.kind import Kind
from spot.prompts.prefix import PREFIX
from spot.training.batches import data_order, step_batch
from spot.training.context import check_source
from spot.training.parts import layout
from spot.training.slots import Slot, StartLoss
from spot.training.step import (
    PromptState,
    batch_losses,
    init_state,
    train_step,
)

TIMED = 3  # runs of a step that are timed for an estimate


class Stepper:
    """What every step of some slots shares: their rows' order, the random keys, the model."""

    def __init__(
        self,
        backbone: Model,
        slots: Sequence[Slot],
        settings: TrainSettings,
        kind: Kind = PREFIX,
    ) -> None:
        self.settings, self.kind = settings, kind
        count = settings.steps * settings.batch_size
        self.orders = [
            data_order(
                [len(member.train) for member in slot.source.members],
                slot.source.rates,
                slot.seed,
                count,
            )
            for slot in slots
        ]
        self.sources = [slot.source for slot in slots]
        # A function of the seed alone, so a slot's dropout does not depend on its neighbours.
        self.keys = jnp.stack([jax.random.key(slot.seed) for slot in slots])
        self.backbone = backbone.with_dropout(settings.dropout)
        self.divide = layout(backbone.config, kind)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a step, from 0."""
        return step_batch(self.sources, self.orders, step, self.settings.batch_size)

    def __call__(self, state: PromptState, step: int) -> tuple[PromptState, dict[str, jax.Array]]:
        """The state after a step, and each slot's numbers."""
        return train_step(
            state,
            self.backbone.network,
            self.batch(step),
            self.keys,
            jnp.asarray(step),
            settings=_compiled(self.settings),
            kind=self.kind,
            divide=self.divide,
        )


def time_step(
    backbone: Model, slots: Sequence[Slot], settings: TrainSettings
) -> tuple[float, float]:
    """Seconds of the first step's first run, which compiles it, and the median of TIMED more, for one
    may meet a busy moment of the machine; nothing is kept.
    """
    for slot in slots:
        check_source(backbone.config, len(slot.init), slot.source)
    stepper = Stepper(backbone, slots, settings)
    rates = jnp.asarray([slot.learning_rate for slot in slots], jnp.float32)
    prompts = jnp.asarray(np.stack([slot.init for slot in slots]), jnp.float32)
    state = init_state(settings, {"prompt": prompts}, rates)
    times = [time.monotonic()]
    for _ in range(1 + TIMED):
        jax.block_until_ready(stepper(state, 0))
        times.append(time.monotonic())
    compiling, *steps = np.diff(times).tolist()
    return compiling, statistics.median(steps)


def _compiled(settings: TrainSettings) -> TrainSettings:
    """The settings that a compiled step depends on, so that budgets do not compile it again."""
    fixed = TrainSettings()
    return settings.model_copy(
        update={
            name: getattr(fixed, name)
            for name in (
                "steps",
                "key_step",
                "check_every",
                "patience",
                "slots",
                "tensorboard",
                "learning_rate",
                "batch_size",
            )
        }
    )


def start_losses(
    backbone: Model, prompts: np.ndarray, batch: tuple[np.ndarray, np.ndarray]
) -> list[StartLoss]:
    """Each slot's loss on its rows of a batch [S*B, T], before any step, with its prompt [S, P, H]
    and without.
    """
    prompted, promptless = (
        np.asarray(batch_losses(backbone.network, given, batch)).reshape(len(prompts), -1).mean(-1)
        for given in (prompts, None)
    )
    uniform = math.log(backbone.config.vocab_size)
    return [
        StartLoss(float(with_it), float(without), uniform)
        for with_it, without in zip(prompted, promptless, strict=True)
    ]
