"""Removing and renaming entries: whole or not at all, also when the process dies in between."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from bank import outcomes as outcome_lines
from bank.entry import Prompts
from bank.errors import BankError
from bank.formats import Facts
from bank.integrity import verify
from bank.nearest import search
from bank.outcomes import Outcome


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs."""


def die(*_args, **_more):
    raise Killed


def outcome(source, target="x", score=61.0):
    return Outcome(source, target, "best", 0, "accuracy", score)


def ids(bank):
    return [entry.id for entry in bank.entries()]


def test_removed_entries_are_gone_and_the_others_stay(filled, tree, prompts_of):
    first, second, *rest = filled.entries()
    search(filled, prompts_of(99), k=3)  # an index over all of them
    filled.add_outcomes([outcome(first.id), outcome("t1"), outcome("t5")])
    before = filled.outcomes()
    filled.remove([second.id, first.id])
    assert filled.entries() == rest and filled.outcomes() == before and verify(filled) == []
    found = search(filled, filled.prompts(rest[0]), k=9)
    assert {hit.id for hit in found.hits} == {entry.id for entry in rest}
    assert not any(first.id in name for name in tree(filled) if name.startswith("entries"))
    assert filled.add(first, prompts_of(0)) == [first.id]


def test_queries_and_damaged_entries_are_removed_by_id(filled, entry_of, prompts_of):
    query = entry_of("target", kind="query")
    filled.add(query, prompts_of(8)._replace(value=None))
    damaged = filled.entries()[2]
    (filled.folder(damaged) / "entry.json").write_text("{}")
    assert filled.damaged() and filled.query(query.id)
    filled.remove([query.id, damaged.id])
    assert filled.damaged() == [] and filled.queries() == [] and len(filled.entries()) == 6


@pytest.mark.parametrize("wrong", ["t9-s0-00000000", "", ".", "..", "../entries", ".tmp-x"])
def test_an_id_that_is_not_there_removes_nothing(filled, wrong):
    kept = ids(filled)
    with pytest.raises(BankError, match="expected the id of an entry or a query of .*, found"):
        filled.remove([kept[0], wrong])
    assert ids(filled) == kept
    with pytest.raises(BankError, match=f'Did you mean "{kept[0]}"'):
        filled.remove([kept[0][:-1]])


@pytest.mark.parametrize("step", ["os.rename", "bank.store.sync_folder", "shutil.rmtree"])
def test_a_crash_leaves_an_entry_whole_or_gone(filled, monkeypatch, step):
    kept = ids(filled)
    with monkeypatch.context() as broken, pytest.raises(Killed):
        broken.setattr(step, die)
        filled.remove(kept[:1])
    assert ids(filled) in (kept, kept[1:]) and filled.damaged() == []
    assert all("left from an interrupted write" in problem for problem in verify(filled))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(filled):
    (filled.path / "entries").chmod(0o500)
    try:
        with pytest.raises(BankError, match="cannot write .*entries"):
            filled.remove(ids(filled)[:1])
    finally:
        (filled.path / "entries").chmod(0o700)


def test_a_renamed_entry_has_the_same_prompts_and_an_id_of_its_own(filled, entry_of):
    old = filled.get("t3")
    prompts = filled.prompts(old)
    new = filled.rename(old, "tickets")
    assert new == replace(old, task="tickets", id=entry_of("tickets").id)
    assert filled.get("tickets") == new and len(filled.entries()) == 7 and verify(filled) == []
    for name, array in prompts.views().items():
        assert (array == filled.prompts(new).views()[name]).all()
    with pytest.raises(BankError, match='no entry "t3"'):
        filled.get("t3")


def test_a_renamed_entry_keeps_what_describes_its_task(bank, entry_of, prompts_of):
    told = {"inputs": "{a}", "labels": ("no", "yes")}
    bank.add(entry_of("guests", task_facts=told), prompts_of())
    bank.rename(bank.get("guests"), "visitors")
    facts = Facts.of_entry(bank.get("visitors"))
    assert (facts.task, facts.inputs, facts.labels) == ("visitors", "{a}", ("no", "yes"))


def test_outcomes_are_turned_over_to_the_renamed_entry(filled, entry_of, prompts_of):
    old, twin = filled.get("t3"), entry_of("t3", seed=1)
    filled.add(twin, prompts_of(9))
    filled.add_outcomes([outcome(old.id), outcome("t3"), outcome("t4"), outcome("x", target="t3")])
    with open(filled.path / "outcomes.jsonl", "ab") as file:
        file.write(b'{"source": \n')
    new = filled.rename(old, "tickets")
    assert [each.source for each in filled.outcomes()] == [new.id, "t3", "t4", "x"]
    last = filled.rename(twin, "tickets")  # no entry is left that "t3" may stand for
    assert [each.source for each in filled.outcomes()] == [new.id, "tickets", "t4", "x"]
    assert filled.outcomes()[3].target == "t3" and last.seed == 1
    assert (filled.path / "outcomes.jsonl").read_bytes().endswith(b'{"source": \n')


def test_outcomes_without_the_source_are_not_written(filled, monkeypatch):
    filled.add_outcomes([outcome("t4")])
    monkeypatch.setattr(outcome_lines, "replace_file", die)
    filled.rename(filled.get("t3"), "tickets")


@pytest.mark.parametrize(
    "step",
    [
        "bank.entry.write_synced",
        "os.rename",
        "bank.outcomes.replace_file",
        "bank.store.Bank.remove",
    ],
)
def test_a_rename_that_was_interrupted_is_finished_by_the_next(filled, monkeypatch, step):
    old = filled.get("t3")
    filled.add_outcomes([outcome(old.id)])
    with monkeypatch.context() as broken, pytest.raises(Killed):
        broken.setattr(step, die)
        filled.rename(old, "tickets")
    assert filled.get("t3") == old and filled.damaged() == []  # nothing is lost
    new = filled.rename(old, "tickets")
    assert len(filled.entries()) == 7 and [one.source for one in filled.outcomes()] == [new.id]


@pytest.mark.parametrize("name", ["", " ", "a+b", "t3"])
def test_names_of_nothing_mixtures_or_the_same_are_refused(filled, name):
    with pytest.raises(BankError, match='expected a new name without "\\+" for the task t3, found'):
        filled.rename(filled.get("t3"), name)


def test_a_mixture_is_not_renamed(filled, entry_of, prompts_of):
    mixture = entry_of("t1+t2", kind="mixture", members=("t1", "t2"))
    filled.add(mixture, prompts_of(9))
    with pytest.raises(BankError, match="kind source or imported to rename, found a mixture"):
        filled.rename(mixture, "both")


def test_the_entry_of_another_prompt_is_never_replaced(filled, entry_of):
    old, taken = filled.get("t3"), entry_of("tickets")
    array = np.ones((4, 6), np.float32)
    filled.add(taken, Prompts(array, array, array))
    with pytest.raises(BankError, match="is in the bank .* already, with other arrays"):
        filled.rename(old, "tickets")
    assert filled.get("t3") == old and len(filled.entries()) == 8
