"""Likelihoods of label words beside each word decoded by itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.likelihood import token_losses, word_losses
from spot.models.scoring import on_device
from spot.models.weights.build import build
from tests.toys import random_arrays, tiny_config, tiny_decoder

CONFIGS = {"T5": tiny_config(), "decoder": tiny_decoder(dropout=0.1)}
TEXTS = jnp.asarray([[5, 6, 7, 1, 0], [8, 9, 1, 0, 0], [11, 12, 13, 14, 1]])


def encoded_on(config):
    network = build(config, random_arrays(config), "float32", "float32")
    prompt = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    return network, network.encode(TEXTS, on_device(prompt, config))


def words_of(length):
    words = jnp.asarray(np.random.default_rng(1).integers(1, 80, (3, 5, length)))
    return words.at[1, 2, -1].set(0)


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("family", CONFIGS)
def test_words_are_as_likely_as_each_alone(family, length):
    network, encoded = encoded_on(CONFIGS[family])
    words = words_of(length)
    losses, normaliser = word_losses(network, encoded, words)
    assert losses.shape == normaliser.shape == words.shape
    assert float(losses[1, 2, -1]) == 0
    for number in range(5):
        logits = network.decode(encoded, words[:, number])
        alone = token_losses(logits, words[:, number])
        np.testing.assert_allclose(losses[:, number], alone[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(normaliser[:, number], alone[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("family", CONFIGS)
def test_words_of_a_text_share_its_dropout(family, length):
    network, encoded = encoded_on(CONFIGS[family])
    words = words_of(length)
    random = jax.random.split(jax.random.key(3), 1)
    losses, normaliser = word_losses(network, encoded, words, random)
    first = np.asarray(normaliser[:, :, 0])  # before any word is read
    np.testing.assert_allclose(first, first[:, :1].repeat(5, 1), rtol=1e-5)
    assert np.abs(word_losses(network, encoded, words)[0] - losses).max() > 1e-3
