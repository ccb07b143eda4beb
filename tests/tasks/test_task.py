"""Rates, digests and counts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from spot.errors import SpotError
from spot.models.defaults import ModelDefaults
from spot.tasks.task import (
    MIXING_LIMIT,
    Example,
    Mixture,
    Task,
    counted,
    digest,
    listing_labels,
    proportional_rates,
    with_wording,
)

REPLIES = Task(
    name="replies", family="toy", labels=("no", "yes"), metrics=("accuracy",), scoring="rank",
    splits=("train",), read=lambda split: iter([Example(f"{split}: it is so", "yes", 1)]),
    fingerprint=lambda: "abc", description="", rows=lambda split: 1,
)  # fmt: skip
LISTS = SimpleNamespace(defaults=ModelDefaults(list_labels=True))
PLAIN = SimpleNamespace(defaults=ModelDefaults())


def test_rates_by_hand():
    assert MIXING_LIMIT == 524288
    assert proportional_rates({"a": 1, "b": 3}) == (0.25, 0.75)
    assert proportional_rates({"a": 2**20, "b": 2**19}) == (0.5, 0.5)
    assert sum(proportional_rates({"a": 7, "b": 11, "c": 2**30})) == pytest.approx(1)


def test_digest_tells_values_apart():
    assert len({digest(v) for v in ("1", 1, [1], {"a": 1}, None)}) == 5
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_counted_reads_once():
    reads = []
    rows = counted(lambda split: reads.append(split) or iter([1, 2]))  # type: ignore[arg-type]
    assert (rows("train"), rows("train"), reads) == (2, 2, ["train"])


def test_label_words_are_listed_in_front_of_every_text_and_change_the_fingerprint():
    listed = listing_labels(REPLIES)
    assert list(listed.read("train")) == [Example("no | yes. train: it is so", "yes", 1)]
    assert listed.fingerprint() != REPLIES.fingerprint()
    other = listing_labels(replace(REPLIES, labels=("yes", "no")))
    assert other.fingerprint() != listed.fingerprint()
    assert listed.front == "no | yes. " and listing_labels(listed) is listed
    assert listed.complete("is it?") == "no | yes. is it?"
    same = {n: getattr(REPLIES, n) for n in ("read", "fingerprint", "front", "complete")}
    assert replace(listed, **same) == REPLIES


def test_a_task_without_label_words_lists_none_and_a_registered_one_refuses():
    free = replace(REPLIES, labels=(), scoring="generate")
    assert listing_labels(free) is free
    with pytest.raises(SpotError, match='registered seqio Task "mine"'):
        listing_labels(replace(REPLIES, registered="mine"))


def test_a_model_that_lists_label_words_lists_them_where_nothing_was_set():
    listed = REPLIES.on(LISTS)
    explicit = with_wording(REPLIES, list_labels=True)
    assert list(listed.read("train")) == list(explicit.read("train"))
    assert listed.fingerprint() == explicit.fingerprint() != REPLIES.fingerprint()
    assert listed.on(LISTS) is listed
    assert REPLIES.on(PLAIN) is REPLIES
    assert Mixture("both", (REPLIES, listed), (0.5, 0.5)).on(LISTS).members[0].front == listed.front


def test_what_was_set_decides_and_the_wording_names_what_differs_from_the_models_default():
    on, off = (with_wording(REPLIES, list_labels=value) for value in (True, False))
    assert on.on(LISTS) is on and on.on(PLAIN) is on
    assert on.wording == {"list_labels": True}
    assert next(off.on(LISTS).read("train")).inputs == "train: it is so"
    assert off.on(LISTS).wording == {"list_labels": False}
    assert off.on(PLAIN) == REPLIES and off.on(PLAIN).wording == {}
    assert REPLIES.on(LISTS).wording == REPLIES.on(PLAIN).wording == {}


def test_a_task_that_lists_its_label_words_or_cannot_is_left_as_it_is():
    suite = listing_labels(REPLIES)
    tasks = [
        suite, replace(REPLIES, shows_labels=True), replace(REPLIES, registered="mine"),
        replace(REPLIES, labels=(), scoring="generate"),
    ]  # fmt: skip
    for task in tasks:
        assert task.on(LISTS) is task
        assert with_wording(task, list_labels=False).on(LISTS) == task
    assert listing_labels(tasks[1]) is tasks[1]
