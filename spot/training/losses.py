"""The table of training losses: functions from logits and target ids to one number per row."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from spot.errors import look_up

Z_LOSS = 1e-4  # of the reference implementation's loss

Loss = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(training loss, cross entropy) of each row [R] in nats, summed over its target tokens.

    logits: [R, T, V]; targets: ids [R, T], 0 is padding. The training loss adds z-loss, which keeps
    the softmax's normaliser near 1, as T5X does.
    """
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    real = targets > 0
    entropy = jnp.where(real, normaliser - chosen, 0.0)
    return (entropy + jnp.where(real, Z_LOSS * normaliser**2, 0.0)).sum(-1), entropy.sum(-1)


LOSSES: dict[str, Loss] = {"cross-entropy": cross_entropy}


def find_loss(name: str) -> Loss:
    """The loss of this name. Raises SpotError with the nearest name for an unknown one."""
    return look_up(LOSSES, name, "loss", "train.loss")
