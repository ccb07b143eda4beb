"""The estimate of a build's time: from measured steps, said once, within its bounds."""

from __future__ import annotations

from spot.training.build import jobs, work_of
from spot.training.estimate import MEASURED, Estimating, Work, duration
from tests.training.conftest import Watcher

pytest_plugins = ("tests.lab",)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_it_is_the_measured_time_of_a_row_times_the_rows_and_what_went_before():
    clock, watcher = Clock(), Watcher()
    reporter = Estimating(watcher, Work(6400, 1000), 64, clock)
    reporter.begin("a group", 50, 0)
    for step in range(1, 50):
        clock.now += {1: 12.64, 4: 8.64}.get(step, 0.64)  # loading, and two programs to compile
        reporter.advance(step, 1.0)
    # 0.01 s a row; validation rows count half
    expected = 20 + 0.01 * (6400 + 0.5 * 1000)
    assert watcher.said == [f"about {duration(expected)} in all"]
    assert len(watcher.steps) == 49 and watcher.begun == [("a group", 50, 0)]


def test_warnings_are_the_inner_reporters():
    watcher = Watcher()
    Estimating(watcher, Work(1, 0), 1).warn("careful")
    assert watcher.warnings == ["careful"]


def test_a_run_that_is_shorter_says_nothing():
    watcher = Watcher()
    reporter = Estimating(watcher, Work(10, 0), 1)
    for step in range(MEASURED - 1):
        reporter.advance(step, 1.0)
    assert watcher.said == []


def test_the_work_is_every_step_and_check_of_every_job(lab, tiny_backbone):
    config = lab.config("train.steps=10", "train.key_step=5", "train.check_every=4")
    todo = jobs(config, tiny_backbone.identity)
    work = work_of(todo, config)
    assert work.training == len(todo) * 10 * config.train.batch_size
    sizes = [3 * 12 * max(1, len(job.members)) for job in todo]
    assert work.validation == sum(sizes)


def test_durations_read_like_speech():
    assert duration(42) == "42 seconds"
    assert duration(100) == "1.7 minutes"
    assert duration(5400) == "1.5 hours"
