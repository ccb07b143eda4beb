"""The kept index: used while it matches, made anew silently when it does not."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bank import index as index_module
from bank.nearest import search
from bank.similarities import SIMILARITIES


@pytest.fixture
def built(monkeypatch):
    """The similarities for which an index was made since the test began."""
    names = []
    real = index_module.build_index

    def counted(bank, similarity, entries):
        names.append(similarity.name)
        return real(bank, similarity, entries)

    monkeypatch.setattr(index_module, "build_index", counted)
    return names


def content_of(name):
    return f"{name}.keys" if name == "max-inner-product" else f"{name}.faiss"


@pytest.mark.parametrize("name", SIMILARITIES)
def test_it_is_made_once_and_read_afterwards(filled, prompts_of, built, name):
    first = search(filled, prompts_of(50), similarity=name)
    assert search(filled, prompts_of(50), similarity=name) == first
    assert built == [name]
    assert sorted(os.listdir(filled.path / "index")) == sorted([content_of(name), f"{name}.json"])


@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone", "about-cut", "about-odd"])
def test_damage_is_noticed_and_repaired(filled, prompts_of, built, name, damage):
    first = search(filled, prompts_of(50), similarity=name)
    path = filled.path / "index" / content_of(name)
    about = path.with_suffix(".json")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "about-cut":
        about.write_bytes(about.read_bytes()[:40])
    elif damage == "about-odd":
        about.write_text("[1]")
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes({"cut": content[:-5], "flip": flipped, "empty": b""}[damage])
    assert search(filled, prompts_of(50), similarity=name) == first
    assert search(filled, prompts_of(50), similarity=name) == first
    assert built == [name, name]
    assert path.read_bytes() == content


def test_new_removed_and_touched_entries_make_it_stale(filled, entry_of, prompts_of, built):
    query = prompts_of(9)
    search(filled, query)
    late = entry_of("late")
    filled.add(late, query)
    assert search(filled, query).hits[0].id == late.id
    folder = filled.folder(late)
    for name in ("entry.json", "prompt.safetensors"):
        os.utime(folder / name, ns=(1, 1))
        search(filled, query)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert search(filled, query).hits[0].id != late.id
    assert len(built) == 5


def test_a_description_of_other_arrays_is_not_believed(filled, entry_of, prompts_of, built):
    """Two searches that write at once may leave the arrays of one and the text of the other."""
    search(filled, prompts_of(1))
    old = (filled.path / "index" / "average.faiss").read_bytes()
    filled.add(entry_of("late"), prompts_of(9))
    fresh = search(filled, prompts_of(1))
    (filled.path / "index" / "average.faiss").write_bytes(old)
    assert search(filled, prompts_of(1)) == fresh
    assert len(built) == 3


def test_file_that_vanishes_counts_as_a_change(filled):
    entries = filled.entries()
    before = index_module._stamp(filled, SIMILARITIES["average"], entries)
    (filled.folder(entries[0]) / "entry.json").unlink()
    assert index_module._stamp(filled, SIMILARITIES["average"], entries) != before


def test_all_arrays_damaged_gives_an_empty_index(filled):
    for entry in filled.entries():
        path = filled.folder(entry) / "prompt.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    for name in ("average", "max-inner-product"):
        empty = index_module.load_index(filled, SIMILARITIES[name], filled.entries())
        assert empty.ids == () and len(empty.dropped) == 7


def test_the_mean_is_kept_exactly(filled, prompts_of):
    entries = filled.entries()
    made = index_module.load_index(filled, SIMILARITIES["centered"], entries)
    read = index_module.load_index(filled, SIMILARITIES["centered"], entries)
    assert np.array_equal(made.mean, read.mean) and made.mean.dtype == read.mean.dtype
