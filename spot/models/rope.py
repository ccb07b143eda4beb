"""Rotary positions (Su et al. 2021), plain, stretched linearly, or as Llama 3.1 stretches them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.config import DecoderConfig


def frequencies(config: DecoderConfig) -> np.ndarray:
    """Radians per token [D/2] of each pair of components."""
    plain = config.rope_theta ** -(np.arange(0, config.d_kv, 2) / config.d_kv)
    if config.rope_scaling == "none":
        return plain
    if config.rope_scaling == "linear":
        return plain / config.rope_factor
    # Llama 3.1: waves longer than the old context are stretched, short ones are not, with a blend between.
    turns = config.rope_context * plain / (2 * math.pi)
    low, high = config.rope_low_frequency, config.rope_high_frequency
    share = np.clip((turns - low) / (high - low), 0, 1)
    return share * plain + (1 - share) * plain / config.rope_factor


def rotation(config: DecoderConfig, places: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine [R|1, 1, Q, D/2] of places [R|1, Q]."""
    angles = places[:, None, :, None] * jnp.asarray(frequencies(config), jnp.float32)
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, turn: tuple[jax.Array, jax.Array]) -> jax.Array:
    """x [R, heads, Q, D] with component i of the first half rotated against component i of the second."""
    cosine, sine = turn
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)
