"""Outcomes: appended once, whole or not at all, damaged lines named."""

from __future__ import annotations

import dataclasses
import errno
import json
import os

import pytest

from bank.errors import BankError
from bank.outcomes import Outcome, Pooled, append, parse_lines, pooled, weights

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
        ({"n": -5}, "n of 0 or more, found -5"),
        ({"n": 10**400}, "n of 0 or more, found 1000"),
        ({"score": 1e300}, "finite score of points"),
        ({"score": 10**400}, "finite score of points"),
        ({"low": float("nan"), "high": 1.0}, "finite low"),
        ({"low": 0.0, "high": "1"}, "finite high"),
        ({"low": 0.0}, "interval of the gain with low and high in order"),
        ({"low": 2.0, "high": 1.0}, "found 2.0 to 1.0"),
        ({"low": 0.0, "high": 1.0, "baseline": None}, "a baseline and n, found"),
        ({"low": 0.0, "high": 1.0, "n": None}, "and n None"),
    ],
)
def test_values_that_later_readers_cannot_use_are_refused(tmp_path, change, message):
    with pytest.raises(BankError, match=message):
        append(tmp_path / "outcomes.jsonl", [dataclasses.replace(ONE, **change)])
    assert not (tmp_path / "outcomes.jsonl").exists()


def measured(low, high, n=400, **more):
    """An outcome of a gain with this interval."""
    middle = (low + high) / 2
    return dataclasses.replace(ONE, score=68.0 + middle, low=low, high=high, n=n, **more)


def test_an_interval_is_read_back_and_old_lines_are_read(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    old = {
        key: value for key, value in dataclasses.asdict(ONE).items() if key not in ("low", "high")
    }
    path.write_text(json.dumps(old) + "\n")
    new = measured(1.0, 5.0, seed=1)
    append(path, [new])
    assert parse_lines(path) == ([ONE, new], [])
    assert (ONE.gain, ONE.low, new.gain) == (3.5, None, 3.0)


def test_an_outcome_recorded_again_with_its_interval_counts_once(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    again = dataclasses.replace(ONE, low=1.0, high=6.0)
    append(path, [ONE, TWO])
    assert append(path, [again]) == 1 and append(path, [again]) == 0
    assert parse_lines(path) == ([again, TWO], [])


def test_the_error_is_that_of_the_interval_of_n_rows_or_unknown():
    assert measured(1.0, 4.92).error == pytest.approx(1.0)
    assert measured(3.0, 3.0, n=50).error == 2.0  # one row more or less
    shares = 0.715 * 0.285 + 0.68 * 0.32
    assert ONE.error == pytest.approx(100 * (shares / 400) ** 0.5)
    assert TWO.error is None and TWO.gain is None


def test_outcomes_weigh_by_precision():
    precise, rough = measured(1.0, 2.0), measured(-4.0, 16.0, n=20)
    assert weights([precise, rough]) == pytest.approx([400 / 401, 1 / 401])
    assert weights([precise, TWO]) == pytest.approx([0.5, 0.5])
    mean = pooled([precise, rough])
    assert mean.gain == pytest.approx((400 * 1.5 + 6.0) / 401)
    half = (400 * 0.5 + 10.0) / 401
    assert (mean.low, mean.high) == pytest.approx((mean.gain - half, mean.gain + half))
    assert (mean.n, mean.outcomes) == (20, 2)


def test_a_mean_of_outcomes_of_unknown_n_has_no_interval():
    unknown = dataclasses.replace(ONE, n=None, seed=3)
    assert pooled([unknown, ONE]) == Pooled(3.5, None, None, 400, 2)
    assert pooled([TWO]) is None


@pytest.mark.parametrize(
    "line",
    [
        b"[1]", b"{}", b"null", b"[" * 100_000, b"9" * 4301, b'{"source": "\\ud800"}', b"\xff\xfe", b"\0" * 9,
        b'{"source": "a", "target": "b", "strategy": "c", "seed": 0, "metric": "m", "score": 1e999}',
        b'{"source": "a", "target": "b", "strategy": "c", "seed": 0, "metric": "m", "score": NaN}',
        b'{"source": ["a"], "target": "b", "strategy": "c", "seed": 0, "metric": "m", "score": 1}',
        b'{"source": "a", "target": "b", "strategy": "c", "seed": 0, "metric": "m", "score": 1, "z": 1}',
    ],
)  # fmt: skip
def test_a_hostile_line_is_named_and_hides_no_other(tmp_path, line):
    path = tmp_path / "outcomes.jsonl"
    append(path, [ONE])
    path.write_bytes(line + b"\n" + path.read_bytes())
    good, (bad,) = parse_lines(path)
    assert good == [ONE] and bad.startswith("outcomes.jsonl line 1: ") and len(bad) < 300
    assert append(path, [TWO]) == 1 and parse_lines(path)[0] == [ONE, TWO]


def test_a_pipe_in_the_place_of_the_outcomes_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "outcomes.jsonl")
    with pytest.raises(BankError, match="it is a pipe, not a regular file"):
        append(tmp_path / "outcomes.jsonl", [ONE])


def test_every_changed_bit_of_a_line_is_noticed(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    append(path, [ONE, TWO])
    content = path.read_bytes()
    end = content.index(b"\n")
    for place in range(end):
        for bit in range(7):
            path.write_bytes(
                content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
            )
            good, bad = parse_lines(path)
            assert ONE in good or (TWO in good and bad), (place, bit)
            assert set(good) <= {ONE, TWO}


def test_a_line_of_earlier_versions_is_read_and_has_no_checksum(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text(json.dumps(dataclasses.asdict(ONE)) + "\n")
    assert parse_lines(path) == ([ONE], []) and append(path, [ONE]) == 0
    append(path, [TWO])
    assert [b"checksum" in line for line in path.read_bytes().splitlines()] == [False, True]
