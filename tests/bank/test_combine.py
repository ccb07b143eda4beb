"""Averages of prompts: by hand, and the weights that make no sense refused."""

from __future__ import annotations

import numpy as np
import pytest

from bank.combine import norms, weighted_average
from bank.errors import BankError

ONES, TWOS = np.full((2, 3), 1.0, np.float32), np.full((2, 3), 2.0, np.float32)


def test_weights_are_shares_of_their_sum():
    mixed = weighted_average([ONES, TWOS], [0.2, 0.6])
    assert mixed.dtype == np.float32
    assert mixed == pytest.approx(np.full((2, 3), 1.75))
    assert weighted_average([ONES, TWOS], [1, 3]) == pytest.approx(mixed)


def test_one_prompt_and_zero_weights_keep_the_bits():
    prompt = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    assert weighted_average([prompt], [0.3]).tobytes() == prompt.tobytes()
    assert weighted_average([prompt, prompt * 7], [2.0, 0.0]).tobytes() == prompt.tobytes()


@pytest.mark.parametrize("weights", [[0, 0], [0.5, -0.5], [-1, -2], [2, -1], [1, np.nan]])
def test_weights_without_meaning_are_refused(weights):
    with pytest.raises(BankError, match="weights of zero or more with a sum above zero, found"):
        weighted_average([ONES, TWOS], weights)


@pytest.mark.parametrize(
    "prompts, weights", [([ONES, TWOS], [1.0]), (ONES, [1.0, 1.0]), (np.zeros((0, 2, 3)), [])]
)
def test_shapes_are_checked(prompts, weights):
    with pytest.raises(BankError, match=r"expected K prompts \[K, P, H\] and K weights"):
        weighted_average(prompts, weights)


def test_norms_by_hand():
    assert norms(np.array([[3.0, 4.0], [0.0, 1.0]])) == pytest.approx([5.0, 1.0])
    with pytest.raises(BankError, match=r"prompt \[P, H\], found shape \(3,\)"):
        norms(np.ones(3))
