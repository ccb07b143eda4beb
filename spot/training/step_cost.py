"""The cost of a training step: its time, measured, and the memory that the run takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax

from spot.models.model import Model
from spot.models.runtime import device_errors
from spot.training.prompt_tuning import TIMED_STEPS, PromptLearner
from spot.training.recipe import TrainSettings
from spot.training.slots import Slot


@dataclass(frozen=True)
class StepCost:
    """Seconds of a step divided by the prompts that make it at once, and the bytes that training and
    validating them takes beyond what the model holds.
    """

    seconds: float
    memory: int


def step_cost(model: Model, slots: Sequence[Slot], recipe: TrainSettings) -> StepCost:
    """The cost of a step of prompts that train at once: the median time of TIMED_STEPS runs of the first
    step, once it is compiled. The prompts stay as they are. Raises SpotError where memory is short.
    """
    learner = PromptLearner(model, slots, recipe)
    state = learner.start()
    seconds = []
    with device_errors():
        need = learner.predict().need
        for _ in range(1 + TIMED_STEPS):
            begin = time.perf_counter()
            jax.block_until_ready(learner.step(state, 0))
            seconds.append(time.perf_counter() - begin)
    return StepCost(statistics.median(seconds[1:]) / len(slots), need.bytes)
