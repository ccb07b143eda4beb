"""The pool: who is chosen, against a slow version; the pull on keys; how members begin."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from spot.errors import SpotError
from spot.prompts.kinds import find_kind
from spot.prompts.stacked import stack
from tests.prompts.effects import LENGTHS, MASK, OWNER, ROWS, TEXTS, H, P, begun, seen, trained

KIND = "pool:size=5,top=2"


def nearest(prompt, row):
    """The chosen of a text and its cosines to all keys, one by one."""
    mean = TEXTS[row, : LENGTHS[row]].astype(np.float64).mean(axis=0)
    cosines = [
        mean @ key / np.linalg.norm(mean) / np.linalg.norm(key) for key in prompt.arrays["keys"]
    ]
    return sorted(sorted(range(5), key=lambda member: -cosines[member])[:2]), np.asarray(cosines)


def test_a_text_gets_the_prompts_of_the_nearest_keys_in_the_pools_order():
    prompt = trained(KIND)[0]
    found, choices = seen([prompt])["before"], set()
    assert found.shape == (len(TEXTS), 2 * P, H)
    for row in range(len(TEXTS)):
        chosen = nearest(prompt, row)[0]
        choices.add(tuple(chosen))
        expected = np.concatenate([prompt.arrays["pool"][member] for member in chosen])
        np.testing.assert_array_equal(found[row], expected)
    assert len(choices) > 1


def test_the_penalty_is_minus_the_cosines_of_the_chosen_and_pulls_their_keys_alone():
    prompts, kind = trained(KIND), find_kind(KIND)
    params = stack(prompts).params
    found = kind.penalty(params, TEXTS, MASK, OWNER)
    for row, owner in enumerate(OWNER):
        chosen, cosines = nearest(prompts[owner], row)
        np.testing.assert_allclose(found[row], -cosines[chosen].sum(), rtol=1e-5, atol=1e-6)
    one = jax.grad(lambda params: kind.penalty(params, TEXTS, MASK, OWNER)[2])(params)
    assert not np.any(one["pool"])
    pulled = np.any(np.asarray(one["keys"]), axis=2)
    expected = np.zeros((2, 5), bool)
    expected[OWNER[2], nearest(prompts[OWNER[2]], 2)[0]] = True
    np.testing.assert_array_equal(pulled, expected)


def test_members_begin_near_the_init_and_apart():
    members = begun("pool").arrays["pool"]
    size = np.sqrt((ROWS[0] ** 2).mean())
    for index, member in enumerate(members):
        assert 0.05 < np.sqrt(((member - ROWS[0]) ** 2).mean()) / size < 0.15
        for other in members[:index]:
            assert np.sqrt(((member - other) ** 2).mean()) > 0.05 * size


def test_the_key_is_the_mean_of_the_pool():
    prompt = trained(KIND)[1]
    np.testing.assert_allclose(prompt.key, sum(prompt.arrays["pool"]) / 5, rtol=1e-5, atol=1e-6)


def test_more_for_a_text_than_there_are_is_refused():
    with pytest.raises(SpotError, match="found top=4 of size=3"):
        find_kind("pool:size=3")
    assert find_kind("pool:size=3,top=3").before(7) == 21
