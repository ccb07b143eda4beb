"""What a run writes down and says: metrics.jsonl, and the loss that it starts from."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from spot.models.weights.build import to_arrays
from spot.prompts.prompt import as_prompt
from spot.training.batches import batch_of
from spot.training.prompt_tuning import PromptLearner, start_losses, train_prompts
from spot.training.slots import StartLoss
from tests.models import numpy_t5
from tests.training.conftest import SETTINGS, Watcher


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_hold_the_start_and_every_check(tiny_backbone, tmp_path, pair, scripted):
    scripted(colour=[1, 2, 3, 4], bird=[5, 6, 7, 8])
    trained = train_prompts(tiny_backbone, pair, SETTINGS, tmp_path)
    rows = lines(tmp_path)
    assert [(row["slot"], row["seed"], row["step"]) for row in rows] == [
        (name, seed, step)
        for step in (0, 2, 4, 6, 8)
        for name, seed in (("colour", 0), ("bird", 1))
    ]
    for row, check in zip(rows[3::2], trained[1].history, strict=True):
        assert row == {"slot": "bird", "seed": 1, **dataclasses.asdict(check)}


def test_what_is_not_finite_is_written_as_null(tiny_backbone, tmp_path, make_slot):
    train_prompts(tiny_backbone, [make_slot()], SETTINGS, tmp_path, validate=False)
    assert {row["score"] for row in lines(tmp_path) if row["step"]} == {None}


def test_start_losses_are_of_each_slots_own_rows(tiny_backbone, make_slot):
    slot = make_slot()
    split = slot.source.members[0].train
    prompts = [slot.init, as_prompt(slot.init.key[::-1] * 2)]
    batch = batch_of([split.inputs[i] for i in range(8)], [split.targets[i] for i in range(8)])
    both = start_losses(tiny_backbone, prompts, [batch])
    arrays, config = to_arrays(tiny_backbone.network.parameters), tiny_backbone.config
    for value, prompt, rows in (
        (both[0].prompt, prompts[0].key, range(4)),
        (both[0].promptless, None, range(4)),
        (both[1].prompt, prompts[1].key, range(4, 8)),
        (both[1].promptless, None, range(4, 8)),
    ):
        losses = []
        for row in rows:
            encoded = numpy_t5.encode(arrays, config, split.inputs[row], prompt)
            target = split.targets[row]
            logits = numpy_t5.decode(arrays, config, encoded, target)
            right = logits[np.arange(len(target)), target]
            losses.append(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))
        assert value == pytest.approx(np.mean(losses), rel=1e-4)
    assert both[0].uniform == pytest.approx(math.log(192))


@pytest.mark.parametrize(
    ("start", "suspicious"),
    [
        (StartLoss(5.0, 4.0, 6.0), False),
        (StartLoss(9.1, 4.0, 6.0), True),
        (StartLoss(9.1, 7.0, 6.0), False),
    ],
)
def test_a_start_far_above_both_references_is_suspicious(start, suspicious):
    assert start.suspicious is suspicious


def test_a_suspicious_start_is_said_before_training(train, make_slot, monkeypatch):
    monkeypatch.setattr(PromptLearner, "start_losses", lambda _: [StartLoss(30.0, 4.0, 5.0)])
    watcher = Watcher()
    train([make_slot()], watcher, validate=False, steps=1, key_step=1)
    assert "colour (seed 0): start loss 30.00 (no prompt 4.00, log V 5.00)" in watcher.details
    assert "is the prompt of this model and scale?" in watcher.warnings[0]
