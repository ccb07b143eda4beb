"""Train two steps of a model and print the predicted and the measured peak: a process of its own, for
tests/training/test_fitting.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from bank.entry import Backbone
from spot.models.config import T5Config
from spot.models.device_memory import peak
from spot.models.model import Model, load_model
from spot.models.runtime import prepare
from spot.models.weights.build import build
from spot.prompts.prompt import as_prompt
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.training import prompt_tuning
from spot.training.batches import Source, TaskData
from spot.training.recipe import TrainSettings
from spot.training.slots import Slot
from tests.toys import definition, random_arrays

SMALL = T5Config(
    vocab_size=32128, d_model=512, d_ff=1024, num_heads=6, d_kv=64, encoder_layers=8,
    decoder_layers=8, activation="gated-gelu", tied_head=False,
)  # fmt: skip
SHAPES = {"spot-nano": (18, 4, 60), "t5-1.1-small": (100, 1, 128)}  # P, S, tokens


def model_of(shape: str) -> Model:
    if shape == "spot-nano":
        return load_model(shape)
    prepare()
    words = load_model("spot-nano").vocabulary
    network = build(SMALL, random_arrays(SMALL), "bfloat16", "widen")
    return Model(Backbone(shape, "0" * 64), words, "bfloat16", lambda: SMALL, lambda: network)


def rows(count: int, tokens: int) -> TokenizedSplit:
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 6000, tokens - row % 5) for row in range(count)]
    return TokenizedSplit(
        inputs=Ragged.of(texts),
        targets=Ragged.of([[5 + row % 2, 6, 1] for row in range(count)]),
        labels=np.arange(count, dtype=np.int32) % 2,
        references=[None] * count,
        groups=[""] * count,
        target_texts=["yes"] * count,
    )


def main(shape: str) -> None:
    length, slots, tokens = SHAPES[shape]
    model = model_of(shape)
    task = TaskData(definition("toy"), rows(64, tokens), rows(32, tokens), [[5, 6, 1], [6, 6, 1]])
    prompts = np.random.default_rng(1).normal(size=(slots, length, model.width)).astype(np.float32)
    sources = Source("toy", (task,))
    group = [Slot("toy", sources, seed, as_prompt(prompts[seed]), 0.3) for seed in range(slots)]
    predicted = []
    predict = prompt_tuning.PromptLearner.predict

    def note(learner, *args):
        predicted.append(predict(learner, *args))
        return predicted[-1]

    prompt_tuning.PromptLearner.predict = note
    settings = TrainSettings(steps=2, key_step=1, check_every=2, early_checks=(), dropout=0.0)
    with tempfile.TemporaryDirectory() as folder:
        prompt_tuning.train_prompts(model, group, settings, Path(folder) / "run")
    print(json.dumps({"predicted": predicted[0].peak, "peak": peak()}))


if __name__ == "__main__":
    main(sys.argv[1])
