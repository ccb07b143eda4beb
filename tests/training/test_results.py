"""Stored results come back bit for bit; anything doubtful counts as absent."""

from __future__ import annotations

import json
import math
import os
import shutil

import numpy as np
import pytest

from bank.files import canonical_json, sha256_hex
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.training import results
from spot.training.slots import Check, Slot, Trained

KIND = find_kind("suffix")
CHECKS = (Check(2, -math.inf, math.nan, {}, 0), Check(4, 62.5, 0.25, {"f1": 62.5}, 8))


def prompt(seed):
    rows = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    return SoftPrompt.of(KIND, rows)


@pytest.fixture
def trained():
    """A prompt with all that there can be, and one that failed at once."""
    slots = [Slot(name, None, 0, prompt(9), 0.1) for name in "ab"]
    return [
        Trained(slots[0], prompt(1), prompt(2), prompt(3), CHECKS[1], CHECKS),
        Trained(slots[1], None, prompt(4), prompt(4), None, (), failed_step=1),
    ]


@pytest.fixture
def folder(tmp_path, trained):
    results.store(tmp_path, trained)
    return tmp_path


def test_what_is_stored_comes_back(folder, trained):
    for result, expected in zip(results.load(folder, 2), trained, strict=True):
        again = Trained.of(expected.slot, result)
        for role in ("key", "value", "last"):
            ours, theirs = getattr(again, role), getattr(expected, role)
            assert (ours is None) == (theirs is None)
            if ours is not None:
                assert ours.kind is KIND and set(ours.arrays) == set(theirs.arrays)
                for name, array in theirs.arrays.items():
                    np.testing.assert_array_equal(ours.arrays[name], array, strict=True)
        # repr, for a loss that was not finite is not equal to itself
        assert repr((again.history, again.best)) == repr((expected.history, expected.best))
        assert again.failed_step == expected.failed_step


def test_the_check_of_the_value_comes_back_though_another_has_the_best_score(tmp_path):
    history = (Check(2, 62.5, 0.5, {}, 8), Check(4, 60.0, 0.25, {}, 8))
    slot = Slot("a", None, 0, prompt(9), 0.1)
    results.store(tmp_path, [Trained(slot, prompt(1), prompt(2), prompt(3), history[1], history)])
    (result,) = results.load(tmp_path, 1)
    assert (result.best, result.history) == (history[1], history)


def test_nothing_comes_from_an_empty_folder_or_of_another_count(folder, tmp_path):
    assert results.load(tmp_path / "other", 2) is None
    assert results.load(folder, 1) is None and results.load(folder, 3) is None


@pytest.mark.parametrize("name", [results.ARRAYS, results.FACTS])
def test_a_file_that_is_cut_or_absent_counts_as_absent(folder, name):
    whole = (folder / name).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 2):
        (folder / name).write_bytes(whole[:length])
        assert results.load(folder, 2) is None, length
    (folder / name).unlink()
    assert results.load(folder, 2) is None


@pytest.mark.parametrize("name", [results.ARRAYS, results.FACTS])
def test_no_flipped_bit_gives_another_result(folder, name):
    whole = (folder / name).read_bytes()
    facts = json.loads((folder / results.FACTS).read_bytes())
    for place in range(len(whole)):
        for bit in (0x01, 0x80):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            (folder / name).write_bytes(flipped)
            if results.load(folder, 2) is not None:  # then it is white space between values
                assert name == results.FACTS and json.loads(flipped) == facts


@pytest.mark.parametrize(
    "content",
    [
        *(b"[]", b"null", b"7", b'{"sha256": ""}', b"[" * 10**5, b'{"sha256": 1, "trained": 2}'),
        *(
            b'{"sha256": NaN}',
            b'{"sha256": 1e999}',
            b'{"sha256": "\\ud800"}',
            b"\0" * 90,
            b"7" * 5000,
        ),
    ],
)
def test_json_of_another_form_counts_as_absent(folder, content):
    (folder / results.FACTS).write_bytes(content)
    assert results.load(folder, 2) is None


def test_results_of_another_run_count_as_absent(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in (results.ARRAYS, results.FACTS):
        shutil.copy(folder / name, other / name)
    assert results.load(folder, 2) is not None and results.load(other, 2) is None


def test_results_of_earlier_releases_are_found(folder):
    facts = json.loads((folder / results.FACTS).read_bytes())
    del facts["of"], facts["sha256"]
    facts["sha256"] = sha256_hex(canonical_json(facts))
    (folder / results.FACTS).write_text(json.dumps(facts))
    assert results.load(folder, 2) is not None


@pytest.mark.parametrize("name", [results.ARRAYS, results.FACTS])
def test_a_pipe_in_the_place_of_a_file_counts_as_absent(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert results.load(folder, 2) is None
