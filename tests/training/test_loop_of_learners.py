"""The loop with a learner of a few lines, whose every number can be worked out by hand.

The learner adds 1 to each of its numbers in every step and scores them by a list. Prompts and whole
models go through the same loop; their own tests are in test_loop.py and test_fine_tuning.py.
"""

from __future__ import annotations

import json
import math
import signal
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.training.checkpoint import Checkpoints
from spot.training.loop import Schedule, train
from spot.training.slots import Check, StartLoss, Validation
from tests.training.conftest import Watcher


class State(NamedTuple):
    value: Any  # [S], the start plus the number of steps that were made while active
    active: Any


class Counter:
    """S numbers that grow by 1 a step; `scores[index]` maps a number to its validation score.

    fails: {index: the step, from 1, whose loss is not finite}.
    """

    shapes = (0, 4)  # the steps whose arrays have a new shape

    def __init__(self, *starts, scores=None, fails=None):
        self.starts = np.asarray(starts, np.float32)
        self.scores, self.fails = scores or {}, fails or {}
        self.rows = [{"slot": f"n{index}", "seed": index} for index in range(len(starts))]
        self.labels = [f"number {index}" for index in range(len(starts))]

    def start(self):
        return State(jnp.asarray(self.starts), jnp.ones(len(self.starts), bool))

    def step(self, state, step):
        loss = np.full(len(self.starts), 100.0 - step, np.float32)
        for index, fatal in self.fails.items():
            if step + 1 >= fatal:
                loss[index] = np.nan
        finite = np.isfinite(loss) | ~np.asarray(state.active)
        go = state.active & np.isfinite(loss)
        state = State(jnp.where(go, state.value + 1, state.value), state.active & finite)
        return state, {"loss": jnp.asarray(loss), "finite": jnp.asarray(finite)}

    def arrays(self, state, index):
        return {"number": np.asarray(state.value[index])}

    def validate(self, arrays, index):
        number = float(arrays["number"])
        return Validation(self.scores.get(index, {}).get(number, number), {"m": number}, 5)

    def compiles(self, step):
        return step in self.shapes

    def facts(self, state, index):
        return {"number": float(state.value[index])}

    def start_losses(self):
        return [StartLoss(1.0, 1.0, 1.0)] * len(self.starts)


SCHEDULE = Schedule(steps=7, check_every=2, key_step=3)


def numbers(results):
    """(key, value, last) of each as plain numbers."""
    return [
        tuple(None if a is None else float(a["number"]) for a in (one.key, one.value, one.last))
        for one in results
    ]


def test_every_number_of_a_plain_run(tmp_path):
    watcher = Watcher()
    first, second = train(Counter(0, 10), SCHEDULE, tmp_path, reporter=watcher)
    assert numbers([first, second]) == [(3, 7, 7), (13, 17, 17)]
    assert [check.step for check in first.history] == [2, 4, 6, 7]
    assert [check.score for check in second.history] == [12, 14, 16, 17]
    # The mean of the losses since the check before; they are 100, 99, …
    assert [check.loss for check in first.history] == [99.5, 97.5, 95.5, 94.0]
    assert (first.best.metrics, first.best.n, first.failed_step) == ({"m": 7.0}, 5, 0)
    assert watcher.steps == [(step, 101.0 - step) for step in range(1, 8)]
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    expected = [(name, step) for step in (0, 2, 4, 6, 7) for name in ("n0", "n1")]
    assert [(row["slot"], row["step"]) for row in rows] == expected


def test_the_value_is_of_the_best_check_and_the_first_of_equals(tmp_path):
    scores = {0: {2: 5.0, 4: 9.0, 6: 9.0, 7: 1.0}}
    (result,) = train(Counter(0, scores=scores), SCHEDULE, tmp_path)
    assert numbers([result]) == [(3, 4, 7)]
    assert (result.best.step, result.best.score) == (4, 9.0)


def test_where_the_rate_falls_the_value_is_of_the_latest_check_that_may_be_the_best(tmp_path):
    scores = {0: {2: 60.0, 4: 55.0, 6: 30.0, 7: 20.0}}  # five rows: an error of 22 points
    (result,) = train(Counter(0, scores=scores), SCHEDULE._replace(settles=True), tmp_path)
    assert numbers([result]) == [(3, 4, 7)]
    assert (result.best.step, result.best.score) == (4, 55.0)


def test_without_a_key_step_there_is_no_key_and_without_validation_the_last_check_counts(tmp_path):
    plain = Schedule(steps=7, check_every=3)
    learner = Counter(0, scores={0: {3: 9.0}})
    assert numbers(train(learner, plain, tmp_path / "a")) == [(None, 3, 7)]
    (blind,) = train(learner, plain, tmp_path / "b", validate=False)
    assert numbers([blind]) == [(None, 7, 7)]
    assert [check.score for check in blind.history] == [-math.inf] * 3


def test_patience_stops_each_by_itself_but_not_before_its_key(tmp_path):
    schedule = Schedule(steps=20, check_every=2, key_step=7, patience=1)
    scores = {0: {n: -n for n in range(99)}}
    first, second = train(Counter(0, 0, scores=scores), schedule, tmp_path / "a")
    assert numbers([first, second]) == [(7, 2, 8), (7, 20, 20)]
    schedule = schedule._replace(key_step=None, patience=2)
    (alone,) = train(Counter(0, scores=scores), schedule, tmp_path / "b")
    assert numbers([alone]) == [(None, 2, 6)]


def test_who_stops_says_when_and_why(tmp_path):
    scores = {0: {n: -n for n in range(99)}, 1: {4: 100.0}}
    schedule = Schedule(steps=20, check_every=2, patience=3)
    watcher = Watcher()
    train(Counter(0, 0, 0, scores=scores), schedule, tmp_path, reporter=watcher)
    assert watcher.said == [
        "number 1: stopped at step 4: the best possible validation score since step 4",
        "number 0: stopped at step 8: no better validation score since step 2",
    ]


def test_what_takes_long_before_and_between_steps_is_a_phase(tmp_path):
    watcher = Watcher()
    schedule = Schedule(steps=7, check_every=4, early=(0,))
    train(Counter(0, 0), schedule, tmp_path, reporter=watcher)
    both = ["validating number 0", "validating number 1"]
    assert watcher.phases == [
        (0, "looking for a checkpoint"),
        (0, "computing the loss before training"),
        *((0, text) for text in both),
        (0, "compiling the step"),
        *((4, text) for text in both),
        (4, "compiling the step"),
        *((7, text) for text in both),
    ]
    watcher = Watcher()
    train(Counter(0), schedule, tmp_path / "blind", validate=False, reporter=watcher)
    assert not any("validating" in text for _, text in watcher.phases)


def stop_by_hand(scores, every, patience, key_step, last, early):
    """The step at which training ends, told step by step: what is best so far, how long ago."""
    best, misses = None, 0
    for step in range(last + 1):
        regular = step > 0 and (step % every == 0 or step == last)
        if not regular and step not in early:
            continue
        if best is None or scores[step] > best:
            best, misses = scores[step], 0
        elif regular:
            misses += 1
        if patience and step > 0 and step >= key_step and (misses >= patience or best == 100):
            return step
    return last


@settings(max_examples=300, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.0, 50.0, 50.5, 99.0, 100.0]), min_size=31, max_size=31),
    every=st.integers(1, 7),
    patience=st.integers(0, 4),
    key_step=st.integers(0, 12),
    early=st.sets(st.integers(0, 12), max_size=4),
)
def test_training_ends_where_the_rule_followed_by_hand_ends(
    scores, every, patience, key_step, early
):
    last = 30
    schedule = Schedule(last, every, key_step or None, patience, tuple(early))
    history = [Check(0, scores[0], 1.0, {}, 9)] if 0 in early else []
    for step in range(1, last + 1):
        if schedule.is_regular(step) or step in early:
            history.append(Check(step, scores[step], 1.0, {}, 9))
            if schedule.exhausted(history, step):
                break
    assert history[-1].step == stop_by_hand(scores, every, patience, key_step, last, early)


def test_early_checks_show_the_start_and_may_be_the_best_but_cost_no_patience(tmp_path):
    scores = {0: {0: 9.0}, 1: {10: 1.0, 11: 50.0}}
    schedule = Schedule(steps=7, check_every=2, patience=2, early=(0, 1, 2, 3, 99))
    watcher = Watcher()
    first, second = train(Counter(0, 10, scores=scores), schedule, tmp_path, reporter=watcher)
    assert [check.step for check in first.history] == [0, 1, 2, 3, 4]  # stale at 2 and 4
    assert [check.score for check in second.history] == [1.0, 50.0, 12.0, 13.0, 14.0]
    assert numbers([first, second]) == [(None, 0, 4), (None, 11, 14)]
    # The loss of the start, then the means since the check before.
    assert [check.loss for check in first.history] == [1.0, 100.0, 99.0, 98.0, 97.0]
    assert {check.n for check in first.history} == {5}
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert [row["step"] for row in rows if row["slot"] == "n0"] == [0, 0, 1, 2, 3, 4]
    assert [name for name, check in watcher.checks if check.step == 0] == ["number 0", "number 1"]


def test_the_start_of_a_learner_that_knows_no_losses_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Counter, "start_losses", lambda self: [])
    (result,) = train(Counter(0), Schedule(2, 2, early=(0,)), tmp_path)
    assert math.isnan(result.history[0].loss) and result.history[1].loss == 99.5


def test_without_validation_early_checks_show_the_losses(tmp_path):
    (result,) = train(Counter(0), Schedule(3, 3, early=(1,)), tmp_path, validate=False)
    assert [(check.step, check.n, check.loss) for check in result.history] == [
        (1, 0, 100.0), (3, 0, 98.5),
    ]  # fmt: skip


@pytest.mark.parametrize("fatal", [1, 3, 4, 7])
def test_a_loss_that_is_not_finite_stops_one_and_keeps_what_it_had(tmp_path, fatal):
    watcher = Watcher()
    broken, whole = train(Counter(0, 10, fails={0: fatal}), SCHEDULE, tmp_path, reporter=watcher)
    assert numbers([whole]) == [(13, 17, 17)] and whole.failed_step == 0
    checked = (fatal - 1) // 2 * 2
    assert numbers([broken]) == [(3 if fatal > 3 else None, checked, fatal - 1)]
    assert broken.failed_step == fatal
    assert [check.step for check in broken.history] == list(range(2, checked + 1, 2))
    assert (broken.best is None) == (checked == 0)
    (warning,) = watcher.warnings
    assert f"number 0: the loss is not finite at step {fatal}" in warning


def test_the_run_ends_when_nothing_is_active_any_more(tmp_path):
    watcher = Watcher()
    train(Counter(0, 0, fails={0: 2, 1: 5}), SCHEDULE, tmp_path, reporter=watcher)
    assert [step for step, _ in watcher.steps] == [1, 2, 3, 4, 5]
    assert math.isnan(watcher.steps[-1][1])


class Interrupter(Watcher):
    """Presses Ctrl-C after a step."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def advance(self, step, loss):
        super().advance(step, loss)
        if step == self.at:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize(("key_step", "early"), [(3, ()), (None, ()), (None, (0, 1, 3))])
def test_an_interrupted_run_goes_on_and_gives_the_same(tmp_path, at, key_step, early):
    schedule = SCHEDULE._replace(key_step=key_step, patience=2, early=early)
    learner = Counter(0, 10, 20, scores={1: {12: 99.0}}, fails={2: 5})
    whole = train(learner, schedule, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(learner, schedule, tmp_path / "run", reporter=Interrupter(at))
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert checkpoints.steps()[-1] == at
    checkpoints.close()
    watcher = Watcher()
    again = train(learner, schedule, tmp_path / "run", reporter=watcher)
    assert watcher.begun == [("", 7, at)]
    assert not any("start loss" in text for text in watcher.details)  # it is not said twice
    assert numbers(again) == numbers(whole)
    for ours, theirs in zip(again, whole, strict=True):
        assert (ours.history, ours.failed_step) == (theirs.history, theirs.failed_step)
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("run", "whole")]
    assert lines[0] == lines[1]
