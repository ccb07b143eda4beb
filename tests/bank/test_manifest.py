"""bank.json: of a newer program, damaged, or lost."""

from __future__ import annotations

import json

import pytest

from bank.errors import BankError
from bank.integrity import verify
from bank.manifest import read_manifest
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


def test_disagreement_names_both_sides(filled, entry_of):
    manifest = filled.manifest
    assert manifest.disagreement(entry_of().backbone, (4, 6)) == ""
    assert "P=4" in manifest.disagreement(entry_of().backbone, (9, 6))
    assert "fp-z" in manifest.disagreement(entry_of(backbone="fp-z").backbone, (4, 6))
