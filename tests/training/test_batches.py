"""Which rows a step sees: epochs are permutations, rates are kept, and a longer order begins the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.models.padding import BUCKETS, bucket_length, pad_rows
from spot.training.batches import Source, batch_of, data_order, sample, step_batch

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@given(SIZES, st.integers(0, 99), st.integers(0, 60), st.integers(0, 60))
def test_a_longer_order_begins_with_the_shorter(sizes, seed, short, more):
    rates = [1.0] * len(sizes)
    longer = data_order(sizes, rates, seed, short + more)
    np.testing.assert_array_equal(longer[:short], data_order(sizes, rates, seed, short))


@given(SIZES, st.integers(0, 99))
def test_every_epoch_reads_every_row_once(sizes, seed):
    order = data_order(sizes, [1.0] * len(sizes), seed, 100)
    for member, size in enumerate(sizes):
        rows = order[order[:, 0] == member, 1]
        for begin in range(0, len(rows) - size + 1, size):
            assert sorted(rows[begin : begin + size]) == list(range(size))


def test_epochs_and_seeds_differ_in_order():
    order = data_order([50], [1.0], 0, 100)[:, 1]
    assert not np.array_equal(order[:50], order[50:])
    assert not np.array_equal(order, data_order([50], [1.0], 1, 100)[:, 1])


def test_members_are_drawn_by_rate():
    order = data_order([5, 5, 5], [1.0, 3.0, 6.0], 0, 20_000)
    shares = np.bincount(order[:, 0]) / len(order)
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.6], atol=0.015)


def test_a_member_without_rate_is_never_drawn():
    assert set(data_order([5, 5], [1.0, 0.0], 0, 500)[:, 0]) == {0}


def test_a_members_rows_do_not_depend_on_the_others_rates():
    alone = data_order([7], [1.0], 4, 30)[:, 1]
    mixed = data_order([7, 9], [0.5, 0.5], 4, 30)
    mine = mixed[mixed[:, 0] == 0, 1]
    np.testing.assert_array_equal(mine, alone[: len(mine)])


# Buckets and padding.


@given(st.integers(1, 5000))
def test_a_bucket_is_the_smallest_that_holds_the_row(longest):
    size = bucket_length(longest)
    assert size >= longest
    smaller = [b for b in (*BUCKETS, *range(1280, 6000, 256)) if longest <= b < size]
    assert smaller == []


def test_there_are_few_buckets():
    assert len({bucket_length(n) for n in range(1, 1025)}) == len(BUCKETS) < 18
    assert [bucket_length(n) for n in (4, 5, 1024, 1025, 1281)] == [4, 8, 1024, 1280, 1536]


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=5))
def test_padding_keeps_the_rows(rows):
    padded = pad_rows([np.asarray(row) for row in rows], 9)
    assert padded.dtype == np.int32 and padded.shape == (len(rows), 9)
    for row, line in zip(rows, padded, strict=True):
        assert line.tolist() == row + [0] * (9 - len(row))


def test_a_batch_has_the_bucket_of_its_longest_row():
    rows = [np.ones(n, np.int32) for n in (3, 9)]
    inputs, targets = batch_of(rows, rows[:1] * 2)
    assert inputs.shape == (2, 16) and targets.shape == (2, 4)


def test_a_step_sees_its_rows_slot_after_slot(sources, data):
    mixture = Source("both", (data["colour"], data["bird"]), (0.5, 0.5))
    slots = [sources["colour"], mixture]
    orders = [data_order([24], [1.0], 0, 12), data_order([24, 24], [0.5, 0.5], 1, 12)]
    inputs, targets = step_batch(slots, orders, step=2, batch_size=3)
    assert len(inputs) == len(targets) == 6
    for slot, (source, order) in enumerate(zip(slots, orders, strict=True)):
        for place, (member, row) in enumerate(order[6:9]):
            split = source.members[member].train
            for batch, ragged in ((inputs, split.inputs), (targets, split.targets)):
                line = batch[slot * 3 + place]
                assert line[line > 0].tolist() == ragged[row].tolist()


# Samples.


@pytest.mark.parametrize("count", [None, 24, 100])
def test_a_sample_of_everything_is_the_split_itself(data, count):
    split = data["colour"].train
    assert sample(split, count) is split


def test_a_sample_is_seeded_and_keeps_rows_whole_and_in_order(data):
    split = data["colour"].train
    small = sample(split, 10, seed=1)
    texts = [row.tolist() for row in (split.inputs[i] for i in range(24))]
    rows, begin = [], 0
    for number in range(10):
        rows.append(texts.index(small.inputs[number].tolist(), begin))
        begin = rows[-1] + 1
        assert small.labels[number] == split.labels[rows[-1]]
        assert small.target_texts[number] == split.target_texts[rows[-1]]
        assert small.targets[number].tolist() == split.targets[rows[-1]].tolist()
    assert len(small) == len(small.references) == len(small.groups) == 10
    again, other = sample(split, 10, seed=1), sample(split, 10, seed=2)
    np.testing.assert_array_equal(small.inputs.flat, again.inputs.flat)
    assert not np.array_equal(small.inputs.flat, other.inputs.flat)
