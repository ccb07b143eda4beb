"""DePT: what it adds where, and its published size."""

from __future__ import annotations

import numpy as np

from spot.models.config import ARCHITECTURES
from spot.prompts.kinds import find_kind
from tests.prompts.effects import MASK, TEXTS, begun, moved, seen


def test_each_place_has_its_own_change_and_places_beyond_the_last_have_none():
    for places in (4, 9):  # fewer and more than the texts' six
        prompt = moved(begun(f"dept:texts={places},width=3"))
        own = {name: array.astype(np.float64) for name, array in prompt.arrays.items()}
        change = seen([prompt])["text"] - TEXTS * MASK[..., None]
        for row, place in zip(*np.nonzero(MASK), strict=True):
            expected = (
                own["places"][place] / own["size"] @ own["up"]
                if place < places
                else 0 * change[0, 0]
            )
            np.testing.assert_allclose(change[row, place], expected, rtol=1e-4, atol=1e-5)
        assert np.abs(change[0, 3]).max() > 0.1


def test_forty_rows_of_t5_base_have_the_numbers_of_a_hundred_plain_ones():
    base = ARCHITECTURES["t5-base"]
    assert find_kind("dept").count(40, base) == find_kind("prefix").count(100, base) == 76_800
