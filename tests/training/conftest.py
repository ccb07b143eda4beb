"""Toy tasks as token arrays, shared by the tests of training."""

from __future__ import annotations

import numpy as np
import pytest

from spot.config import TrainSettings
from spot.training.batches import Source
from spot.training.slots import Slot
from tests.toys import toy_data

P = 3
SETTINGS = TrainSettings(
    steps=8,
    key_step=3,
    check_every=2,
    batch_size=4,
    warmup_steps=2,
    learning_rate=0.3,
    dropout=0.0,
)


@pytest.fixture(scope="session")
def data(tiny_backbone):
    """{"colour", "bird" (rank), "animal" (generate): TaskData} of 24 training and 12 other rows."""
    names = ("colour", "bird", "animal")
    return {name: toy_data(name, tiny_backbone.vocabulary) for name in names}


@pytest.fixture(scope="session")
def sources(data):
    """Each task as a source."""
    return {name: Source(name, (task,)) for name, task in data.items()}


@pytest.fixture(scope="session")
def make_slot(sources):
    """A function that makes a slot on a task with a random prompt [3, 16] of that seed."""

    def make(task="colour", seed=0, **changes):
        init = np.random.default_rng([seed, 5]).normal(size=(P, 16)).astype(np.float32)
        known = {"name": task, "source": sources[task], "seed": seed, "init": init}
        return Slot(**{**known, "learning_rate": 0.3, **changes})

    return make
