"""Parts of a step hold every row once, with its slot, and packed texts are read as single ones."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.models.weights.build import build
from spot.training import parts
from spot.training.parts import by_length, few_widths, fitted, whole
from spot.training.parts import packed as packed_parts
from spot.training.step import row_losses
from tests.models import numpy_decoder
from tests.toys import random_arrays, tiny_decoder


def test_parts_by_length_hold_every_row_once_with_its_slot():
    rng = np.random.default_rng(0)
    inputs = np.zeros((24, 64), np.int32)
    for row, length in enumerate(rng.integers(1, 60, 24)):
        inputs[row, :length] = row + 1
    targets = np.repeat(np.arange(1, 25, dtype=np.int32)[:, None], 4, axis=1)
    parts = by_length((inputs, targets), 2, 8)
    assert [part[0].shape for part in parts][0][1] < 64 and len(parts) == 3
    shown = [[], []]
    for texts, answers in parts:
        assert len(texts) == len(answers) == 8
        for place, (text, answer) in enumerate(zip(texts, answers, strict=True)):
            number = int(answer[0])
            assert (text[text > 0] == number).all()
            assert (text > 0).sum() == (inputs[number - 1] > 0).sum()
            shown[place // 4].append(number)
    assert sorted(shown[0]) == list(range(1, 13)) and sorted(shown[1]) == list(range(13, 25))
    assert all(
        (parts[0][0] > 0).sum(1).reshape(2, 4).max(1)
        <= (parts[2][0] > 0).sum(1).reshape(2, 4).min(1)
    )


def test_rows_that_no_count_of_parts_divides_stay_whole():
    batch = np.ones((14, 8), np.int32), np.ones((14, 4), np.int32)
    assert len(by_length(batch, 2, 4)) == 1


def test_parts_are_larger_where_slots_could_not_share_smaller_ones():
    batch = np.ones((48, 8), np.int32), np.ones((48, 4), np.int32)
    assert [len(texts) for texts, _ in by_length(batch, 3, 8)] == [12] * 4


@pytest.mark.parametrize(("slots", "devices"), [(1, 8), (3, 2), (4, 4), (2, 8)])
@pytest.mark.parametrize("divide", [by_length, packed_parts])
def test_devices_share_the_rows_of_every_part_evenly(divide, slots, devices):
    inputs, targets = rows_of([1 + 7 * row % 30 for row in range(32 * slots)])
    parts = divide((inputs, targets), slots, 16, devices=devices)
    assert len(parts) > 1
    for texts, answers in parts:
        for array in (*texts, answers) if divide is packed_parts else (texts, answers):
            assert len(array) % devices == 0
    every = np.concatenate([answers for _, answers in parts])
    assert sorted(every[:, 0].tolist()) == list(range(1, 32 * slots + 1))


@pytest.mark.parametrize("divide", [by_length, packed_parts])
def test_rows_that_devices_cannot_share_are_divided_as_for_one(divide):
    batch = rows_of([1 + row for row in range(18)])
    found, plain = divide(batch, 2, 8, devices=4), divide(batch, 2, 8)
    if divide is by_length:
        plain = [batch]
    for ours, theirs in zip(found, plain, strict=True):
        for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_array_equal(left, right)


def texts_of(packed):
    """Every text of a packed batch, with its last token."""
    tokens, ends, last = map(np.asarray, packed)
    found = []
    for row in range(len(tokens)):
        start = 0
        for end, token in zip(ends[row], last[row], strict=True):
            found.append([*tokens[row, start:end].tolist(), int(token)])
            start = end
        assert not tokens[row, start:].any()
    return found


def rows_of(lengths):
    """A batch of texts of these lengths, no two the same, and targets that number them."""
    inputs = np.zeros((len(lengths), max(lengths)), np.int32)
    for row, length in enumerate(lengths):
        inputs[row, :length] = 1 + row + 100 * np.arange(length)
    return inputs, np.arange(1, len(lengths) + 1, dtype=np.int32)[:, None]


@settings(deadline=None)
@given(
    slots=st.integers(1, 3),
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=24),
    part_tokens=st.integers(1, 400),
)
def test_texts_packed_parts_are_all_there_each_with_its_slot_and_target(
    slots, lengths, part_tokens
):
    inputs, targets = rows_of(lengths * slots)
    seen = [[] for _ in range(slots)]
    for packed, answers in packed_parts((inputs, targets), slots, part_tokens):
        texts = texts_of(packed)
        assert len(texts) == len(answers)
        for place, (text, answer) in enumerate(zip(texts, answers[:, 0], strict=True)):
            row = inputs[answer - 1]
            assert text == row[row > 0].tolist()
            seen[place * slots // len(texts)].append(int(answer))
    for slot, numbers in enumerate(seen):
        assert sorted(numbers) == [slot * len(lengths) + n + 1 for n in range(len(lengths))]


def test_packing_leaves_less_padding_and_texts_of_full_length_apart():
    short = rows_of([10, 64, 12, 9, 30, 14, 8, 11, 13, 25, 7, 16, 12, 10, 40, 9])
    ((packed, _),) = packed_parts(short, 1)
    assert packed.tokens.size < 0.5 * short[0].size and packed.ends.shape[1] > 1
    ((packed, _),) = packed_parts(rows_of([64] * 16), 1)
    assert packed.tokens.shape == (16, 64)


def test_long_texts_are_read_in_parts_that_fit_memory():
    batch = rows_of([60] * 16)
    assert [len(answers) for _, answers in packed_parts(batch, 2, 300)] == [4] * 4
    assert [len(answers) for _, answers in packed_parts(batch, 2, 10)] == [2] * 8


@pytest.mark.parametrize("slots", [1, 2])
def test_losses_of_packed_texts_are_those_of_each_joined_with_its_prompt(slots):
    config = tiny_decoder()
    arrays = random_arrays(config, seed=3)
    model = build(config, arrays, "float32", "float32")
    rng = np.random.default_rng(4)
    prompts = rng.normal(size=(slots, 3, config.d_model)).astype(np.float32)
    lengths = rng.integers(1, 40, 8 * slots)
    inputs = np.zeros((8 * slots, 40), np.int32)
    for row, length in enumerate(lengths):
        inputs[row, :length] = rng.integers(3, config.vocab_size, length)
    targets = rng.integers(3, config.vocab_size, (8 * slots, 2)).astype(np.int32)
    targets[::3, 1] = 0
    ((packed, answers),) = packed_parts((inputs, targets), slots)
    assert packed.ends.shape[1] > 1

    def losses(given, batch):
        return row_losses(model, given, batch, None)[1]

    @jax.jit
    def gradient(given, batch):
        return jax.grad(lambda given: losses(given, batch).sum())(given)

    found = np.asarray(losses(prompts, (packed, answers)))
    for row, (text, answer) in enumerate(zip(texts_of(packed), answers, strict=True)):
        target = answer[answer > 0].tolist()
        prompt = prompts[row * slots // len(found)]
        logits = numpy_decoder.logits(arrays, config, text, target, prompt)
        lost = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(target)), target]
        np.testing.assert_allclose(found[row], lost.sum(), rtol=1e-4)
    ours, theirs = (gradient(prompts, batch) for batch in ((packed, answers), (inputs, targets)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def padding(rows, widths):
    """Tokens of padding where every row is padded to the first width that holds it."""
    return sum(
        count * (min(width for width in widths if width >= need) - need)
        for need, count in rows.items()
    )


@settings(deadline=None)
@given(
    rows=st.dictionaries(st.integers(1, 60), st.integers(1, 50), min_size=1, max_size=6),
    price=st.integers(1, 2000),
)
def test_few_widths_are_the_best_of_all_sets_of_widths(rows, price):
    chosen = few_widths(rows, price)
    others = [
        some
        for size in range(1, len(rows) + 1)
        for some in itertools.combinations(sorted(rows), size)
        if max(some) == max(rows)
    ]
    best = min(padding(rows, some) + price * len(some) for some in others)
    assert padding(rows, chosen) + price * len(chosen) == best
    assert list(chosen) == sorted(chosen) and set(chosen) <= set(rows)


@pytest.mark.parametrize("divide", [by_length, packed_parts, whole])
def test_a_fitted_division_has_the_same_rows_in_few_shapes(divide, monkeypatch):
    monkeypatch.setattr(parts, "COMPILATION", {})
    monkeypatch.setattr(parts, "COMPILATION_ELSEWHERE", 10**9)
    rng = np.random.default_rng(1)
    batches = []
    for _ in range(12):
        inputs, _ = rows_of(rng.integers(1, 100, 16).tolist())
        batches.append((inputs, np.ones((16, rng.integers(1, 6)), np.int32)))
    fit = fitted(divide, batches, 2)
    shapes, forms, free = set(), set(), set()
    for batch in batches:
        for (texts, targets), (own, answers) in zip(fit(batch, 2), divide(batch, 2), strict=True):
            assert (
                targets.shape == (len(answers), 5) and (targets[:, answers.shape[1] :] == 0).all()
            )
            np.testing.assert_array_equal(targets[:, : answers.shape[1]], answers)
            ours, theirs = (jax.tree.leaves(each) for each in (texts, own))
            assert (ours[0][:, theirs[0].shape[1] :] == 0).all()
            np.testing.assert_array_equal(ours[0][:, : theirs[0].shape[1]], theirs[0])
            for left, right in zip(ours[1:], theirs[1:], strict=True):
                np.testing.assert_array_equal(left, right)
            shapes.add(tuple(array.shape for array in ours))
            free.add(tuple(array.shape for array in theirs))
            forms.add((len(ours[0]), *(array.shape for array in ours[1:])))
    assert len(shapes) == len(forms) < len(free)


def test_rows_longer_than_all_that_was_foreseen_keep_their_width():
    short, long = rows_of([5] * 8), rows_of([90] * 8)
    ((texts, _),) = fitted(whole, [short], 1)(long, 1)
    assert texts.shape == long[0].shape
