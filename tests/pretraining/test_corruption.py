"""Span corruption keeps all tokens, and prefix targets continue their inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretraining.corruption import EOS, corrupt_spans, span_lengths, split_prefix

V = 500
FIRST = V - 1


def sentinels(ids):
    """The sentinels among token ids; text tokens are below 400."""
    return [token for token in ids if token >= 400]


def restored(inputs, targets):
    """The text, with each sentinel of the input replaced by its span in the targets."""
    spans: dict[int, list[int]] = {}
    for token in targets[:-1]:
        if token >= 400:
            spans[current := int(token)] = []
        else:
            spans[current].append(int(token))
    text: list[int] = []
    for token in inputs[:-1]:
        text += spans[int(token)] if token >= 400 else [int(token)]
    return text


@given(st.integers(2, 300), st.integers(0, 10**6))
def test_the_text_can_be_restored(length, seed):
    rng = np.random.default_rng(seed)
    text = rng.integers(3, 400, length)
    inputs, targets = corrupt_spans(text, V, rng)
    assert restored(inputs, targets) == text.tolist()
    assert inputs[-1] == targets[-1] == EOS
    expected = list(range(FIRST, FIRST - len(sentinels(inputs)), -1))
    assert sentinels(inputs) == sentinels(targets) == expected


@given(st.integers(2, 300), st.integers(0, 10**6))
def test_the_text_begins_uncorrupted_and_no_span_is_empty(length, seed):
    rng = np.random.default_rng(seed)
    inputs, targets = corrupt_spans(rng.integers(3, 400, length), V, rng)
    assert inputs[0] < 400
    for ids in (inputs, targets):
        assert not any(a >= 400 and b >= 400 for a, b in zip(ids, ids[1:], strict=False))
    assert targets[-2] < 400


@pytest.mark.parametrize(
    ("length", "dropped", "spans"), [(100, 15, 5), (128, 19, 6), (20, 3, 1), (2, 1, 1)]
)
def test_fifteen_percent_go_in_spans_of_three(length, dropped, spans):
    inputs, targets = corrupt_spans(np.full(length, 7), V, np.random.default_rng(0))
    assert len(targets) == dropped + spans + 1
    assert len(inputs) == length - dropped + spans + 1


def test_is_a_function_of_the_generator():
    text = np.arange(3, 103)
    first, again, other = (
        corrupt_spans(text, V, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@given(st.integers(1, 60), st.data(), st.integers(0, 10**6))
def test_span_lengths_are_positive_and_add_up(total, data, seed):
    parts = data.draw(st.integers(1, total))
    lengths = span_lengths(total, parts, np.random.default_rng(seed))
    assert len(lengths) == parts and lengths.min() >= 1 and lengths.sum() == total


def test_every_composition_is_equally_likely():
    rng = np.random.default_rng(0)
    drawn = [tuple(span_lengths(5, 3, rng).tolist()) for _ in range(6000)]
    counts = {lengths: drawn.count(lengths) for lengths in set(drawn)}
    assert len(counts) == 6  # (4 choose 2)
    assert all(abs(count - 1000) < 150 for count in counts.values())


@given(st.integers(8, 200), st.integers(1, 40), st.integers(0, 10**6))
def test_a_prefix_is_continued_where_it_was_cut(length, most, seed):
    text = np.arange(length)
    prefix, rest = split_prefix(text, most, np.random.default_rng(seed))
    assert len(prefix) >= length // 4 and 1 <= len(rest) <= most
    np.testing.assert_array_equal(np.concatenate([prefix, rest]), text[: len(prefix) + len(rest)])
