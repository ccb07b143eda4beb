"""Likelihoods of target tokens and of label words, as training and scoring read them from logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from spot.models.layers import RandomKeys, repeat_rows
from spot.models.network import Network


def token_losses(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(cross entropy, log-normaliser) of each target token [..., T] in nats; the first is 0 at padding.

    logits: [..., T, V]; targets: ids [..., T], 0 is padding; axes of one element in the logits are common to
    all targets there.
    """
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jnp.where(targets > 0, normaliser - chosen, 0.0), normaliser


def word_losses(
    network: Network, encoded: object, words: jax.Array, random: RandomKeys = None
) -> tuple[jax.Array, jax.Array]:
    """As `token_losses`, of the tokens of C label words [B, C, T] after each encoded text [B].

    The words of a text share what was read of it and, with random keys, its dropout: their likelihoods
    differ by the words alone.
    """
    rows, classes, length = words.shape
    if length == 1:  # whatever the word, one distribution of what comes next
        entropy, normaliser = token_losses(
            network.decode(encoded, words[:, 0], random)[:, None], words
        )
        return entropy, jnp.broadcast_to(normaliser, words.shape)
    targets = words.reshape(-1, length)
    logits = network.decode(encoded, targets, repeat_rows(random, rows, classes))
    return token_losses(logits.reshape(rows, classes, length, -1), words)
