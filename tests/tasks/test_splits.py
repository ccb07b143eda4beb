"""The rule that cuts splits: fixed values, shares, and no text on two sides."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from spot.tasks.splits import SPLITS, in_test, in_validation, plan

TRAIN, VALIDATION, TEST = Path("a"), Path("b"), Path("c")


def test_rule_worked_out_from_its_words():
    for key in ("", "some text", "é"):
        digest = hashlib.sha256(("spot-test-v1:" + key).encode()).hexdigest()
        assert in_test(key) == (digest[-1] in "02468ace")
        digest = hashlib.sha256(("spot-validation-v1:" + key).encode()).hexdigest()
        assert in_validation(key) == (int(digest, 16) % 10 == 0)


def test_shares_of_many_texts():
    keys = [f"text {i}" for i in range(4000)]
    assert 0.47 < sum(map(in_test, keys)) / 4000 < 0.53
    assert 0.085 < sum(map(in_validation, keys)) / 4000 < 0.115
    held_out = [key for key in keys if in_validation(key)]
    assert 0.4 < sum(map(in_test, held_out)) / len(held_out) < 0.6  # the cuts are independent


@given(st.text())
def test_a_text_is_in_one_split_of_its_file(key):
    files = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    for given_files in (["train"], ["train", "validation"], ["train", "test"], SPLITS):
        parts, rule = plan({split: files[split] for split in given_files})
        assert tuple(parts) == SPLITS
        assert rule
        for file in {part.file for part in parts.values()}:
            assert sum(part.keeps(key) for part in parts.values() if part.file == file) == 1


def test_rule_says_what_is_hashed():
    assert (
        '"spot-test-v1:" + passage) is even'
        in plan({"train": TRAIN, "validation": TEST}, "passage")[1]
    )
    both = plan({"train": TRAIN})[1]
    assert '"spot-validation-v1:" + input text) is divisible by 10' in both
    assert '"spot-test-v1:" + input text) is even' in both
    assert plan(dict.fromkeys(SPLITS, TRAIN))[1] == "train, validation and test as given"
