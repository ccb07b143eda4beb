"""Estimators of the quality of each candidate as a start, on a few rows of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Task
from spot.training.recipe import Recipe

Estimator = Callable[[Model, Task, Recipe, Sequence[SoftPrompt], int, int], np.ndarray]
"""(model, target, recipe, K prompts, rows, seed) -> K numbers, the lower the better a start."""


def zero_shot_losses(
    model: Model,
    target: Task,
    recipe: Recipe,
    prompts: Sequence[SoftPrompt],
    count: int,
    seed: int = 0,
) -> np.ndarray:
    """Mean loss (nats a target token) of each prompt on `count` training rows of the target, drawn by
    the seed; all prompts of a kind in one batch.
    """
    from spot.models.sharding import place_rows
    from spot.prompts.stacked import stack
    from spot.training.batches import batch_of, sample
    from spot.training.source import source_of
    from spot.training.step import batch_losses

    rows = sample(source_of(target, model, recipe).members[0].train, count, seed)
    inputs = [rows.inputs[row] for row in range(len(rows))]
    targets = [rows.targets[row] for row in range(len(rows))]
    means = np.zeros(len(prompts), np.float32)
    for kind in dict.fromkeys(prompt.kind for prompt in prompts):
        places = [place for place, prompt in enumerate(prompts) if prompt.kind is kind]
        batch = batch_of(inputs * len(places), targets * len(places))
        batch = place_rows(model.network.mesh, batch)
        losses = batch_losses(model.network, stack([prompts[place] for place in places]), batch)
        means[places] = np.asarray(losses).reshape(len(places), len(rows)).mean(axis=1)
    return means


ESTIMATORS: dict[str, Estimator] = {"zero-shot loss": zero_shot_losses}
