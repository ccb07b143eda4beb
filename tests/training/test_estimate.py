"""The estimate of a build's time: from measured steps, said once, within its bounds."""

from __future__ import annotations

from spot.training.build import jobs, work_of
from spot.training.estimate import SECONDS, STEPS, Estimating, Work, duration
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
        clock.now += {1: 8.64, 4: 4.64}.get(step, 0.64)  # loading, and two programs to compile
        reporter.advance(step, 1.0)
        # 12 s of loading and compiling leave few steps until the time is up
        assert bool(watcher.said) == (clock.now - 100 >= SECONDS)
    # 0.01 s a row; validation rows count half
    expected = 12 + 0.01 * (6400 + 0.5 * 1000)
    assert watcher.said == [f"about {duration(expected)} in all"]
    assert len(watcher.steps) == 49 and watcher.begun == [("a group", 50, 0)]


def test_many_compiling_steps_at_first_do_not_count():
    clock, watcher = Clock(), Watcher()
    reporter = Estimating(watcher, Work(64_000, 0), 64, clock)
    for step in range(1, 60):
        clock.now += 1.3 if step <= 8 else 0.3
        reporter.advance(step, 1.0)
    assert watcher.said == [f"about {duration(8 + 0.3 * 1000)} in all"]


def test_slow_steps_are_at_least_a_few():
    clock, watcher = Clock(), Watcher()
    reporter = Estimating(watcher, Work(640, 0), 64, clock)
    for step in range(1, STEPS + 1):
        assert watcher.said == []
        clock.now += 20
        reporter.advance(step, 1.0)
    assert watcher.said == ["about 3.3 minutes in all"]


def test_warnings_are_the_inner_reporters():
    watcher = Watcher()
    Estimating(watcher, Work(1, 0), 1).warn("careful")
    assert watcher.warnings == ["careful"]


def test_a_group_that_is_done_sooner_is_measured_whole():
    clock, watcher = Clock(), Watcher()
    reporter = Estimating(watcher, Work(128, 0), 1, clock)
    reporter.end()
    assert watcher.said == []
    for step in range(3):
        clock.now += 0.5
        reporter.advance(step, 1.0)
    assert watcher.said == []
    reporter.end()
    reporter.end()
    assert watcher.said == ["about 1.1 minutes in all"]


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
