"""The bank's folder: what is added is kept once and whole, by whom and whenever it is added."""

from __future__ import annotations

import dataclasses
import errno
import json
import os

import numpy as np
import pytest

from bank.entry import Prompts
from bank.errors import BankError
from bank.integrity import verify
from bank.outcomes import Outcome
from bank.store import Bank


def test_a_fresh_bank_is_empty(bank):
    assert bank.manifest is None
    assert bank.entries() == bank.queries() == bank.damaged() == bank.outcomes() == []
    assert verify(bank) == []
    assert Bank.open(bank.path).entries() == []


def test_what_is_added_comes_back_sorted_with_the_same_bits(bank, entry_of, prompts_of):
    items = [(entry_of(task), prompts_of(n)) for n, task in enumerate(["rte", "boolq", "cb"])]
    assert bank.add_many(items) == [entry.id for entry, _ in items]
    again = Bank.open(bank.path)
    assert again.entries() == sorted((entry for entry, _ in items), key=lambda one: one.id)
    for entry, prompts in items:
        tensors = again.prompts(entry).tensors()
        assert {name: array.tobytes() for name, array in tensors.items()} == {
            name: array.tobytes() for name, array in prompts.tensors().items()
        }
    assert (again.manifest.prompt_length, again.manifest.width) == (4, 6)
    assert again.manifest.backbone.fingerprint == "fp-a"
    assert verify(again) == []


def test_the_same_entry_again_changes_nothing(tree, bank, entry_of, prompts_of):
    bank.add(entry_of(), prompts_of())
    before = tree(bank)
    assert bank.add(entry_of(), prompts_of()) == []
    assert bank.add_many([(entry_of(), prompts_of())] * 2) == []
    assert bank.add_many([]) == []
    assert tree(bank) == before


def test_an_entry_stays_the_same_with_or_without_what_describes_its_task(
    tree, bank, tmp_path, entry_of, prompts_of
):
    told = entry_of(task_facts={"inputs": "{a}", "labels": ("no", "yes")})
    other = Bank.create_or_open(tmp_path / "other")
    for first, second, here in ((entry_of(), told, bank), (told, entry_of(), other)):
        here.add(first, prompts_of())
        before = tree(here)
        assert here.add(second, prompts_of()) == [] and tree(here) == before
        with pytest.raises(BankError, match="already, with other"):
            here.add(second, prompts_of(1))
    assert bank.merge(other) == [] and bank.entries() == [entry_of()]
    third = Bank.create_or_open(tmp_path / "third")
    assert third.merge(other) == [told.id] and third.entries() == [told]


def test_other_content_under_the_same_id_is_refused(tree, bank, entry_of, prompts_of):
    bank.add(entry_of(), prompts_of())
    before = tree(bank)
    with pytest.raises(BankError, match="boolq-s0-.* is in the bank .* already, with other"):
        bank.add_many([(entry_of("rte"), prompts_of()), (entry_of(), prompts_of(1))])
    with pytest.raises(BankError, match="already, with other"):
        bank.add(entry_of(scores={"test": {"value": 1.0}}), prompts_of())
    assert tree(bank) == before


@pytest.mark.parametrize(
    "entry, shape, message",
    [
        ({"backbone": "fp-b"}, (4, 6), r'"tiny" \(fp-a\), found "tiny" \(fp-b\)'),
        ({}, (5, 6), "P=4 tokens and width H=6, found P=5 and H=6"),
        ({}, (4, 7), "P=4 tokens and width H=6, found P=4 and H=7"),
    ],
)
def test_prompts_that_do_not_fit_the_bank_are_refused(
    tree, bank, entry_of, prompts_of, entry, shape, message
):
    bank.add(entry_of(), prompts_of())
    before = tree(bank)
    with pytest.raises(BankError, match=f"rte-s0-.* does not fit the bank .*{message}"):
        bank.add_many(
            [(entry_of("cb"), prompts_of()), (entry_of("rte", **entry), prompts_of(shape=shape))]
        )
    assert tree(bank) == before


def test_the_first_items_must_fit_each_other(bank, entry_of, prompts_of):
    with pytest.raises(BankError, match="does not fit"):
        bank.add_many([(entry_of(), prompts_of()), (entry_of("rte"), prompts_of(shape=(3, 6)))])
    assert bank.manifest is None and bank.entries() == []


def test_bad_arrays_and_ids_are_refused_by_name(tree, bank, entry_of, prompts_of):
    bad = prompts_of()._replace(value=np.full((4, 6), np.nan, np.float32))
    with pytest.raises(BankError, match="the value of boolq-s0-.* holds NaN"):
        bank.add(entry_of(), bad)
    with pytest.raises(BankError, match='expected the id "boolq-s0-.*found "mine"'):
        bank.add(dataclasses.replace(entry_of(), id="mine"), prompts_of())
    assert tree(bank) == {}


def test_get_by_id_start_of_id_and_task(bank, entry_of, prompts_of):
    one, two, other = entry_of(), entry_of(seed=1), entry_of("rte")
    bank.add_many([(one, prompts_of()), (two, prompts_of(1)), (other, prompts_of(2))])
    assert bank.get(one.id) == one
    assert bank.get("boolq-s1") == two
    assert bank.get("rte") == other
    with pytest.raises(BankError, match=f'"boolq" fits 2 entries: {one.id}, {two.id}'):
        bank.get("boolq")
    with pytest.raises(BankError, match='no entry "rtee" in .* Did you mean "rte"'):
        bank.get("rtee")
    with pytest.raises(BankError, match='no entry ""'):
        bank.get("")


def test_a_task_whose_name_begins_like_another_is_not_hidden(bank, entry_of, prompts_of):
    bank.add_many([(entry_of("cb"), prompts_of()), (entry_of("cb2"), prompts_of(1))])
    with pytest.raises(BankError, match="fits 2 entries"):
        bank.get("c")
    assert bank.get("cb2").task == "cb2"


def test_queries_are_kept_apart(bank, entry_of, prompts_of):
    query = entry_of("copa", kind="query")
    prompts = prompts_of()._replace(value=None)
    assert bank.query(query.id) is None
    assert bank.add(query, prompts) == [query.id]
    assert bank.entries() == [] and bank.queries() == [query]
    found, arrays = bank.query(query.id)
    assert found == query and arrays.value is None
    assert arrays.key.tobytes() == prompts.key.tobytes()


def test_a_damaged_query_counts_as_absent_and_can_be_replaced(bank, entry_of, prompts_of, caplog):
    query = entry_of("copa", kind="query")
    bank.add(query, prompts_of())
    path = bank.folder(query) / "prompt.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert bank.query(query.id) is None
    assert "skipping a damaged query" in caplog.text
    assert bank.damaged()[0][0] == f"queries/{query.id}"
    assert bank.add(query, prompts_of()) == [query.id]
    assert bank.query(query.id) is not None


def test_a_damaged_entry_is_passed_over_named_and_replaced(filled, entry_of, prompts_of):
    victim = filled.entries()[2]
    os.truncate(filled.folder(victim) / "entry.json", 10)
    assert victim not in filled.entries() and len(filled.entries()) == 6
    [(name, reason)] = filled.damaged()
    assert name == victim.id and "entry.json" in reason
    assert any("is damaged" in problem for problem in verify(filled))
    assert filled.add(victim, prompts_of(2)) == [victim.id]
    assert len(filled.entries()) == 7 and filled.damaged() == []


def test_folders_that_were_renamed_or_copied_in_are_not_entries(filled, entry_of, prompts_of):
    first = filled.entries()[0]
    os.rename(filled.folder(first), filled.path / "entries" / "renamed")
    other = Bank.create_or_open(filled.path.parent / "other")
    stranger = entry_of("x", backbone="fp-b")
    other.add(stranger, prompts_of())
    os.rename(other.folder(stranger), filled.path / "entries" / stranger.id)
    reasons = dict(filled.damaged())
    assert f"holds the entry {first.id}" in reasons["renamed"]
    assert "fp-b" in reasons[stranger.id]


def test_damaged_outcome_lines_are_named_and_passed_over(bank, caplog):
    bank.add_outcomes([Outcome("a", "b", "best", 0, "accuracy", 1.0)])
    with open(bank.path / "outcomes.jsonl", "a") as file:
        file.write("{")
    assert len(bank.outcomes()) == 1
    assert "outcomes.jsonl line 2" in caplog.text


def test_opening_what_is_no_bank(tmp_path):
    with pytest.raises(BankError, match="expected a bank at .*none, found nothing") as caught:
        Bank.open(tmp_path / "none")
    assert "spot build-bank" in caught.value.hint
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match="expected a bank at .*file, found: Not a directory"):
        Bank.create_or_open(tmp_path / "file")
    with pytest.raises(BankError, match="found a folder of other things"):
        Bank.open(tmp_path)


def test_a_bank_that_cannot_be_created_is_named(tmp_path, monkeypatch):
    def refuse(*_args, **_more):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(BankError, match="cannot write .*new: Permission denied"):
        Bank.create_or_open(tmp_path / "new")


def test_an_entry_without_init_and_value_is_allowed(bank, entry_of, prompts_of):
    entry = entry_of(kind="imported")
    bank.add(entry, Prompts(None, prompts_of().key, None))
    assert bank.prompts(entry).init is None
    assert json.loads((bank.folder(entry) / "entry.json").read_text())["prompt"]["tensors"] == {
        "key": [4, 6]
    }


def test_an_exact_task_comes_before_the_beginning_of_an_id(bank, entry_of, prompts_of):
    bank.add_many(
        [
            (entry_of("news"), prompts_of(1)),
            (entry_of("news+sport", kind="mixture", members=("news", "sport")), prompts_of(2)),
        ]
    )
    assert bank.get("news").task == "news"
    with pytest.raises(BankError, match="fits 2 entries"):
        bank.get("new")


def rot(path):
    """Flip one bit of a file and keep its size and times."""
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 64]) + content[-2:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_good_copy_repairs_an_entry_that_rotted_with_its_time_kept(filled, prompts_of, caplog):
    victim = filled.get("t3")
    good = filled.prompts(victim)
    assert filled.add(victim, good) == []
    rot(filled.folder(victim) / "prompt.safetensors")
    with pytest.raises(BankError, match="does not match its checksum"):
        filled.prompts(victim)
    assert filled.add(victim, good) == [victim.id]
    assert f"{victim.id} was damaged and is replaced" in caplog.text
    assert filled.prompts(victim).key.tobytes() == good.key.tobytes()
    assert filled.add(victim, good) == []
    (left,) = verify(filled)  # the damaged files, for a person to look at
    assert f"damaged-{victim.id} is left" in left


def test_a_bad_entry_hides_no_other(filled, entry_of, prompts_of):
    """Files in the place of folders, folders of other things, and names that no entry has."""
    entries = filled.path / "entries"
    (entries / "file").write_text("")
    (entries / "empty").mkdir()
    (entries / "pipe").mkdir()
    os.mkfifo(entries / "pipe" / "entry.json")
    (entries / "folder" / "entry.json").mkdir(parents=True)
    (entries / "x\x1b[2J").mkdir()
    (entries / os.fsdecode(b"\xff")).mkdir()
    (entries / "link").symlink_to("link")
    assert len(filled.entries()) == 7
    names = {name for name, _ in filled.damaged()}
    assert names >= {"file", "empty", "pipe", "folder", "link"} and len(names) == 7
    assert len(verify(filled)) == 7
    filled.remove(["pipe", "folder", "empty"])
    assert len(filled.damaged()) == 4


def test_folders_that_may_not_be_read_are_named(filled, monkeypatch):
    real = os.listdir

    def refuse(path):
        if str(path).endswith("entries"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(BankError, match="cannot read .*entries: Permission denied"):
        filled.entries()
    assert verify(filled) == [f"cannot read {filled.path / 'entries'}: Permission denied"]


@pytest.mark.parametrize("id", ["../../x", "a/b", "", ".", "..", "a\0b", "x" * 300])
def test_an_id_never_leads_out_of_the_bank(filled, entry_of, prompts_of, id):
    entry = dataclasses.replace(entry_of("t3"), id=id)
    with pytest.raises(BankError, match="expected an entry's id that names a folder"):
        filled.folder(entry)
    with pytest.raises(BankError, match="expected an entry's id that names a folder"):
        filled.prompts(entry)
    with pytest.raises(BankError, match="expected the id"):
        filled.add(entry, prompts_of())
    with pytest.raises(BankError, match="expected the id of an entry or a query"):
        filled.remove([id])
    assert filled.query(id) is None


def test_a_damaged_entry_is_replaced_by_other_content_too(filled, entry_of, prompts_of):
    victim = filled.get("t3")
    rot(filled.folder(victim) / "prompt.safetensors")
    other = prompts_of(99)
    assert filled.add(victim, other) == [victim.id]
    assert filled.prompts(victim).key.tobytes() == other.key.tobytes()
