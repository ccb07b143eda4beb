"""Two banks made one: everything once, or nothing."""

from __future__ import annotations

import logging
import os

import pytest

from bank.errors import BankError
from bank.integrity import verify
from bank.outcomes import Outcome
from bank.store import Bank


def test_merging_adds_entries_queries_and_outcomes_once(
    tree, filled, entry_of, prompts_of, tmp_path
):
    other = Bank.create_or_open(tmp_path / "other")
    other.add_many([(entry_of(f"t{n}"), prompts_of(n)) for n in (5, 6, 7, 8)])
    query = entry_of("q", kind="query")
    other.add(query, prompts_of(20))
    other.add_outcomes([Outcome("t5", "q", "best", 0, "accuracy", 50.0)])
    added = filled.merge(other)
    assert [id.split("-")[0] for id in added] == ["t7", "t8", "q"]
    assert len(filled.entries()) == 9 and filled.queries() == [query]
    assert filled.outcomes() == other.outcomes() and verify(filled) == []
    before = tree(filled)
    assert filled.merge(other) == []
    assert tree(filled) == before


def test_merging_into_an_empty_bank_copies_it(filled, tmp_path):
    copy = Bank.create_or_open(tmp_path / "copy")
    copy.merge(filled)
    assert copy.entries() == filled.entries() and copy.manifest == filled.manifest


@pytest.mark.parametrize("how", [{"backbone": "fp-b"}, {"shape": (3, 6)}, {"shape": (4, 7)}])
def test_merging_banks_that_do_not_fit_is_refused(filled, entry_of, prompts_of, tmp_path, how):
    other = Bank.create_or_open(tmp_path / "other")
    shape = how.pop("shape", (4, 6))
    other.add(entry_of("new", **how), prompts_of(shape=shape))
    with pytest.raises(BankError, match="cannot merge .*other into .*bank: expected"):
        filled.merge(other)
    assert len(filled.entries()) == 7


def test_merging_stops_before_writing_when_an_id_has_other_content(
    tree, filled, entry_of, prompts_of, tmp_path
):
    other = Bank.create_or_open(tmp_path / "other")
    other.add_many([(entry_of("a"), prompts_of(1)), (entry_of("t3"), prompts_of(99))])
    before = tree(filled)
    with pytest.raises(BankError, match="t3-s0-.* with other arrays"):
        filled.merge(other)
    assert tree(filled) == before


def test_merging_passes_over_damaged_entries(filled, entry_of, tmp_path, caplog):
    first, second = filled.entries()[:2]
    os.truncate(filled.folder(first) / "entry.json", 10)
    path = filled.folder(second) / "prompt.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    copy = Bank.create_or_open(tmp_path / "copy")
    with caplog.at_level(logging.WARNING, logger="bank"):
        assert len(copy.merge(filled)) == 5
    assert first.id in caplog.text and second.id in caplog.text


def test_merging_repairs_what_rotted_here_and_never_takes_what_rotted_there(filled, tmp_path):
    copy = Bank.create_or_open(tmp_path / "copy")
    copy.merge(filled)
    here, there = filled.entries()[:2]
    good = {entry.id: filled.prompts(entry).key.tobytes() for entry in (here, there)}
    for bank, entry in ((filled, here), (copy, there)):
        path = bank.folder(entry) / "prompt.safetensors"
        times, content = path.stat(), path.read_bytes()
        path.write_bytes(content[:-1] + b"\x7f")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert filled.merge(copy) == [here.id]
    assert {entry.id: filled.prompts(entry).key.tobytes() for entry in (here, there)} == good
    assert filled.merge(copy) == []
