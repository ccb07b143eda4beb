"""Dropout: what becomes of an element is a function of its row's key and its place alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.layers import RowKeys, dropout, fold

KEYS = jax.random.split(jax.random.key(3), 4)
RATE = 0.3


def kept(shape, keys=KEYS, rate=RATE):
    return np.asarray(dropout(jnp.ones(shape), rate, keys)) > 0


def test_as_many_are_dropped_as_said_and_the_mean_stays():
    out = np.asarray(dropout(jnp.ones((8, 200, 300)), RATE, KEYS))
    np.testing.assert_allclose(np.unique(out), [0, 1 / 0.7], rtol=1e-6)
    share = (out > 0).mean(axis=(1, 2))  # by row: a binomial of 60,000
    np.testing.assert_allclose(share, 0.7, atol=5 * (0.21 / 60_000) ** 0.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("distance", [1, 2])
def test_neighbours_along_an_axis_know_nothing_of_each_other(axis, distance):
    mask = kept((8, 200, 300)).astype(float) - 0.7
    ahead = np.take(mask, range(distance, mask.shape[axis]), axis)
    behind = np.take(mask, range(mask.shape[axis] - distance), axis)
    assert abs((ahead * behind).mean() / 0.21) < 5 / ahead.size**0.5


def test_keys_and_places_in_the_network_draw_anew():
    masks = [kept((4, 100, 100), key) for key in (KEYS, fold(KEYS, 0), fold(KEYS, 1))]
    masks += [kept((4, 100, 100), jax.random.split(jax.random.key(4), 4)), masks[0][::-1]]
    for index, mask in enumerate(masks):
        for other in masks[:index]:
            agree = (mask == other).mean()  # of independent masks: 0.7² + 0.3²
            np.testing.assert_allclose(agree, 0.58, atol=5 * (0.58 * 0.42 / mask.size) ** 0.5)


def test_padding_and_the_other_rows_of_a_batch_change_nothing():
    whole = kept((8, 4, 20, 30))
    np.testing.assert_array_equal(kept((8, 4, 32, 64))[:, :, :20, :30], whole)
    rows = np.array([6, 1, 2])  # each key has two rows
    chosen = RowKeys(KEYS, jnp.asarray(rows // 2), jnp.asarray(rows % 2))
    np.testing.assert_array_equal(kept((3, 4, 20, 30), chosen), whole[rows])


def test_none_are_dropped_without_keys_or_rate():
    assert kept((4, 5), None).all()
    assert kept((4, 5), KEYS, 0.0).all()
