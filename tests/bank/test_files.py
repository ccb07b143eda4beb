"""Writing: atomic, flushed, and refusals of the system said in words."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from bank import files
from bank.errors import BankError


@pytest.mark.parametrize(
    "number, hint",
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permissions"),
        (errno.EIO, "can be written"),
    ],
)
def test_what_the_system_refuses_becomes_an_error_with_place_and_hint(tmp_path, number, hint):
    with (
        pytest.raises(BankError, match="cannot write .*here") as caught,
        files.writing(tmp_path / "here"),
    ):
        raise OSError(number, "no")
    assert hint in caught.value.hint


def test_a_failed_replacement_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.replace_file(path, b"old")

    def refuse(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(BankError, match="No space left"):
        files.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_file_is_replaced_by_a_rename(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.replace_file(path, b"old")

    def refuse(source, target):
        assert Path(source).read_bytes() == b"new"
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(BankError, match="Permission denied"):
        files.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_lock_held_too_long_is_named_and_waiting_is_said(tmp_path, caplog):
    lock = tmp_path / "bank.lock"
    with (
        files.locked(lock, 5.0),
        caplog.at_level(logging.WARNING, logger="bank"),
        pytest.raises(BankError, match=r"has held .*bank\.lock for 0\.1 seconds"),
        files.locked(lock, 0.1),
    ):
        pass
    assert "waiting for another process" in caplog.text


def test_a_lock_that_is_freed_in_time_is_taken(tmp_path):
    lock, held, done = tmp_path / "bank.lock", threading.Event(), []

    def hold():
        with files.locked(lock, 5.0):
            held.set()
            threading.Event().wait(0.3)
            done.append("first")

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with files.locked(lock, 5.0):
        done.append("second")
    other.join()
    assert done == ["first", "second"]


def test_json_that_means_the_same_reads_the_same():
    assert files.canonical_json({"b": 1, "a": (1, 2)}) == files.canonical_json(
        {"a": [1, 2], "b": 1}
    )
    assert files.canonical_json({10: 0, 2: 0}) == files.canonical_json({"2": 0, "10": 0})
    with pytest.raises(BankError, match="JSON can hold"):
        files.canonical_json(float("inf"))


def test_a_library_writes_to_a_temporary_path_with_the_suffix(tmp_path):
    path = tmp_path / "new" / "a.npz"
    with files.replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".npz"
        assert temporary.name.startswith(files.TEMPORARY) and not path.exists()
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert [child.name for child in path.parent.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.npz"
    files.replace_file(path, b"old")
    with pytest.raises(error), files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert [child.name for child in tmp_path.iterdir()] == ["a.npz"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(BankError, match=r"cannot write .*a\.npz: No such file"),
        files.replacing(tmp_path / "a.npz"),
    ):
        pass


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(BankError, match=r"cannot write .*taken/a\.json: "):
        files.replace_file(tmp_path / "taken" / "a.json", b"{}")


def test_files_are_flushed_before_they_are_renamed(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(files.os, name)
        monkeypatch.setattr(
            f"os.{name}", lambda *a, name=name, real=real: (calls.append(name), real(*a))[1]
        )
    files.replace_file(tmp_path / "a", b"x")
    assert calls == ["fsync", "replace", "fsync"]  # the file, its name, the folder


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_decides_who_may_read_what_a_library_wrote(tmp_path, umask, mode):
    path = tmp_path / "a.npz"
    before = os.umask(umask)
    try:
        with files.replacing(path) as temporary:
            handle, private = tempfile.mkstemp(dir=tmp_path)  # as libraries that rename do
            os.close(handle)
            os.replace(private, temporary)
        files.replace_file(tmp_path / "b", b"x")
    finally:
        os.umask(before)
    assert (
        stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode) == mode
    )
    assert sorted(child.name for child in tmp_path.iterdir()) == ["a.npz", "b"]


@pytest.fixture
def no_flock(monkeypatch):
    """A disk whose locks are files that exist, since it has none that end with a process."""
    fcntl = pytest.importorskip("fcntl")

    def missing(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize(
    ("content", "holder"),
    [("", ""), ("77\nelsewhere\n", r" \(process 77 on elsewhere\)"), ("\x00\xff", "")],
)
def test_a_lock_that_its_process_left_is_named_with_what_to_delete(tmp_path, content, holder):
    lock = tmp_path / "bank.lock"
    lock.write_text(content)
    with pytest.raises(BankError, match="has held") as caught, files.locked(lock, 0.1):
        pass
    assert re.search(
        f"finished{holder}. If no process .* delete the file .*bank.lock", caught.value.hint
    )


@pytest.mark.usefixtures("no_flock")
def test_the_lock_of_a_dead_process_of_this_computer_is_taken(tmp_path):
    lock = tmp_path / "bank.lock"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock.write_text(f"{dead.pid}\n{socket.gethostname()}\n")
    with files.locked(lock, 10.0):
        assert lock.exists()
    assert not lock.exists()
