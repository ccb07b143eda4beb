"""What a search ranks is what lies in the entries' files now: every byte of it is compared."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bank import entry as entries_on_disk
from bank.index import build_index, read_keys
from bank.integrity import clean, verify
from bank.nearest import search
from bank.nearness import nearest_unrelated
from bank.similarities import SIMILARITIES
from bank.store import Contents
from tests.bank import slow


def rot(path: Path, place: int = -3, bit: int = 6) -> None:
    """Flip one bit and leave size and times as they were, as a disk or `rsync --times` does."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_an_entry_that_rotted_with_its_time_kept_is_not_a_hit(filled, prompts_of, name):
    query = prompts_of(3)
    assert search(filled, query, similarity=name, k=7).n == 7
    victim = filled.get("t3")
    rot(filled.folder(victim) / "prompt.safetensors")
    result = search(filled, query, similarity=name, k=7)
    assert victim.id not in {hit.id for hit in result.hits} and result.n == 6
    assert [warning.split(" is damaged")[0] for warning in result.warnings[:1]] == [victim.id]
    assert "does not match its checksum" in result.warnings[0]
    rest = [filled.prompts(entry) for entry in filled.entries() if entry != victim]
    expected = sorted(slow.scores(name, query, rest), reverse=True)
    assert [hit.score for hit in result.hits] == pytest.approx(expected, abs=1e-5)


def test_a_key_of_nan_under_right_checksums_never_ranks(filled, entry_of, prompts_of, monkeypatch):
    foreign = entry_of("foreign")
    with monkeypatch.context() as unchecked:
        unchecked.setattr(entries_on_disk, "checked", lambda entry, prompts: prompts)
        key = np.full((4, 6), np.nan, np.float32)
        filled.add(foreign, prompts_of(9)._replace(key=key))
    for name in SIMILARITIES:
        result = search(filled, prompts_of(9), similarity=name, k=8)
        assert foreign.id not in {hit.id for hit in result.hits} and result.n == 7
        assert all(np.isfinite(hit.score) for hit in result.hits)
        assert f"{foreign.id} is damaged" in result.warnings[0] and "NaN" in result.warnings[0]
    assert [problem for problem in verify(filled) if foreign.id in problem and "NaN" in problem]


def test_added_removed_and_replaced_entries_are_seen_at_once(filled, entry_of, prompts_of):
    query = prompts_of(9)
    search(filled, query)
    late = entry_of("late")
    filled.add(late, query)
    assert search(filled, query).hits[0].id == late.id
    filled.remove([late.id])
    assert late.id not in {hit.id for hit in search(filled, query, k=9).hits}


def test_each_file_of_arrays_is_read_once(filled, prompts_of, monkeypatch):
    reads = []
    real = entries_on_disk.read_bytes

    def counted(path, *limit):
        reads.append(path.parent.name)
        return real(path, *limit)

    monkeypatch.setattr(entries_on_disk, "read_bytes", counted)
    keys = read_keys(filled, SIMILARITIES["centered"])
    search(filled, prompts_of(50), similarity="centered", keys=keys)
    nearest_unrelated(filled, "centered", keys=keys)
    assert reads == [entry.id for entry in filled.entries()]


def test_what_an_earlier_version_kept_of_the_keys_is_not_read(filled, prompts_of):
    """Whatever is in it: a foreign FAISS index could run code where it is deserialised."""
    expected = search(filled, prompts_of(50))
    old = filled.path / "index"
    old.mkdir()
    (old / "average.json").write_text('{"ids": ["t0-s0-00000000"]}')
    (old / "average.faiss").write_bytes(b"IxFI" + bytes(40))
    assert search(filled, prompts_of(50)) == expected
    assert verify(filled) == ["index is left from an earlier version and can be removed (--clean)"]
    assert clean(filled.path) == ["index, left from an earlier version, is removed"]
    assert verify(filled) == [] and not old.exists()


def test_a_search_writes_nothing(filled, tree, prompts_of):
    before = tree(filled)
    for name in SIMILARITIES:
        search(filled, prompts_of(1), similarity=name)
    assert tree(filled) == before


def test_no_entries_give_an_empty_index():
    for name in ("average", "max-inner-product"):
        assert build_index(SIMILARITIES[name], Contents([], [], [])).ids == ()
