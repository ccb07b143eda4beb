"""Cases to analyse on toy models of random weights."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from bank.entry import Backbone
from spot.analysis.case import Case, case_of
from spot.models.model import Model
from spot.models.weights.build import build
from spot.prompts.kind import Start
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Task
from spot.tasks.vocabulary import VocabularyFile
from tests.lab import answers
from tests.toys import random_arrays, sentences, tiny_config, tiny_decoder

CONFIGS = {
    "T5": tiny_config(vocab_size=192, encoder_layers=2),
    "decoder": tiny_decoder(vocab_size=192, layers=2),
}
WIDTH = 16
POSITIONS = "relpos_bias"  # in the names of the weights of a T5's relative position bias


@functools.cache
def model_of(family: str, folder: Path, positions: bool = True) -> Model:
    """A model of random weights that reads the vocabulary in a folder; without `positions` the bias of a T5
    is 0, so that it does not know where anything stands.
    """
    config = CONFIGS[family]
    arrays = random_arrays(config, seed=3)
    if not positions:
        flat = [name for name in arrays if POSITIONS in name]
        arrays |= {name: np.zeros_like(arrays[name]) for name in flat}
    network = build(config, arrays, "float32", "float32")
    vocabulary = VocabularyFile(folder / "spiece.model", 100)
    return Model(Backbone(family, "f"), vocabulary, "float32", lambda: config, lambda: network)


def prompt_of(model: Model, kind: str = "prefix", length: int = 5, seed: int = 0) -> SoftPrompt:
    """A prompt of random rows, as large as what such a model embeds."""
    rows = np.random.default_rng(seed).normal(size=(length, WIDTH)).astype(np.float32)
    found = find_kind(kind)
    return SoftPrompt(found, found.make(Start.on(model, rows, seed)))


def task_of(labels: Any = None) -> Task:
    """Is it a bird? labels: the answers to the 24 test rows where they are others."""
    drawn = list(dict.fromkeys(sentences(800, 0)))
    rows = [{"text": each[0], "label": answers("bird", *each)} for each in drawn]
    splits = {"test": rows[:24], "validation": rows[24:40], "train": rows[40:64]}
    for row, label in zip(splits["test"], labels or (), strict=False):
        row["label"] = label
    return Task.from_rows("bird", inputs="{text}", labels=["no", "yes"], **splits)


def toy_case(
    model: Model, prompt: Any, start: Any = None, split: str = "test", labels: Any = None
) -> Case:
    """The case of a prompt on that task."""
    return case_of("toy", model, prompt, task_of(labels), start, split=split)
