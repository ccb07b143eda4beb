"""The mixture of a bank's prompts: against the formula, and its weights."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.prompts.attempt import weights_of
from spot.prompts.kind import no_sources
from spot.prompts.prompt import SoftPrompt
from tests.prompts.effects import LENGTHS, MASK, TEXTS, H, begun, moved, seen

KIND = "attempt:sources=3,width=4"


def rms(x):
    return np.sqrt((x**2).mean())


def slow(prompt, row, temperature):
    """The weights of one text, product by product."""
    own = {name: array.astype(np.float64) for name, array in prompt.arrays.items()}
    tokens = TEXTS[row, : LENGTHS[row]].astype(np.float64).max(axis=0)
    hidden = tokens / rms(tokens) @ own["down"] / own["size"] / np.sqrt(H)
    query = hidden / (1 + np.exp(-hidden)) @ own["up"] / own["size"] / 2  # a width of 4
    query = (query - query.mean()) / query.std()
    peaks = [source.max(axis=0) for source in own["sources"]]
    scores = np.asarray([(peak / rms(peak) * query).mean() for peak in peaks]) / temperature
    return np.exp(scores) / np.exp(scores).sum()


@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_rows_are_the_prompt_and_the_weighed_sources(temperature):
    prompt = moved(begun(f"{KIND},temperature={temperature}"))
    found = seen([prompt])["before"]
    for row in range(len(TEXTS)):
        expected = prompt.arrays["prompt"].astype(np.float64)
        for weight, source in zip(
            slow(prompt, row, temperature), prompt.arrays["sources"], strict=True
        ):
            expected = expected + weight * source
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-4)


def test_weights_are_positive_sum_to_one_and_differ_between_texts():
    prompt = moved(begun(KIND))
    found = np.asarray(weights_of(0.1, prompt.arrays, jnp.asarray(TEXTS), jnp.asarray(MASK)))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert (found > 0).all() and found.std(axis=0).max() > 0.01
    even = np.asarray(weights_of(1e6, prompt.arrays, jnp.asarray(TEXTS), jnp.asarray(MASK)))
    np.testing.assert_allclose(even, 1 / 3, rtol=1e-5)


def test_embeddings_and_sources_of_another_size_have_the_same_weights():
    prompt = moved(begun(KIND))
    arrays = {**prompt.arrays, "sources": 50 * prompt.arrays["sources"]}
    plain = weights_of(0.1, prompt.arrays, jnp.asarray(TEXTS), jnp.asarray(MASK))
    large = weights_of(0.1, arrays, jnp.asarray(100 * TEXTS), jnp.asarray(MASK))
    np.testing.assert_allclose(large, plain, rtol=1e-4)


def test_equal_sources_are_added_whatever_the_text():
    prompt = moved(begun(KIND))
    source = prompt.arrays["sources"][:1].repeat(3, axis=0)
    found = seen([SoftPrompt(prompt.kind, {**prompt.arrays, "sources": source})])["before"]
    expected = np.broadcast_to(prompt.arrays["prompt"] + source[0], found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_without_a_bank_it_says_what_is_missing():
    with pytest.raises(SpotError, match="made of the prompts of a bank"):
        no_sources(3)
