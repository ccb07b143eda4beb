"""Greedy decoding with a key-value cache: each new token attends to cached keys and nothing is
recomputed.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

EOS = 1  # of every T5


def greedy(model: Any, encoded: Any, length: int, eos: int = EOS) -> jax.Array:
    """The most likely next token at every step: ids [B, length], 0 after EOS.

    model: a `T5` or a `Decoder`; encoded: the result of its `encode`. Stops as soon as every row has
    ended.
    """
    first, state = model.begin(encoded, length)
    rows = first.shape[0]
    start = (
        jnp.asarray(0),
        first,
        jnp.zeros((rows, length), jnp.int32),
        jnp.zeros((rows,), bool),
        state,
    )

    def unfinished(carry: Any) -> jax.Array:
        position, _, _, ended, _ = carry
        going: jax.Array = (position < length) & ~ended.all()
        return going

    def step(carry: Any) -> Any:
        position, x, out, ended, state = carry
        logits, state = model.step(state, x, position)
        token = jnp.where(ended, 0, jnp.argmax(logits, axis=-1)).astype(jnp.int32)
        out, ended = out.at[:, position].set(token), ended | (token == eos)
        return position + 1, model.token_embedder(token), out, ended, state

    return jax.lax.while_loop(unfinished, step, start)[2]
