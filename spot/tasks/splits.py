"""Splits as rows of files, and the fixed rule that cuts splits which nobody published.

The rule depends on a row's text only: it is the same on every machine and for every row order,
and rows that share a text (or a passage) always fall on the same side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row

T = TypeVar("T")

TEST_SALT = "spot-test-v1:"
VALIDATION_SALT = "spot-validation-v1:"
SPLITS = ("train", "validation", "test")
SAME_TEXTS: Mapping[tuple[str, str], str] = {
    ("train", "test"): (
        "train and test hold the same texts: the test score says nothing about new ones"
    ),
    ("train", "validation"): (
        "train and validation hold the same texts: validation cannot see overfitting"
    ),
    ("validation", "test"): (
        "validation and test hold the same texts: the test score is of rows that chose the prompt"
    ),
}
"""What follows where two splits are the same."""


def hashed(salt: str, key: str) -> int:
    """sha256 of salt + key as a whole number."""
    return int.from_bytes(hashlib.sha256((salt + key).encode()).digest(), "big")


def in_test(key: str) -> bool:
    """True for rows that go to the half that becomes the test split: their hash is even."""
    return hashed(TEST_SALT, key) % 2 == 0


def in_validation(key: str) -> bool:
    """True for training rows that are held out: their hash is divisible by ten."""
    return hashed(VALIDATION_SALT, key) % 10 == 0


def _all(key: str) -> bool:
    return True


@dataclass(frozen=True)
class Part:
    """A split as rows of one file: those whose key `keeps`."""

    file: Path
    keeps: Callable[[str], bool] = _all


def plan(files: Mapping[str, Path], key: str = "input text") -> tuple[dict[str, Part], str]:
    """Train, validation and test from the files that exist, and the rule in words.

    `files` has "train" and perhaps "validation" and "test"; `key` names the hashed text in words.
    Without a validation file a tenth of train is held out; without a test file, half of validation
    (or of what was held out).
    """
    train = files["train"]
    validation, test = files.get("validation"), files.get("test")
    even = f'sha256("{TEST_SALT}" + {key}) is even'
    tenth = f'sha256("{VALIDATION_SALT}" + {key}) is divisible by 10'
    if validation and test:
        parts = {s: Part(files[s]) for s in SPLITS}
        return parts, "train, validation and test as given"
    if validation:
        return {
            "train": Part(train),
            "validation": Part(validation, lambda k: not in_test(k)),
            "test": Part(validation, in_test),
        }, f"no labelled test rows given: test is the rows of validation whose {even}"
    held_out = f"no validation rows given: held out are the rows of train whose {tenth}"
    if test:
        return {
            "train": Part(train, lambda k: not in_validation(k)),
            "validation": Part(train, in_validation),
            "test": Part(test),
        }, f"{held_out}; they are validation"
    return {
        "train": Part(train, lambda k: not in_validation(k)),
        "validation": Part(train, lambda k: in_validation(k) and not in_test(k)),
        "test": Part(train, lambda k: in_validation(k) and in_test(k)),
    }, f"{held_out}; of these, test is those whose {even}, validation the others"


def read_part(
    task: str,
    split: str,
    parts: Mapping[str, Part],
    rows: Callable[[Path], Iterator[Row]],
    examples: Callable[[Row], list[T]],
    key: Callable[[Row, T], str],
) -> Iterator[T]:
    """Examples of one split in file order.

    `examples(row)` makes a row's examples, perhaps none; `key(row, example)` the text that is
    hashed. Every row of the file is checked, also those of the other split. SpotError for an
    unknown or empty split.
    """
    check_split(task, split, tuple(parts))
    part, empty = parts[split], True
    for row in rows(part.file):
        made = examples(row)
        if made and part.keeps(key(row, made[0])):
            empty = False
            yield from made
    if empty:
        raise no_rows(task, split, str(part.file))


def one_class_note(split: str, label: str) -> str:
    """What follows where a split has one label alone."""
    what = "nothing can be learned" if split == "train" else "its score says nothing"
    return f'every row of {split} has the label "{label}": {what}'


def no_rows(task: str, split: str, place: str) -> SpotError:
    """The error for a split without rows; `place` names the file that it is cut from."""
    return SpotError(
        f'task "{task}": expected rows in the split "{split}", found none in {place}',
        f"give the task more rows, or a file of its own for {split}",
    )


def check_split(task: str, split: str, splits: tuple[str, ...]) -> None:
    """Raise SpotError with the nearest name unless `split` is one of `splits`."""
    if split not in splits:
        raise SpotError(
            f'task "{task}": expected one of the splits {", ".join(splits)}, found "{split}".'
            + did_you_mean(split, splits),
            "name one of these splits",
        )
