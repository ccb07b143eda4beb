"""`verify` sees what a quick look cannot."""

from __future__ import annotations

import numpy as np
import pytest

from bank import entry as entries_on_disk
from bank.entry import Prompts
from bank.integrity import verify
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
