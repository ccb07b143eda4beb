"""Prompts of several lengths in one batch: each row as with its prompt alone."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.effect import Effect, Visibility
from tests.models.test_effect import B, H, close, logits, network, network_of, texts  # noqa: F401

LENGTHS = (0, 2, 5)
WIDEST = 6
OWNER = np.asarray([2, 0, 1, 2])
OF_EACH = (WIDEST - np.asarray(LENGTHS)).astype(np.int32)


def drawn(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rows_in_front(config, count):
    return {"before": drawn(1, count, H, seed=count)}


def every_layer(config, count):
    return rows_in_front(config, count) | {
        "layers": drawn(1, config.stacks[0] - 1, count, H, seed=10 + count)
    }


def keys_values(config, count):
    shape = (1, config.stacks[0], 2, config.kv_heads, count, config.d_kv)
    return {"keys_values": drawn(*shape, seed=count)}


def both(config, count):
    """Rows, the same number for all, behind keys and values."""
    return keys_values(config, count) | {"before": drawn(1, 3, H, seed=20 + count)}


def padded(name, array, count):
    axis = -2
    if name == "before" and array.shape[1] != count:
        return array  # as many for all
    width = [(0, 0)] * array.ndim
    width[axis] = (WIDEST - count, 0)
    # What stands in a column that nothing sees must not matter.
    return np.pad(array, width, constant_values=7.0)


@pytest.mark.parametrize("made", [rows_in_front, every_layer, keys_values, both])
def test_rows_of_a_padded_batch_are_those_of_their_prompt_alone(network, texts, made):  # noqa: F811
    arrays = [made(network.config, count) for count in LENGTHS]
    together = Effect(
        **{
            name: jnp.concatenate(
                [
                    padded(name, each[name], count)
                    for each, count in zip(arrays, LENGTHS, strict=True)
                ]
            )
            for name in arrays[0]
        },
        owner=OWNER,
        padding=OF_EACH,
    )
    found = logits(network, texts, together)
    for owner, each in enumerate(arrays):
        alone = Effect(**{name: array for name, array in each.items() if array.size})
        rows = owner == OWNER
        close(found[rows], logits(network, texts, alone)[rows])


def test_greedy_answers_ignore_padding(network, texts):  # noqa: F811
    arrays = [rows_in_front(network.config, count) for count in LENGTHS]
    before = np.concatenate(
        [
            padded("before", each["before"], count)
            for each, count in zip(arrays, LENGTHS, strict=True)
        ]
    )
    effect = Effect(before=jnp.asarray(before), owner=OWNER, padding=OF_EACH)
    found = network.greedy(network.encode(texts, effect), 5)
    for row, owner in enumerate(OWNER):
        alone = network.encode(texts[row : row + 1], Effect(**arrays[owner]))
        np.testing.assert_array_equal(found[row], network.greedy(alone, 5)[0])


def test_consecutive_rows_share_a_padded_prompt(network, texts):  # noqa: F811
    arrays = [rows_in_front(network.config, count) for count in LENGTHS[1:]]
    before = np.concatenate(
        [
            padded("before", each["before"], count)
            for each, count in zip(arrays, LENGTHS[1:], strict=True)
        ]
    )
    effect = Effect(before=jnp.asarray(before), padding=OF_EACH[1:])
    chosen = dataclasses.replace(effect, owner=np.asarray([0, 0, 1, 1]))
    close(logits(network, texts, effect), logits(network, texts, chosen))


def test_rows_that_see_only_those_in_front_of_them_may_be_padded(texts):  # noqa: F811
    network = network_of("T5")  # noqa: F811
    visible = Visibility("causal", text=False, seen=True)
    rows = drawn(1, 2, H)
    alone = Effect(before=jnp.asarray(rows), visible=visible)
    padding = np.asarray([4], np.int32)
    wide = Effect(before=jnp.asarray(padded("before", rows, 2)), visible=visible, padding=padding)
    close(logits(network, texts, wide), logits(network, texts, alone))
