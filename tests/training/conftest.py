"""Toy tasks as token arrays and ways to train on them, shared by the tests of training."""

from __future__ import annotations

import numpy as np
import pytest

from spot.prompts.prompt import as_prompt
from spot.training import evaluate as evaluation
from spot.training.batches import Source
from spot.training.evaluate import Evaluation
from spot.training.prompt_tuning import train_prompts
from spot.training.recipe import TrainSettings
from spot.training.slots import Reporter, Shares, Slot
from tests.toys import toy_data

P = 3
SETTINGS = TrainSettings(
    steps=8,
    key_step=3,
    check_every=2,
    patience=0,
    early_checks=(),
    batch_size=4,
    warmup_steps=2,
    learning_rate=0.3,
    dropout=0.0,
)


class Watcher(Reporter):
    """Keeps everything that it is told."""

    def __init__(self):
        super().__init__()
        self.steps, self.checks, self.begun = [], [], []
        self.said, self.details = [], []
        self.phases = []  # each with the number of steps that were done before it

    def begin(self, title, steps, done):
        self.begun.append((title, steps, done))

    def phase(self, text):
        self.phases.append((len(self.steps), text))

    def advance(self, step, loss):
        self.steps.append((step, loss))

    def check(self, name, check):
        self.checks.append((name, check))

    def say(self, text):
        self.said.append(text)

    def detail(self, text):
        self.details.append(text)


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
        fields = {"name": task, "source": sources[task], "seed": seed, "init": init}
        fields |= {"learning_rate": 0.3, **changes}
        return Slot(**{**fields, "init": as_prompt(fields["init"])})

    return make


@pytest.fixture
def scripted(monkeypatch):
    """A function that sets the scores of coming checks, which write nothing: {task: [first check, …]}."""

    def script(**scores):
        left = {task: list(values) for task, values in scores.items()}

        def evaluate(_backbone, prompt, definition, split, _labels):
            value = left[definition.name].pop(0)
            return Evaluation(value, {"accuracy": value}, len(split), ())

        monkeypatch.setattr(evaluation, "evaluate", evaluate)
        monkeypatch.setattr(evaluation, "answer_shares", lambda *_: Shares())

    return script


@pytest.fixture
def train(tiny_backbone, tmp_path):
    """A function that trains slots with changed settings in a folder of its own."""
    numbers = iter(range(99))

    def run(slots, reporter=None, validate=True, **changes):
        settings = SETTINGS.model_copy(update=changes)
        folder = tmp_path / f"run-{next(numbers)}"
        return train_prompts(
            tiny_backbone, slots, settings, folder, validate=validate, reporter=reporter
        )

    return run


@pytest.fixture
def pair(make_slot):
    """A slot on "colour" and one on "bird"."""
    return [make_slot("colour", 0), make_slot("bird", 1)]
