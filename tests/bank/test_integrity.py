"""`verify` sees what a quick look cannot."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from bank import entry as entries_on_disk
from bank.entry import Prompts
from bank.errors import BankError
from bank.files import locked
from bank.integrity import clean, verify
from bank.nearest import search
from bank.outcomes import Outcome
from bank.store import Bank


def test_a_sound_bank_has_no_problems(filled):
    assert verify(filled) == []


@pytest.mark.parametrize("name", ["prompt.safetensors", "entry.json"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_every_truncation_is_found(filled, name, part):
    path = filled.folder(filled.entries()[3]) / name
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    [problem] = verify(filled)
    assert name in problem and "t3-s0-" in problem


def test_every_flipped_bit_of_the_arrays_is_found(filled):
    path = filled.folder(filled.entries()[3]) / "prompt.safetensors"
    content = path.read_bytes()
    for place in (0, 9, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert [problem for problem in verify(filled) if "checksum" in problem], place
    path.write_bytes(content)
    assert verify(filled) == []


def test_damaged_outcomes_and_leftovers_are_reported(filled):
    (filled.path / "outcomes.jsonl").write_text("{}\nnonsense\n")
    (filled.path / "entries" / ".tmp-x-1-ab").mkdir()
    (filled.path / ".tmp-bank.json-1-ab").write_text("")
    problems = verify(filled)
    assert len(problems) == 4
    assert sum("outcomes.jsonl line" in problem for problem in problems) == 2
    assert sum("can be removed" in problem for problem in problems) == 2


def test_what_was_written_past_the_checks_is_found(filled, monkeypatch, entry_of, prompts_of):
    monkeypatch.setattr(entries_on_disk, "checked", lambda entry, prompts: prompts)
    monkeypatch.setattr("bank.store._check_id", lambda entry: None)
    good = prompts_of()
    bad = Prompts(good.init[:2].copy(), good.key, np.full((4, 6), np.nan, np.float32))
    entry = entry_of("x")
    object.__setattr__(entry, "id", "x-s0-00000000")
    filled.add(entry, bad)
    problems = verify(Bank.open(filled.path))
    assert len(problems) == 3
    for text in ("another id", "value holds NaN", "expected the init as"):
        assert any(text in problem for problem in problems)


def test_leftovers_are_cleaned_and_entries_are_not(filled, tree):
    before = tree(filled)
    victim = filled.entries()[0]
    content = (filled.folder(victim) / "entry.json").read_bytes()
    (filled.folder(victim) / "entry.json").write_bytes(content[:-9])
    for folder in ("", "entries", "queries"):
        (filled.path / folder).mkdir(exist_ok=True)
        (filled.path / folder / ".tmp-7-ab-x").mkdir()
        (filled.path / folder / ".tmp-7-ab-x" / "entry.json").write_text("")
        (filled.path / folder / ".tmp-7-cd-bank.json").write_text("")
    (filled.path / "entries" / ".tmp-link").symlink_to(filled.folder(victim))
    done = clean(filled.path)
    assert len(done) == 7 and all("left from an interrupted write, is removed" in d for d in done)
    (problem,) = verify(filled)
    assert f"entries/{victim.id} is damaged" in problem
    (filled.folder(victim) / "entry.json").write_bytes(content)
    assert tree(filled) == before and clean(filled.path) == []


def test_cleaning_waits_for_a_writer(filled):
    (filled.path / ".tmp-7-ab-x").write_text("")
    with (
        locked(filled.path / "bank.lock", 1.0),
        pytest.raises(BankError, match="has held .*bank.lock"),
    ):
        clean(filled.path, lock_timeout=0.1)
    assert (filled.path / ".tmp-7-ab-x").exists()


def test_only_a_bank_is_cleaned(tmp_path):
    (tmp_path / ".tmp-mine").write_text("")
    with pytest.raises(BankError, match="found a folder of other things"):
        clean(tmp_path)
    with pytest.raises(BankError, match="expected a bank at .*none, found: No such file"):
        clean(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == [".tmp-mine"]


def test_outcomes_that_cannot_be_read_hide_no_damaged_entry(filled):
    (filled.path / "outcomes.jsonl").mkdir()
    (filled.folder(filled.entries()[0]) / "entry.json").write_text("{")
    problems = verify(filled)
    assert len(problems) == 2 and "is damaged" in problems[0]
    assert "cannot read" in problems[1] and "outcomes.jsonl" in problems[1]


def to_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


def to_sparse(path):
    os.truncate(path, 1 << 40)


def to_folder(path):
    path.unlink()
    path.mkdir()


def to_loop(path):
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize("turn", [to_device, to_pipe, to_sparse, to_folder, to_loop])
def test_what_stands_in_the_place_of_a_file_is_neither_waited_for_nor_read(
    filled, entry_of, prompts_of, turn
):
    filled.add(entry_of("q", kind="query"), prompts_of(8))
    filled.add_outcomes([Outcome("t0", "q", "best", 0, "accuracy", 1.0)])
    victim, query = filled.entries()[0], filled.queries()[0]
    places = ["bank.json", "outcomes.jsonl"]
    places += [f"entries/{victim.id}/{name}" for name in ("entry.json", "prompt.safetensors")]
    places += [f"queries/{query.id}/{name}" for name in ("entry.json", "prompt.safetensors")]
    for number, place in enumerate(places):
        root = filled.path.parent / f"{turn.__name__}-{number}"
        shutil.copytree(filled.path, root)
        bank = Bank.open(root)
        turn(root / place)
        (problem,) = verify(bank)
        assert place.rpartition("/")[0] in problem and place.rpartition("/")[2] in problem
        if place == "bank.json":
            if turn is to_folder:  # what is no file is for a person to remove
                (root / place).rmdir()
            assert clean(root) and verify(bank) == []
        assert search(bank, prompts_of(1), k=9).n == (6 if "entries" in place else 7)
        assert (bank.query(query.id) is None) == ("queries" in place)
        assert bank.add(entry_of("late"), prompts_of(9))
