"""The estimate of a build's time: a measured step times the work, said before the first group."""

from __future__ import annotations

import time

import pytest

from bank.store import Bank
from spot.training import prompt_tuning
from spot.training.build import build_bank, jobs, work_of
from spot.training.estimate import Work, duration, seconds_left
from spot.training.prompt_tuning import time_step
from spot.training.recipe import TrainSettings
from tests.lab import SOURCES
from tests.training.conftest import Watcher

pytest_plugins = ("tests.lab",)


def test_it_is_the_time_of_a_row_times_the_rows_and_programs_once_more():
    # 64 rows in 0.64 s; validation rows count half
    expected = 12 + 0.01 * (6400 + 0.5 * 1000)
    assert seconds_left(Work(6400, 1000), 64, 12.0, 0.64) == pytest.approx(expected)


def test_a_build_says_it_once_before_it_trains(lab, tmp_path, monkeypatch):
    watcher, timed = Watcher(), []
    at = lab.objects("train.slots=2", runs=tmp_path, reporter=watcher)
    sources = [at.task(name) for name in (*SOURCES, "colour+bird")]

    def measured(backbone, slots, settings):
        timed.append([slot.name for slot in slots])
        assert watcher.begun == []
        return 3000.0, 2.0

    monkeypatch.setattr(prompt_tuning, "time_step", measured)
    bank = Bank.create_or_open(tmp_path / "bank")
    build_bank(bank, at.model, sources, at.recipe, runs=at.runs)
    work = work_of(jobs(at.model, sources, at.recipe, [0]), at.recipe)
    assert timed == [["colour", "bird"]]
    rest = seconds_left(work, 2 * at.recipe.batch_size, 3000.0, 2.0)
    assert [text for text in watcher.said if text.startswith("about")] == [
        f"about {duration(rest)} in all"
    ]
    build_bank(bank, at.model, sources, at.recipe, runs=at.runs)
    assert len(timed) == 1  # nothing is left to be estimated


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
    before = slot.init.key.copy()
    first, step = time_step(tiny_backbone, [slot], TrainSettings(steps=2, key_step=1))
    assert len(states) == 4 and all(state is states[0] for state in states)
    assert (slot.init.key == before).all()
    assert first > 0 and 0 < step < 2


def test_the_work_is_every_step_and_check_of_every_job(lab):
    at = lab.objects("train.steps=10", "train.key_step=5", "train.check_every=4")
    sources = [at.task(name) for name in (*SOURCES, "colour+bird")]
    jobs_left = jobs(at.model, sources, at.recipe, [0])
    work = work_of(jobs_left, at.recipe)
    assert len(jobs_left) == 4 and work.training == 4 * 10 * at.recipe.batch_size
    sizes = [3 * 12 * max(1, len(job.members)) for job in jobs_left]
    assert work.validation == sum(sizes)


def test_durations_read_like_speech():
    assert duration(42) == "42 seconds"
    assert duration(100) == "1.7 minutes"
    assert duration(5400) == "1.5 hours"
