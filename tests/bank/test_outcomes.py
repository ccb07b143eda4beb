"""Outcomes: appended once, whole or not at all, damaged lines named."""

from __future__ import annotations

import dataclasses
import errno
import json
import os

import pytest

from bank.errors import BankError
from bank.outcomes import Outcome, append, parse_lines

ONE = Outcome("rte", "boolq", "best", 0, "accuracy", 71.5, 68.0, "test", 400, "")
TWO = dataclasses.replace(ONE, seed=1, baseline=None, n=None, note="zweiter Lauf ½")


def test_what_is_added_is_read_back_in_order(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    assert append(path, [ONE]) == 1
    assert append(path, [TWO, ONE]) == 1
    assert parse_lines(path) == ([ONE, TWO], [])


def test_equal_outcomes_are_kept_once(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    assert append(path, [ONE, ONE]) == 1
    before = path.read_bytes()
    assert append(path, [ONE]) == 0
    assert path.read_bytes() == before


def test_a_missing_file_has_none(tmp_path):
    assert parse_lines(tmp_path / "none.jsonl") == ([], [])


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(BankError, match="cannot read"):
        parse_lines(tmp_path)  # a folder


def test_damaged_lines_are_named_and_the_others_kept(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    append(path, [ONE, TWO])
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{{broken\n\n{second}\n" + json.dumps({"source": "x"}) + "\n[]\n")
    good, bad = parse_lines(path)
    assert good == [ONE, TWO]
    assert [line.split(":")[0] for line in bad] == [
        f"outcomes.jsonl line {number}" for number in (2, 5, 6)
    ]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_cut_by_a_crash_does_not_spoil_the_next(tmp_path, cut):
    path = tmp_path / "outcomes.jsonl"
    append(path, [ONE, TWO])
    os.truncate(path, path.stat().st_size - cut)
    append(path, [dataclasses.replace(ONE, seed=7)])
    good, bad = parse_lines(path)
    seeds = [one.seed for one in good]
    assert seeds in ([0, 7], [0, 1, 7])  # without its line break only, the line is still whole
    assert len(bad) == (0 if 1 in seeds else 1)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "outcomes.jsonl"
    append(path, [ONE])
    before = path.read_bytes()

    def refuse(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(BankError, match=r"cannot write .*outcomes\.jsonl: No space left"):
        append(path, [TWO])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change, message",
    [
        ({"score": float("nan")}, "finite score"),
        ({"score": "71"}, "finite score"),
        ({"score": None}, "finite score"),
        ({"score": True}, "finite score"),
        ({"baseline": float("inf")}, "finite baseline"),
        ({"source": 3}, "text as source"),
        ({"seed": "0"}, "whole seed"),
        ({"n": 1.5}, "whole n"),
    ],
)
def test_values_that_later_readers_cannot_use_are_refused(tmp_path, change, message):
    with pytest.raises(BankError, match=message):
        append(tmp_path / "outcomes.jsonl", [dataclasses.replace(ONE, **change)])
    assert not (tmp_path / "outcomes.jsonl").exists()
