"""bank.json: of a newer program, damaged, or lost."""

from __future__ import annotations

import json
import os

import pytest

from bank.errors import BankError
from bank.integrity import clean, verify
from bank.manifest import read_manifest
from bank.nearest import search
from bank.store import Bank


def test_a_newer_format_is_a_clear_error(filled):
    path = filled.path / "bank.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2, "new_field": 1}))
    with pytest.raises(BankError, match="expected format 1 or older, found 2") as caught:
        Bank.open(filled.path)
    assert "update this one" in caught.value.hint


@pytest.mark.parametrize("length", [0, 1, 30, 80])
def test_a_bank_json_cut_short_is_an_error_that_says_what_to_do(
    filled, length, entry_of, prompts_of
):
    path = filled.path / "bank.json"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BankError, match=r"bank\.json is damaged") as caught:
        Bank.open(filled.path)
    assert "remove it" in caught.value.hint
    assert verify(filled) and "damaged" in verify(filled)[0]
    path.unlink()
    filled.add(entry_of("late"), prompts_of(9))  # as the hint promises
    assert read_manifest(filled.path).width == 6
    assert verify(filled) == []


def test_a_lost_bank_json_does_not_let_strangers_in(filled, entry_of, prompts_of):
    (filled.path / "bank.json").unlink()
    assert "bank.json is missing, and entries is not empty" in verify(filled)
    with pytest.raises(BankError, match="does not fit"):
        filled.add(entry_of("late", backbone="fp-b"), prompts_of(9))


def unsealed(path):
    """bank.json as earlier versions wrote it."""
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content, indent=1) + "\n")


def test_a_manifest_of_earlier_versions_is_read(filled, entry_of, prompts_of):
    new = filled.manifest
    unsealed(filled.path / "bank.json")
    assert filled.manifest == new and new.sealed and not filled.manifest.sealed
    assert len(Bank.open(filled.path).entries()) == 7 and verify(filled) == []
    assert filled.add(entry_of("late"), prompts_of(9))


def test_every_flipped_bit_of_bank_json_is_noticed(filled):
    path = filled.path / "bank.json"
    content, manifest = path.read_bytes(), filled.manifest
    for place in range(len(content)):
        for bit in (0, 5):
            path.write_bytes(
                content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
            )
            try:  # a blank may become another one
                assert read_manifest(filled.path) == manifest
            except BankError as error:
                assert str(path) in error.message


@pytest.mark.parametrize("old", [True, False])
def test_a_bit_in_the_fingerprint_blames_bank_json_and_no_entry(filled, entry_of, prompts_of, old):
    path = filled.path / "bank.json"
    entries = filled.entries()
    if old:
        unsealed(path)
    path.write_text(path.read_text().replace('"fp-a"', '"fp-c"'))
    for use in (
        filled.entries,
        filled.damaged,
        lambda: filled.add(entry_of("late"), prompts_of(9)),
        lambda: search(filled, prompts_of(1)),
    ):
        with pytest.raises(BankError, match=r"bank\.json is damaged: ") as caught:
            use()
        assert "spot bank verify --clean" in caught.value.hint
    (problem,) = verify(filled)
    assert "bank.json is damaged" in problem and "t0-s0" not in problem
    assert clean(filled.path) == ["bank.json is written anew from 7 entries and queries"]
    assert filled.entries() == entries and verify(filled) == [] and filled.manifest.sealed
    assert filled.add(entry_of("late"), prompts_of(9))


def test_a_stranger_among_entries_is_blamed_and_not_bank_json(
    filled, entry_of, prompts_of, tmp_path
):
    unsealed(filled.path / "bank.json")
    other = Bank.create_or_open(tmp_path / "other")
    stranger = entry_of("x", backbone="fp-b")
    other.add(stranger, prompts_of())
    os.rename(other.folder(stranger), filled.path / "entries" / stranger.id)
    assert [name for name, _ in filled.damaged()] == [stranger.id] and len(filled.entries()) == 7
    (done,) = clean(filled.path)
    assert "bank.json is not written anew: " in done and "do not fit each other" in done


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "expected an object"),
        ("{}", "expected backbone, format, prompt_length, width, found"),
        ('{"format": 1, "backbone": "t5", "prompt_length": 4, "width": 6}', "name and fingerprint"),
        (
            '{"format": 1, "backbone": {"name": 1, "fingerprint": "f"}, "prompt_length": 4, "width": 6}',
            "name and fingerprint",
        ),
        (
            '{"format": 1, "backbone": {"name": "m", "fingerprint": "f"}, "prompt_length": "4", "width": 6}',
            "whole numbers of 1 or more",
        ),
        ("[" * 100_000, "nested in more than"),
        ('{"format": 1e999}', "beyond what can be held"),
    ],
)
def test_a_manifest_of_other_types_is_damaged(filled, content, reason):
    (filled.path / "bank.json").write_text(content)
    with pytest.raises(BankError, match=rf"bank\.json is damaged: .*{reason}"):
        Bank.open(filled.path)


def test_a_damaged_manifest_of_an_empty_bank_is_removed(bank):
    (bank.path / "bank.json").write_text("{")
    (done,) = clean(bank.path)
    assert "it is removed" in done and verify(bank) == [] and bank.manifest is None


def test_a_newer_manifest_is_never_cleaned_away(filled):
    path = filled.path / "bank.json"
    path.write_text('{"format": 2}')
    with pytest.raises(BankError, match="expected format 1 or older, found 2"):
        clean(filled.path)
    assert path.read_text() == '{"format": 2}'


def test_disagreement_names_both_sides(filled, entry_of):
    manifest = filled.manifest
    assert manifest.disagreement(entry_of().backbone, (4, 6)) == ""
    assert "P=4" in manifest.disagreement(entry_of().backbone, (9, 6))
    assert "fp-z" in manifest.disagreement(entry_of(backbone="fp-z").backbone, (4, 6))
