"""The cut of a user's own rows: shares within each class, and what a change of the table moves."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spot.tasks.stratified import LARGEST, assigned, identity_hash

HELD_OUT = ("test", "validation")


def cut(texts, classes, held_out=HELD_OUT, share=0.2):
    return assigned([identity_hash(text) for text in texts], classes, held_out, share, "train")


def sizes(splits):
    count = Counter(splits)
    return [count[split] for split in ("train", "validation", "test")]


def test_the_hash_is_sha256_behind_the_salt():
    assert identity_hash("é").hex() == hashlib.sha256("spot-split-v2:é".encode()).hexdigest()


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1]), (7, [4, 2, 1]),
     (8, [5, 1, 2]), (50, [30, 10, 10])],
)  # fmt: skip
def test_sizes_within_a_class_worked_out_by_hand(n, expected):
    assert sizes(cut([f"text {i}" for i in range(n)], [3] * n)) == expected


def test_the_first_by_hash_are_test_the_next_validation():
    texts = [f"text {i}" for i in range(10)]
    ordered = sorted(texts, key=lambda t: hashlib.sha256(f"spot-split-v2:{t}".encode()).hexdigest())
    split = dict(zip(texts, cut(texts, [0] * 10), strict=True))
    assert [split[text] for text in ordered] == ["test"] * 2 + ["validation"] * 2 + ["train"] * 6


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), max_size=60), st.randoms())
def test_the_order_of_rows_does_not_matter_and_equal_texts_stay_together(rows, random):
    split = {}
    for text, where in zip(
        [t for t, _ in rows], cut(*zip(*rows, strict=True)) if rows else [], strict=True
    ):
        assert split.setdefault(text, where) == where
    shuffled = random.sample(rows, len(rows))
    again = cut(*zip(*shuffled, strict=True)) if rows else []
    assert {t: s for (t, _), s in zip(shuffled, again, strict=True)} == split


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 3))
@example([0] * 7, 0)
def test_a_new_row_moves_one_text_over_each_cut_at_most(classes, label):
    texts = [f"text {i}" for i in range(len(classes))]
    before = cut(texts, classes)
    after = cut([*texts, "new"], [*classes, label])[:-1]
    moved = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    sides = [("test", "validation", "train").index(split) for split in (*before, *after)]
    for cut_at in (0, 1):  # sides of the first cut and of the second
        over = sum(
            (a > cut_at) != (b > cut_at)
            for a, b in zip(sides[: len(before)], sides[len(before) :], strict=True)
        )
        assert over <= 1
    assert all(classes[i] == label for i in moved)


def test_a_text_of_two_classes_is_of_the_more_frequent_one():
    texts = ["both", "both", "both", "a", "b", "c"]
    classes = [0, 1, 1, 1, 1, 0]
    hashes = {text: identity_hash(text) for text in texts}
    split = dict(zip(texts, cut(texts, classes), strict=True))
    first, second, third = sorted(["both", "a", "b"], key=hashes.get)
    assert (split[first], split[second], split[third], split["c"]) == (
        "test", "validation", "train", "train",
    )  # fmt: skip


def test_a_large_table_holds_out_no_more_than_is_useful():
    n = 20 * LARGEST
    splits = cut([str(i) for i in range(n)], [i % 2 for i in range(n)])
    assert sizes(splits) == [18 * LARGEST, LARGEST, LARGEST]


def test_half_of_a_split():
    splits = cut([str(i) for i in range(21)], [0] * 20 + [1], ("test",), 0.5)
    assert sizes(splits) == [11, 0, 10]
