"""Greedy decoding with a key-value cache: each new token attends to cached keys, nothing is
recomputed.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

EOS = 1  # of every T5


def greedy(model: Any, encoded: Any, length: int, eos: int = EOS) -> jax.Array:
    """The most likely next token at every step: ids [B, length], 0 after EOS.

    model: a `T5` or a `Decoder`, and what its `encode` gave. Stops as soon as every row has ended.
    """
    first, state = model.begin(encoded, length)
    rows = first.shape[0]
    begin = (
        jnp.asarray(0),
        first,
        jnp.zeros((rows, length), jnp.int32),
        jnp.zeros((rows,), bool),
        state,
    )

    def unfinished(carry: Any) -> jax.Array:
        position, _, _, ended, _ = carry
        return (position < length) & ~ended.all()

    def step(carry: Any) -> Any:
        position, token, out, ended, state = carry
        logits, state = model.step(state, token, position)
        token = jnp.where(ended, 0, jnp.argmax(logits, axis=-1)).astype(jnp.int32)
        return position + 1, token, out.at[:, position].set(token), ended | (token == eos), state

    return jax.lax.while_loop(unfinished, step, begin)[2]
