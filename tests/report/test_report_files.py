"""Report files appear whole or not at all."""

from __future__ import annotations

import os

import pytest

from bank.errors import BankError
from spot.errors import SpotError
from spot.report import files


def test_writes_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "a.csv"
    assert files.write_atomic(path, b"one") == path
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in path.parent.iterdir()] == ["a.csv"]


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(BankError, match="cannot write .*taken/a.png: ") as caught:
        files.write_atomic(tmp_path / "taken" / "a.png", b"x")
    assert "can be written" in caught.value.hint


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch, broken):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, broken, refuse)
    with pytest.raises(BankError, match="cannot write .*a.csv: Permission denied"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.csv"]


def test_suffix():
    assert files.writer_for("A.PNG", {".png": "picture"}) == "picture"
    with pytest.raises(SpotError, match='expected a file name ending in .png, found ".gif"'):
        files.writer_for("a.gif", {".png": "picture"})
