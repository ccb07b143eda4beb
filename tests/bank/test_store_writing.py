"""Crashes, full disks, read-only folders and writers at the same time."""

from __future__ import annotations

import builtins
import errno
import os
import subprocess
import sys

import pytest

from bank.errors import BankError
from bank.files import write_synced
from bank.integrity import verify
from bank.nearest import search
from bank.outcomes import Outcome
from bank.store import Bank

WRITER = """
import sys
import numpy as np
from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.outcomes import Outcome
from bank.store import Bank
bank = Bank.create_or_open(sys.argv[1])
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    facts = dict(kind="source", task=f"t{n}", members=(), seed=0, recipe={}, data="")
    id = entry_id(backbone="fp", **facts)
    entry = Entry(id=id, family="", backbone=Backbone("m", "fp"), **facts)
    key = np.random.default_rng(n).normal(size=(4, 6)).astype(np.float32)
    bank.add(entry, Prompts(key, key, key))
    bank.add_outcomes([Outcome(f"t{n}", "x", "best", 0, "accuracy", float(n))])
print("done")
"""


def test_leftovers_of_a_crash_are_no_entries(filled, monkeypatch, entry_of, prompts_of):
    class Killed(BaseException):
        """Stands for the end of the process: nothing after it runs."""

    def die(*_args, **_more):
        raise Killed

    monkeypatch.setattr("shutil.rmtree", lambda *a, **k: None)
    for step in ("bank.entry.write_synced", "bank.store.sync_folder", "os.rename"):
        with monkeypatch.context() as broken:
            broken.setattr(step, die)
            with pytest.raises(Killed):
                filled.add(entry_of("late"), prompts_of(9))
        assert len(filled.entries()) == 7 and filled.damaged() == []
    left = [problem for problem in verify(filled) if "left from an interrupted" in problem]
    assert len(left) == len(verify(filled)) == 3
    assert filled.add(entry_of("late"), prompts_of(9)) != []
    assert len(filled.entries()) == 8


def test_a_crash_between_the_two_files_leaves_no_entry(
    tree, filled, monkeypatch, entry_of, prompts_of
):
    def second_fails(path, content):
        if path.name == "entry.json":
            raise OSError(errno.EIO, "Input/output error")
        write_synced(path, content)

    monkeypatch.setattr("bank.entry.write_synced", second_fails)
    before = tree(filled)
    with pytest.raises(BankError, match="cannot write .*late-s0"):
        filled.add(entry_of("late"), prompts_of(9))
    assert tree(filled) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_read_only_disk_is_an_error_and_leaves_nothing(
    tree, filled, monkeypatch, entry_of, prompts_of, number
):
    real, before = builtins.open, tree(filled)

    def refuse(path, mode="r", *args, **more):
        if "w" in mode:
            raise OSError(number, os.strerror(number))
        return real(path, mode, *args, **more)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(BankError, match=f"cannot write .*: {os.strerror(number)}") as caught:
        filled.add(entry_of("late"), prompts_of(9))
    assert caught.value.hint
    monkeypatch.undo()
    assert tree(filled) == before and verify(filled) == []


def test_a_read_only_folder_can_be_read_and_refuses_writing(filled, monkeypatch, prompts_of):
    def refuse(*_args, **_more):
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("mkdir", "rename", "replace"):
        monkeypatch.setattr(f"os.{name}", refuse)
    monkeypatch.setattr("os.fsync", refuse)
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert len(Bank.open(filled.path).entries()) == 7
    assert filled.prompts(filled.entries()[0]).key.shape == (4, 6)
    assert search(filled, prompts_of(3)).hits[0].task == "t3"
    assert not (filled.path / "index").exists() or not os.listdir(filled.path / "index")
    with pytest.raises(BankError, match=r"cannot write .*bank\.lock: Permission denied"):
        filled.add_outcomes([Outcome("a", "b", "best", 0, "accuracy", 1.0)])


def test_two_processes_that_add_overlapping_entries_lose_and_double_nothing(tmp_path):
    root = tmp_path / "shared"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), first, last],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first, last in (("0", "12"), ("6", "18"))
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in processes] == ["done"] * 2
    bank = Bank.open(root)
    assert sorted(entry.task for entry in bank.entries()) == sorted(f"t{n}" for n in range(18))
    assert sorted(one.score for one in bank.outcomes()) == [float(n) for n in range(18)]
    assert verify(bank) == []
