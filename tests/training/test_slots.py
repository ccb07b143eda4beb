"""What a trained prompt says of its training: the step of its value, and whether more steps may help."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spot.prompts.prompt import as_prompt
from spot.training.slots import Check, Slot, Trained, best_check, report_improving
from tests.training.conftest import Watcher

PROMPT = as_prompt(np.zeros((2, 3), np.float32))


def trained(*scores, name="a", failed_step=0):
    """A prompt that was checked every 20 steps with these scores; None: not validated."""
    history = tuple(
        Check(20 * (at + 1), -math.inf, 1.0, {}, 0) if score is None
        else Check(20 * (at + 1), score, 1.0, {"m": score}, 9)
        for at, score in enumerate(scores)
    )  # fmt: skip
    slot = Slot(name, None, 3, PROMPT, 0.1)
    return Trained(slot, None, PROMPT, PROMPT, best_check(history), history, failed_step)


@pytest.mark.parametrize(
    ("scores", "improving"),
    [
        ((50.0, 60.0), True),
        ((50.0, 60.0, 60.0), False),  # of equals the first is the best
        ((50.0, 60.0, 59.0), False),
        ((60.0,), False),  # nothing to be better than
        ((), False),
        ((50.0, 100.0), False),  # nothing is better than that
        ((None, None), False),
    ],
)
def test_a_prompt_still_improves_if_its_last_check_is_the_best(scores, improving):
    assert trained(*scores).still_improving is improving


def checks(*scores, n=128):
    return [Check(20 * at, score, 1.0, {}, n) for at, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "step"),
    [
        ((85.16, 70.0, 83.59, 84.38), 60),  # the start's lead of one row is luck
        ((85.16, 70.0, 84.38, 75.0), 40),  # the last one is worse by more than that
        ((85.16, 70.0, 82.1, 60.0), 40),  # 3.14 points are one standard error of 85.16 on 128 rows
        ((85.16, 70.0, 81.9, 60.0), 0),
        ((50.0, 60.0, 90.0), 40),
        ((100.0, 99.0), 0),  # nothing is within no error
        ((100.0, 99.0, 100.0), 40),
        ((-40.0, -60.0), 0),  # as a correlation may be
    ],
)
def test_a_settled_prompt_is_the_latest_within_one_standard_error_of_the_best(scores, step):
    assert best_check(checks(*scores), settles=True).step == step
    assert best_check(checks(*scores)).score == max(scores)


def test_a_settled_prompt_of_few_rows_and_of_none():
    assert best_check(checks(90.0, 70.0, n=4), settles=True).step == 0  # an error of 15
    assert best_check(checks(90.0, 76.0, n=4), settles=True).step == 20
    assert best_check(checks(-math.inf, -math.inf, n=0), settles=True).step == 20
    assert best_check((), settles=True) is None


def test_a_prompt_whose_loss_broke_down_was_not_ended_by_its_budget():
    assert not trained(50.0, 60.0, failed_step=45).still_improving


def test_prompts_that_still_improve_are_named_or_counted_with_the_setting_to_raise():
    watcher = Watcher()
    report_improving([trained(50.0, 60.0), trained(60.0, 60.0)], "train.steps", watcher)
    better = [trained(1.0, 2.0), trained(1.0, 2.0, 3.0), trained(3.0, 1.0)]
    report_improving(better, "transfer.steps", watcher)
    report_improving([trained(60.0, 60.0)], "train.steps", watcher)
    assert watcher.said == [
        "a (seed 3): still improving at the last check (step 40): raise train.steps",
        "2 of 3 prompts were still improving at the last check (step 60): raise transfer.steps",
    ]
