"""Shared rows times a factor of low rank: against the formula, and what may change."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from spot.prompts.kinds import find_kind
from spot.prompts.stacked import stack
from tests.prompts.effects import MASK, ROWS, TEXTS, H, P, begun, moved, seen, trained

KINDS = ("low-rank", "low-rank:rank=2", "low-rank:rank=2,shared=trained")


@pytest.mark.parametrize("kind", KINDS)
def test_each_number_is_the_shared_one_times_the_factor(kind):
    prompt = moved(begun(kind))
    own = {name: array.astype(np.float64) for name, array in prompt.arrays.items()}
    for row, number in np.ndindex(P, H):
        factor = sum(own["left"][row] * own["right"][:, number]) / own["size"][0] ** 2
        np.testing.assert_allclose(
            prompt.key[row, number], own["shared"][row, number] * factor, rtol=1e-4, atol=1e-5
        )
    assert np.linalg.matrix_rank(prompt.key / prompt.arrays["shared"], tol=1e-4) == len(
        own["right"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_host_and_device_have_the_same_rows(kind):
    prompts = trained(kind)
    effect = stack(prompts).effect(TEXTS, MASK)
    for prompt, rows in zip(prompts, np.asarray(effect.before), strict=True):
        np.testing.assert_allclose(rows, prompt.key, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(prompt.kind.plain(prompt.arrays), prompt.key)
        np.testing.assert_allclose(seen([prompt])["before"][0], prompt.key, rtol=1e-5, atol=1e-6)


def test_shared_rows_are_trained_where_they_are_told_to_be():
    for shared, count in (("frozen", 2 * (P + H)), ("trained", 2 * (P + H) + P * H)):
        kind = find_kind(f"low-rank:rank=2,shared={shared}")
        assert begun(kind.name).count == count
        slopes = jax.grad(
            lambda params, kind=kind: kind.effect(params, TEXTS, MASK, None).before.sum()
        )(stack([moved(begun(kind.name))]).params)
        assert np.any(slopes["shared"]) == (shared == "trained")


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_the_factor_moves_rows_as_much_as_a_step_of_their_own(kind):
    prompt = begun(kind)
    step = 0.01 * np.sqrt((ROWS[0] ** 2).mean())  # a hundredth of the rows' size
    left = prompt.arrays["left"].copy()
    left[:, 0] += step
    change = prompt.kind.key({**prompt.arrays, "left": left}) - prompt.key
    np.testing.assert_allclose(change, 0.01 * ROWS[0], rtol=1e-3, atol=1e-6)
