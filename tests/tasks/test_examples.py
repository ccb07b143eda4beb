"""Ragged arrays and the file they are kept in."""

from __future__ import annotations

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
