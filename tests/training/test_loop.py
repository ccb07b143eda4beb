"""The loop: what it keeps, when it stops, what it writes down. Checks are scripted, training is real."""

from __future__ import annotations

import dataclasses
import json
import math

import filelock
import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.weights.build import to_arrays
from spot.training import loop
from spot.training.batches import Source
from spot.training.evaluate import Evaluation
from spot.training.loop import discard_checkpoints, start_loss, train_prompts
from spot.training.slots import Reporter, StartLoss
from tests.models import numpy_t5
from tests.training.conftest import SETTINGS


class Watcher(Reporter):
    """Keeps everything that it is told."""

    def __init__(self):
        super().__init__()
        self.steps, self.checks, self.said, self.begun = [], [], [], []

    def begin(self, title, steps, done):
        self.begun.append((title, steps, done))

    def advance(self, step, loss):
        self.steps.append((step, loss))

    def check(self, name, check):
        self.checks.append((name, check))

    def say(self, text):
        self.said.append(text)


@pytest.fixture
def scripted(monkeypatch):
    """A function that sets the scores of coming checks: {task: [first check, second, …]}."""

    def script(**scores):
        left = {task: list(values) for task, values in scores.items()}

        def evaluate(_backbone, prompt, definition, split, _labels):
            value = left[definition.name].pop(0)
            return Evaluation(value, {"accuracy": value}, len(split), ())

        monkeypatch.setattr(loop, "evaluate", evaluate)

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


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# What is kept.


def test_the_key_is_the_prompt_at_the_key_step(train, pair):
    trained = train(pair, validate=False)
    until_key = train(pair, validate=False, steps=3)
    for ours, short in zip(trained, until_key, strict=True):
        np.testing.assert_array_equal(ours.key, short.last)
        assert not np.array_equal(ours.key, ours.last)


def test_the_value_is_the_prompt_of_the_best_check(train, pair, scripted):
    scripted(colour=[10, 30, 20, 30], bird=[40, 1, 2, 50])
    trained = train(pair)
    assert [one.value_step for one in trained] == [4, 8]  # of equal scores the first
    assert [one.best.score for one in trained] == [30, 50]
    at_four = train(pair, validate=False, steps=4)
    np.testing.assert_array_equal(trained[0].value, at_four[0].last)
    np.testing.assert_array_equal(trained[1].value, trained[1].last)


def test_without_validation_the_value_is_the_last_prompt(train, pair):
    for one in train(pair, validate=False):
        np.testing.assert_array_equal(one.value, one.last)
        assert one.value_step == 8 and one.best.n == 0


def test_checks_are_made_every_so_many_steps_and_at_the_end(train, pair, scripted):
    scripted(colour=[1, 2, 3], bird=[1, 2, 3])
    watcher = Watcher()
    trained = train(pair, watcher, check_every=3)
    assert [check.step for check in trained[0].history] == [3, 6, 8]
    assert [check.n for check in trained[0].history] == [12] * 3
    assert watcher.checks == [
        (one.slot.label, one.history[number]) for number in range(3) for one in trained
    ]


def test_a_checks_loss_is_the_mean_since_the_check_before(train, pair, make_slot):
    watcher = Watcher()
    history = train([pair[0]], watcher, validate=False)[0].history
    losses = [loss for _, loss in watcher.steps]
    assert [step for step, _ in watcher.steps] == list(range(1, 9))
    expected = [np.mean(losses[begin : begin + 2]) for begin in (0, 2, 4, 6)]
    np.testing.assert_allclose([check.loss for check in history], expected, rtol=1e-5)


def test_training_lowers_the_loss(train, make_slot):
    watcher = Watcher()
    train([make_slot("colour")], watcher, validate=False, steps=40, check_every=40)
    losses = [loss for _, loss in watcher.steps]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


def test_the_backbone_is_not_changed(tiny_backbone, train, pair):
    before = {name: array.copy() for name, array in to_arrays(tiny_backbone.parameters).items()}
    train(pair, validate=False)
    for name, array in to_arrays(tiny_backbone.parameters).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_a_mixtures_check_is_the_mean_of_its_members(train, make_slot, data, scripted):
    both = Source("both", (data["colour"], data["bird"]), (0.5, 0.5))
    scripted(colour=[10], bird=[30])
    check = train([make_slot(source=both, name="both")], steps=2, key_step=2)[0].best
    assert (check.score, check.n) == (20, 24)
    assert check.metrics == {"colour/accuracy": 10, "bird/accuracy": 30}


def test_slots_of_unequal_shape_or_foreign_width_are_refused(train, make_slot):
    wide = make_slot(init=np.zeros((3, 17), np.float32))
    with pytest.raises(SpotError, match=r"width 16, found \(3, 17\)"):
        train([wide])
    with pytest.raises(SpotError, match="expected finite prompts"):
        train([make_slot(init=np.full((3, 16), np.nan, np.float32))])


@pytest.mark.xfail(strict=True, raises=ValueError, reason="np.stack speaks first")
def test_prompts_of_unequal_length_are_refused(train, make_slot):
    short = make_slot(init=np.zeros((2, 16), np.float32))
    with pytest.raises(SpotError):
        train([make_slot(), short])


def test_no_slots_are_no_work(train):
    assert train([]) == []


def test_a_finished_run_keeps_its_metrics_and_loses_its_checkpoints(tiny_backbone, tmp_path, pair):
    train_prompts(tiny_backbone, pair, SETTINGS, tmp_path / "run", validate=False)
    assert (tmp_path / "run" / "checkpoints").is_dir()
    discard_checkpoints(tmp_path / "run")
    names = [path.name for path in (tmp_path / "run").iterdir()]
    assert "metrics.jsonl" in names and "checkpoints" not in names
    discard_checkpoints(tmp_path / "run")


def test_a_second_process_waits_for_the_first(tiny_backbone, tmp_path, pair, train):
    lock = filelock.FileLock(tmp_path / "run.lock")
    lock.acquire()
    watcher = Watcher()
    watcher.say = lambda text: (watcher.said.append(text), lock.release())
    found = train_prompts(
        tiny_backbone, pair, SETTINGS, tmp_path / "run", validate=False, reporter=watcher
    )
    assert watcher.said[0] == f"waiting for another process that trains in {tmp_path / 'run'}"
    np.testing.assert_array_equal(found[0].last, train(pair, validate=False)[0].last)


# Stopping.


def test_a_slot_without_progress_stops_and_the_other_goes_on(train, pair, scripted):
    scripted(colour=[10, 9, 9], bird=[1, 2, 3, 4])
    trained = train(pair, patience=2)
    assert [check.step for check in trained[0].history] == [2, 4, 6]
    assert [check.step for check in trained[1].history] == [2, 4, 6, 8]
    stopped = train(pair, validate=False, steps=6)
    np.testing.assert_array_equal(trained[0].last, stopped[0].last)
    np.testing.assert_array_equal(trained[1].last, train(pair, validate=False)[1].last)


def test_progress_renews_the_patience(train, make_slot, scripted):
    scripted(colour=[10, 9, 11, 10, 10])
    trained = train([make_slot()], patience=2, steps=12)
    assert [check.step for check in trained[0].history] == [2, 4, 6, 8, 10]


def test_no_slot_stops_before_it_has_a_key(train, make_slot, scripted):
    scripted(colour=[10, 9, 8, 7])
    trained = train([make_slot()], patience=1, key_step=7, steps=20)
    assert [check.step for check in trained[0].history] == [2, 4, 6, 8]
    assert trained[0].key is not None


@pytest.mark.parametrize("rate", [math.inf, math.nan])
def test_a_loss_that_is_not_finite_stops_its_slot_alone(train, pair, rate):
    watcher = Watcher()
    broken = dataclasses.replace(pair[0], learning_rate=rate)
    trained = train([broken, pair[1]], watcher, validate=False)
    assert [one.failed_step for one in trained] == [1, 0]
    assert len(watcher.warnings) == 1
    assert "colour (seed 0): the loss is not finite at step 1" in watcher.warnings[0]
    np.testing.assert_array_equal(trained[0].last, broken.init)
    np.testing.assert_array_equal(trained[1].last, train(pair, validate=False)[1].last)
    assert all(math.isfinite(loss) for _, loss in watcher.steps)


def test_a_failed_slot_has_no_key(train, pair):
    broken = dataclasses.replace(pair[0], learning_rate=math.inf)
    assert train([broken, pair[1]], validate=False)[0].key is None
    assert train([broken], validate=False, key_step=1)[0].key is None
    assert train([broken], validate=False)[0].key is None


def test_a_slot_that_fails_later_keeps_its_best(train, pair, scripted, monkeypatch):
    scripted(colour=[10], bird=[1, 2, 3, 4])
    real = loop.train_step

    def step(state, *args, **more):
        if int(args[3]) == 2:
            state = state._replace(learning_rate=state.learning_rate.at[0].set(math.inf))
        return real(state, *args, **more)

    monkeypatch.setattr(loop, "train_step", step)
    trained = train(pair)
    assert trained[0].failed_step == 3
    assert trained[0].value_step == 2 and trained[0].best.score == 10
    np.testing.assert_array_equal(trained[0].value, trained[0].last)
    assert [check.step for check in trained[1].history] == [2, 4, 6, 8]


# What is written down.


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


def test_the_start_loss_is_that_of_the_first_rows(tiny_backbone, make_slot):
    slot = make_slot()
    found = start_loss(tiny_backbone, slot, slot.init, rows=4)
    arrays, config = to_arrays(tiny_backbone.parameters), tiny_backbone.config
    split = slot.source.members[0].train
    for value, prompt in ((found.prompt, slot.init), (found.promptless, None)):
        losses = []
        for row in range(4):
            encoded = numpy_t5.encode(arrays, config, split.inputs[row], prompt)
            target = split.targets[row]
            logits = numpy_t5.decode(arrays, config, encoded, target)
            right = logits[np.arange(len(target)), target]
            losses.append(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))
        assert value == pytest.approx(np.mean(losses), rel=1e-4)
    assert found.uniform == pytest.approx(math.log(192))


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
    monkeypatch.setattr(loop, "start_loss", lambda *_: StartLoss(30.0, 4.0, 5.0))
    watcher = Watcher()
    train([make_slot()], watcher, validate=False, steps=1, key_step=1)
    assert watcher.said == ["colour (seed 0): start loss 30.00 (no prompt 4.00, log V 5.00)"]
    assert "is the prompt of this model and scale?" in watcher.warnings[0]
