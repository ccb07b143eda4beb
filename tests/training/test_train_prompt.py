"""Training of one prompt: its start, and two processes that train the same."""

from __future__ import annotations

import filelock
import numpy as np
import pytest

from bank.store import Bank
from spot.training import prompt_tuning
from spot.training.prompt_tuning import train_prompts
from spot.training.runs import alone
from spot.training.slots import Reporter

pytest_plugins = ("tests.lab",)


def test_training_starts_from_the_prompt_of_its_init(lab, tmp_path, tiny_backbone, monkeypatch):
    """init entry:<id> and file:<path> are the very prompt that training starts from."""
    inits = []

    def spy(model, slots, *rest, **more):
        inits.append(slots[0].init)
        return train_prompts(model, slots, *rest, **more)

    monkeypatch.setattr(prompt_tuning, "train_prompts", spy)
    value = Bank.open(lab.bank).prompts(Bank.open(lab.bank).get("place")).value
    np.save(tmp_path / "p.npy", value)
    for number, init in enumerate(("entry:place", f"file:{tmp_path / 'p.npy'}")):
        done = lab.run("train", "--task", "house", "--out", "q.npy", "--bank", str(lab.bank),
                       sets=(f'prompt.init="{init}"', "train.steps=2", f"runs=runs-{number}"))  # fmt: skip
        assert done.exit_code == 0, done.stderr
        assert (inits.pop().key == value).all()
    wrong = lab.run("train", "--task", "house", "--out", "q.npy", sets=("prompt.init=vocba",))
    assert wrong.exit_code == 1 and 'Did you mean "vocab"?' in wrong.stderr


def test_a_second_process_waits_for_the_first_that_trains_the_same(tmp_path):
    folder = tmp_path / "run"
    other = filelock.FileLock(tmp_path / "run.lock")
    other.acquire()
    said = []

    class Listener(Reporter):
        def say(self, text):
            said.append(text)
            other.release()

    with alone(folder, Listener()), pytest.raises(filelock.Timeout):
        filelock.FileLock(tmp_path / "run.lock", timeout=0).acquire()
    assert said == [f"waiting for another process that trains in {folder}"]
    with alone(folder, Reporter()):  # free again
        pass
