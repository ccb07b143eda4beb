"""The loop: what it keeps and when it stops. Checks are scripted, training is real."""

from __future__ import annotations

import dataclasses
import math

import filelock
import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.weights.build import to_arrays
from spot.training import prompt_tuning
from spot.training.batches import Source
from spot.training.prompt_tuning import PromptLearner, train_prompts
from spot.training.runs import discard_checkpoints
from spot.training.slots import Check, say_of_lock
from tests.training.conftest import SETTINGS, Watcher

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
    before = {
        name: array.copy() for name, array in to_arrays(tiny_backbone.network.parameters).items()
    }
    train(pair, validate=False)
    for name, array in to_arrays(tiny_backbone.network.parameters).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_a_mixtures_check_is_the_mean_of_its_members(train, make_slot, data, scripted):
    both = Source("both", (data["colour"], data["bird"]), (0.5, 0.5))
    scripted(colour=[10], bird=[30])
    check = train([make_slot(source=both, name="both")], steps=2, key_step=2)[0].best
    assert (check.score, check.n) == (20, 24)
    assert check.metrics == {"colour/accuracy": 10, "bird/accuracy": 30}


def test_slots_of_unequal_shape_or_foreign_width_are_refused(train, make_slot):
    wide = make_slot(init=np.zeros((3, 17), np.float32))
    with pytest.raises(SpotError, match=r"prompt \[3, 17\], expected \[3, 16\]"):
        train([wide])
    with pytest.raises(SpotError, match="a number is not finite"):
        train([make_slot(init=np.full((3, 16), np.nan, np.float32))])


def test_prompts_of_unequal_length_are_refused(train, make_slot):
    short = make_slot(init=np.zeros((2, 16), np.float32))
    with pytest.raises(SpotError, match="one kind, length and width"):
        train([make_slot(), short])


def test_no_slots_are_no_work(train):
    assert train([]) == []


def test_a_finished_run_keeps_its_metrics_and_loses_its_checkpoints(tiny_backbone, tmp_path, pair):
    train_prompts(tiny_backbone, pair, SETTINGS, tmp_path / "run", validate=False)
    assert (tmp_path / "run" / "checkpoints").is_dir()
    discard_checkpoints(tmp_path / "run", Watcher())
    names = [path.name for path in (tmp_path / "run").iterdir()]
    assert "metrics.jsonl" in names and "checkpoints" not in names
    discard_checkpoints(tmp_path / "run", Watcher())


def test_a_lock_that_does_not_end_with_its_process_is_named(tmp_path):
    watcher = Watcher()
    path = tmp_path / "run.lock"
    say_of_lock(filelock.FileLock(path), watcher)
    assert watcher.said == []
    say_of_lock(filelock.SoftFileLock(path), watcher)
    assert watcher.said == [f"if no other process runs any more, delete the file {path}"]


def test_early_checks_leave_the_training_itself_as_it_is(train, pair):
    plain, early = train(pair), train(pair, early_checks=(0, 1, 3, 6))
    assert [check.step for check in early[0].history] == [0, 1, 2, 3, 4, 6, 8]
    for ours, theirs in zip(early, plain, strict=True):
        for role in ("key", "last"):
            np.testing.assert_array_equal(getattr(ours, role), getattr(theirs, role), role)
        common = {check.step: check.score for check in theirs.history}
        assert {c.step: c.score for c in ours.history if c.step in common} == common


def test_a_start_that_is_never_beaten_is_the_value(train, make_slot, scripted, tiny_backbone):
    scripted(colour=[60, 20, 60, 30, 60])
    slot = make_slot()
    (trained,) = train([slot], early_checks=(0,))
    np.testing.assert_array_equal(trained.value, slot.init)
    (start,) = PromptLearner(tiny_backbone, [slot], SETTINGS).start_losses()
    assert trained.best == Check(0, 60, np.float32(start.prompt), {"accuracy": 60}, 12)
    assert not trained.failed_early


def test_steps_of_new_shapes_are_compiled_and_others_are_not(tiny_backbone, pair, monkeypatch):
    learner = PromptLearner(tiny_backbone, pair, SETTINGS)
    assert [learner.compiles(step) for step in (0, 0, 1)] == [True, False, False]
    inputs, targets = learner.batch(0)
    longer = np.pad(inputs, ((0, 0), (0, 64)), constant_values=3)
    monkeypatch.setattr(learner, "batch", lambda step: (longer, targets))
    assert [learner.compiles(step) for step in (2, 3)] == [True, False]


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


@pytest.mark.parametrize("early", [(), (0,)])
def test_a_slot_that_fails_before_a_check_of_any_step_has_learned_nothing(train, pair, early):
    broken = dataclasses.replace(pair[0], learning_rate=math.inf)
    failed, whole = train([broken, pair[1]], early_checks=early)
    assert (failed.failed_early, whole.failed_early) == (True, False)
    assert (failed.best is None) == (not early)


def test_a_slot_that_fails_later_keeps_its_best(train, pair, scripted, monkeypatch):
    scripted(colour=[10], bird=[1, 2, 3, 4])
    real = prompt_tuning.train_step

    def step(state, *args, **more):
        if int(args[3]) == 2:
            state = state._replace(learning_rate=state.learning_rate.at[0].set(math.inf))
        return real(state, *args, **more)

    monkeypatch.setattr(prompt_tuning, "train_step", step)
    trained = train(pair)
    assert trained[0].failed_step == 3
    assert trained[0].value_step == 2 and trained[0].best.score == 10
    np.testing.assert_array_equal(trained[0].value, trained[0].last)
    assert [check.step for check in trained[1].history] == [2, 4, 6, 8]
