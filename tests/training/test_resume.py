"""A run that was stopped anywhere and called again gives the bits of the run that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from spot.training.checkpoint import Checkpoints
from spot.training.loop import deferred_interrupt
from spot.training.prompt_tuning import train_prompts
from spot.training.slots import Reporter
from tests.training.conftest import SETTINGS

# The key's step is no check, and dropout is on: its randomness must come back too.
RUN = SETTINGS.model_copy(update={"key_step": 4, "check_every": 3, "dropout": 0.1})
ROOT = Path(__file__).resolve().parents[2]


class Stopped(Exception):
    """What a test stops a run with."""


class Stopper(Reporter):
    """Calls `act` once, when `step` steps are done ("advance") or a slot was checked ("check")."""

    def __init__(self, step, act, where="advance"):
        super().__init__()
        self.step, self.act, self.where, self.done_before = step, act, where, None

    def begin(self, title, steps, done):
        self.done_before = done

    def advance(self, step, loss):
        if self.where == "advance" and step == self.step:
            self.act()

    def check(self, name, check):
        if self.where == "check" and check.step == self.step:
            self.act()


def stop():
    raise Stopped


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupt_twice():
    first = signal.getsignal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    # Signals are handled between bytecodes, and two that wait there are one.
    while signal.getsignal(signal.SIGINT) is first:
        time.sleep(0.001)
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def pair(make_slot):
    return [make_slot("colour", 0), make_slot("bird", 1)]


@pytest.fixture(scope="module")
def run(tiny_backbone, pair):
    """A function that trains the pair in a folder."""

    def call(folder, reporter=None, slots=pair):
        return train_prompts(tiny_backbone, slots, RUN, folder, reporter=reporter)

    return call


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """(what an unbroken run gives, its metrics.jsonl)."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), (folder / "metrics.jsonl").read_text()


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("key", "value", "last"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
        for name in ("value_step", "best", "history", "failed_step"):
            assert getattr(ours, name) == getattr(theirs, name)


def assert_as_whole(folder, found, whole):
    """Same prompts, and the same lines in metrics.jsonl, each once."""
    assert_same(found, whole[0])
    assert (folder / "metrics.jsonl").read_text() == whole[1]


def saved_steps(folder):
    checkpoints = Checkpoints(folder / "checkpoints")
    steps = checkpoints.steps()
    checkpoints.close()
    return steps


def test_two_unbroken_runs_are_the_same(run, whole, tmp_path):
    assert_as_whole(tmp_path, run(tmp_path), whole)
    assert len(whole[1].splitlines()) == 2 + 2 * 3


@pytest.mark.parametrize("step", range(1, 9))
def test_stopped_after_any_step_and_called_again(run, whole, tmp_path, step):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(step, stop))
    again = Stopper(0, stop)
    found = run(tmp_path, again)
    assert again.done_before == (step - 1) // 3 * 3
    assert_as_whole(tmp_path, found, whole)


@pytest.mark.parametrize("step", [3, 6, 8])
def test_stopped_between_a_check_and_its_checkpoint(run, whole, tmp_path, step):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(step, stop, "check"))
    assert_as_whole(tmp_path, run(tmp_path), whole)


def test_stopped_again_and_again(run, whole, tmp_path):
    for step in (2, 5, 5, 7, 8):
        with pytest.raises(Stopped):
            run(tmp_path, Stopper(step, stop))
    assert_as_whole(tmp_path, run(tmp_path), whole)


def test_a_finished_run_called_again_trains_nothing(run, whole, tmp_path):
    run(tmp_path)
    again = Stopper(0, stop)
    assert_as_whole(tmp_path, run(tmp_path, again), whole)
    assert again.done_before == 8


@pytest.mark.parametrize("step", [1, 3, 4, 8])
def test_ctrl_c_saves_a_checkpoint_of_that_very_step(run, whole, tmp_path, step):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stopper(step, interrupt))
    assert signal.getsignal(signal.SIGINT) is before
    assert saved_steps(tmp_path)[-1] == step
    again = Stopper(0, stop)
    found = run(tmp_path, again)
    assert again.done_before == step
    assert_as_whole(tmp_path, found, whole)


def test_a_second_ctrl_c_acts_at_once(run, whole, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stopper(5, interrupt_twice))
    assert signal.getsignal(signal.SIGINT) is before
    assert saved_steps(tmp_path) == [3]
    assert_as_whole(tmp_path, run(tmp_path), whole)


def test_outside_the_main_thread_ctrl_c_is_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with deferred_interrupt() as event:
            seen.append((signal.getsignal(signal.SIGINT) is before, event.is_set()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(True, False)]


def test_a_line_that_a_kill_cut_short_is_written_anew(run, whole, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(5, stop))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"slot": "colour", "se')
    assert_as_whole(tmp_path, run(tmp_path), whole)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_checkpoint_costs_only_the_work_since_the_one_before(run, whole, tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(7, stop))
    shutil.rmtree(next((tmp_path / "checkpoints" / "6").rglob("d")))
    again = Stopper(0, stop)
    found = run(tmp_path, again)
    assert again.done_before == 3
    assert_as_whole(tmp_path, found, whole)


@pytest.mark.parametrize("step", [4, 7])
def test_a_flipped_bit_in_a_checkpoint_changes_no_number(run, whole, tmp_path, step):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(step, stop))
    newest = tmp_path / "checkpoints" / str((step - 1) // 3 * 3)
    arrays = max(newest.rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(arrays.read_bytes())
    content[len(content) // 2] ^= 4
    arrays.write_bytes(content)
    again = Stopper(0, stop)
    found = run(tmp_path, again)
    assert again.done_before == (step - 1) // 3 * 3 - 3
    assert_as_whole(tmp_path, found, whole)


def nothing(text):
    return ""


def cut_short(text):
    return text[: len(text) // 2]


def zeros(text):
    return "\0" * len(text)


def other_scores(text):
    rows = [json.loads(line) for line in text.splitlines()]
    return "".join(
        json.dumps({**row, "score": 100.0 - row["score"]} if "score" in row else row) + "\n"
        for row in rows
    )


def other_types(text):
    return '[]\n7\n{"step": "x", "score": [1]}\n' + "[" * 10**5 + "\n"


@pytest.mark.parametrize("damage", [nothing, cut_short, zeros, other_scores, other_types])
def test_a_damaged_metrics_file_changes_no_number(run, whole, tmp_path, damage):
    with pytest.raises(Stopped):
        run(tmp_path, Stopper(7, stop))
    path = tmp_path / "metrics.jsonl"
    path.write_text(damage(path.read_text()))
    again = Stopper(0, stop)
    found = run(tmp_path, again)
    assert again.done_before == 6
    assert_as_whole(tmp_path, found, whole)


def test_a_slot_that_has_failed_stays_failed(run, make_slot, tmp_path):
    slots = [make_slot("colour", 0, learning_rate=float("inf")), make_slot("bird", 1)]
    expected = run(tmp_path / "whole", slots=slots)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", Stopper(5, interrupt), slots)
    again = Reporter()
    assert_same(run(tmp_path / "run", again, slots), expected)
    assert expected[0].failed_step == 1 and expected[0].key is None
    assert again.warnings == []


# The child trains for real and is killed for real, by itself, after five steps.
CHILD = """
import json, os, signal, sys
import numpy as np
from pathlib import Path
from spot.models.model import load
from spot.prompts.prompt import as_prompt
from spot.training.batches import Source
from spot.training.prompt_tuning import train_prompts
from spot.training.slots import Reporter, Slot
from tests.toys import model_settings, toy_data
from tests.training.conftest import SETTINGS

class Killer(Reporter):
    def advance(self, step, loss):
        if step == 5:
            os.kill(os.getpid(), signal.SIGKILL)

model, folder = map(Path, sys.argv[1:])
backbone = load(model_settings(model))
source = Source("colour", (toy_data("colour", backbone.vocabulary),))
init = np.random.default_rng([0, 5]).normal(size=(3, 16)).astype(np.float32)
slot = Slot("colour", source, 0, as_prompt(init), 0.3)
train_prompts(backbone, [slot], SETTINGS, folder, validate=False, reporter=Killer())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_by_the_system(tiny_backbone, tiny_folder, make_slot, tmp_path):
    slots = [make_slot("colour", 0)]
    expected = train_prompts(tiny_backbone, slots, SETTINGS, tmp_path / "whole", validate=False)
    command = [sys.executable, "-c", CHILD, str(tiny_folder), str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert saved_steps(tmp_path / "run") == [2, 4]
    found = train_prompts(tiny_backbone, slots, SETTINGS, tmp_path / "run", validate=False)
    assert_same(found, expected)
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert steps == [0, 2, 4, 6, 8]


def test_ctrl_c_that_is_ignored_stays_ignored(run, whole, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert_as_whole(tmp_path, run(tmp_path, Stopper(5, interrupt)), whole)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
