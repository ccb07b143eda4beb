"""Ragged arrays and the file they are kept in."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.tasks import examples
from spot.tasks.examples import Ragged, TokenizedSplit


def split(n: int = 3) -> TokenizedSplit:
    return TokenizedSplit(
        inputs=Ragged.of([[i] * (i + 1) for i in range(n)]),
        targets=Ragged.of([[9, 1]] * n),
        labels=np.arange(n, dtype=np.int32),
        references=[("a", "é"), 2.5, None][:n],
        groups=["", "g", "h"][:n],
        target_texts=["x", "y", "z"][:n],
        truncated=2,
    )


@given(st.lists(st.lists(st.integers(0, 32127))))
def test_ragged_gives_back_its_rows(rows):
    ragged = Ragged.of(rows)
    assert [ragged[i].tolist() for i in range(len(ragged))] == rows
    assert ragged.lengths().tolist() == [len(row) for row in rows]
    assert ragged.flat.dtype == np.int32
    assert ragged.offsets.dtype == np.int64
    if rows:
        assert ragged[-1].tolist() == rows[-1]
    with pytest.raises(IndexError):
        ragged[len(rows)]


def test_lengths_of_inputs_and_targets():
    assert split().lengths().tolist() == [[1, 2], [2, 2], [3, 2]]
    assert len(split()) == 3


def test_file_gives_back_the_same(tmp_path):
    path = tmp_path / "new" / "a.npz"
    split().save(path)
    found = TokenizedSplit.load(path)
    for field in ("inputs", "targets"):
        a, b = getattr(found, field), getattr(split(), field)
        assert np.array_equal(a.flat, b.flat)
        assert np.array_equal(a.offsets, b.offsets)
        assert (a.flat.dtype, a.offsets.dtype) == (np.int32, np.int64)
    assert np.array_equal(found.labels, split().labels)
    for field in ("references", "groups", "target_texts", "truncated"):
        assert getattr(found, field) == getattr(split(), field)
    assert [p.name for p in path.parent.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_file_is_named(share, tmp_path):
    path = tmp_path / "a.npz"
    split().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SpotError, match="a.npz is not a readable token cache"):
        TokenizedSplit.load(path)


def test_other_format_is_refused(tmp_path, monkeypatch):
    split().save(tmp_path / "a.npz")
    monkeypatch.setattr(examples, "FORMAT", 2)
    with pytest.raises(SpotError, match="format 1, expected 2"):
        TokenizedSplit.load(tmp_path / "a.npz")


@pytest.mark.parametrize("stopped", ["numpy.savez_compressed", "os.replace"])
def test_interrupted_write_leaves_nothing(stopped, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, stop)
    with pytest.raises(KeyboardInterrupt):
        split().save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_no_flipped_bit_gives_other_rows(tmp_path):
    path = tmp_path / "a.npz"
    split().save(path)
    whole = path.read_bytes()
    damaged = 0
    for place in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = TokenizedSplit.load(path)
        except SpotError:
            damaged += 1
            continue
        assert np.array_equal(found.inputs.flat, split().inputs.flat)
        assert np.array_equal(found.inputs.offsets, split().inputs.offsets)
        assert found.references == split().references
    assert damaged > len(whole) / 6


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 500, b"PK", b"\x93NUMPY\x01\x00\x76\x00{", b"\x80\x04]."]
)
def test_what_is_no_archive_is_named(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SpotError, match="a.npz is not a readable token cache"):
        TokenizedSplit.load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"input_offsets": np.array([0, 1, 3, 99])},
        {"inputs": np.array([10**6, 1, 1, 2, 2, 2], np.int32)},
        {"labels": np.array(["a", "b", "c"])},
        {"inputs": np.zeros((2, 3))},
    ],
)
def test_other_arrays_are_refused(change, tmp_path):
    path = tmp_path / "a.npz"
    split().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **{**arrays, **change})
    with pytest.raises(SpotError, match="its checksum is another one"):
        TokenizedSplit.load(path)


def test_a_file_under_another_name_is_of_another_split(tmp_path):
    split().save(tmp_path / "a.npz")
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    with pytest.raises(SpotError, match="its checksum is another one"):
        TokenizedSplit.load(tmp_path / "b.npz")


def test_a_pipe_in_the_place_of_the_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(SpotError, match="a pipe, not a regular file"):
        TokenizedSplit.load(tmp_path / "a.npz")
