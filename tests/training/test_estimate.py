"""The estimate of a build's time: a measured step times the work, said before the first group."""

from __future__ import annotations

import time

import pytest

from bank.store import Bank
from spot.training import build, prompt_tuning
from spot.training.build import build_bank, jobs, work_of
from spot.training.estimate import Work, duration, seconds_left
from spot.training.prompt_tuning import time_step
from spot.training.recipe import TrainSettings
from tests.training.conftest import Watcher

pytest_plugins = ("tests.lab",)


def test_it_is_the_time_of_a_row_times_the_rows_and_programs_once_more():
    # 64 rows in 0.64 s; validation rows count half
    expected = 12 + 0.01 * (6400 + 0.5 * 1000)
    assert seconds_left(Work(6400, 1000), 64, 12.0, 0.64) == pytest.approx(expected)


def test_a_build_says_it_once_before_it_trains(lab, tiny_backbone, tmp_path, monkeypatch):
    config, watcher = lab.config("train.slots=2", runs=tmp_path), Watcher()
    asked = []

    def measured(backbone, slots, settings):
        asked.append([slot.name for slot in slots])
        assert watcher.begun == []
        return 3000.0, 2.0

    monkeypatch.setattr(build, "time_step", measured)
    bank = Bank.create_or_open(tmp_path / "bank")
    build_bank(config, tiny_backbone, bank, watcher)
    todo = jobs(config, tiny_backbone.identity)
    assert asked == [[job.task for job in todo[:2]]]
    rest = seconds_left(work_of(todo, config), 2 * config.train.batch_size, 3000.0, 2.0)
    assert [text for text in watcher.said if text.startswith("about")] == [
        f"about {duration(rest)} in all"
    ]
    build_bank(config, tiny_backbone, bank, watcher)
    assert len(asked) == 1  # nothing is left to be estimated


def test_timing_changes_nothing_and_one_busy_moment_does_not_count(
    tiny_backbone, make_slot, monkeypatch
):
    slot, states = make_slot(), []
    real = prompt_tuning.train_step

    def spy(state, *rest, **named):
        states.append(state)
        if len(states) == 2:
            time.sleep(2.0)
        return real(state, *rest, **named)

    monkeypatch.setattr(prompt_tuning, "train_step", spy)
    before = slot.init.copy()
    first, step = time_step(tiny_backbone, [slot], TrainSettings(steps=2, key_step=1))
    assert len(states) == 4 and all(state is states[0] for state in states)
    assert (slot.init == before).all()
    assert first > 0 and 0 < step < 2


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
