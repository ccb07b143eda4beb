"""Rotary frequencies against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from spot.models.rope import frequencies
from tests.toys import tiny_decoder


def test_plain_frequencies_fall_by_powers_of_theta():
    np.testing.assert_allclose(frequencies(tiny_decoder(rope_theta=16.0)), [1, 0.25])


def test_linear_scaling_divides_every_place():
    config = tiny_decoder(rope_theta=16.0, rope_scaling="linear", rope_factor=4.0)
    np.testing.assert_allclose(frequencies(config), [0.25, 0.0625])


def test_llama3_keeps_short_waves_stretches_long_ones_and_blends_between():
    config = tiny_decoder(
        d_kv=6, rope_theta=8.0, rope_scaling="llama3", rope_factor=10.0, rope_context=100
    )
    plain = np.array([1, 0.5, 0.25])
    turns = 100 * plain / (2 * np.pi)  # 15.9, 8.0, 3.98: the last is between 1 and 4
    share = (turns[2] - 1) / 3
    expected = [1, 0.5, share * 0.25 + (1 - share) * 0.025]
    np.testing.assert_allclose(frequencies(config), expected)
    far = tiny_decoder(
        d_kv=6, rope_theta=8.0, rope_scaling="llama3", rope_factor=10.0, rope_context=6
    )
    np.testing.assert_allclose(frequencies(far), plain / 10)
