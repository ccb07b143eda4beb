"""Greedy decoding with a key-value cache: each new token attends to cached keys, nothing is
recomputed.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from spot.models.layers import MASKED
from spot.models.t5 import T5, Encoded, hide

EOS = 1


def greedy(model: T5, encoded: Encoded, length: int) -> jax.Array:
    """The most likely next token at every step: ids [B, length], 0 after EOS.

    Stops as soon as every row has ended.
    """
    rows = encoded.output.shape[0]
    config, layers = model.config, model.decoder.layers()
    memories = [layer.encoder_decoder_attention.project(encoded.output) for layer in layers]
    shape = (len(layers), 2, rows, config.num_heads, length, config.d_kv)
    begin = (
        jnp.asarray(0),
        jnp.zeros((rows,), jnp.int32),
        jnp.zeros((rows, length), jnp.int32),
        jnp.zeros((rows,), bool),
        jnp.zeros(shape, jnp.float32),
    )

    def unfinished(carry: Any) -> jax.Array:
        position, _, _, ended, _ = carry
        return (position < length) & ~ended.all()

    def step(carry: Any) -> Any:
        position, token, out, ended, cache = carry
        x = model.token_embedder(token[:, None])
        places = jnp.arange(length)
        seen = jnp.where(places <= position, 0.0, MASKED)
        bias = (model.decoder.relpos_bias(position[None], places) + seen)[None]
        for index, layer in enumerate(layers):
            new = layer.self_attention.project(layer.pre_self_attention_layer_norm(x))
            cache = cache.at[index, :, :, :, position].set(jnp.stack(new)[:, :, :, 0])
            x = layer.self_attend(x, cache[index, 0], cache[index, 1], bias)
            x = layer.rest(x, memories[index], hide(encoded.mask))
        logits = model.head(model.decoder.decoder_norm(x))[:, 0]
        token = jnp.where(ended, 0, jnp.argmax(logits, axis=-1)).astype(jnp.int32)
        return position + 1, token, out.at[:, position].set(token), ended | (token == EOS), cache

    return jax.lax.while_loop(unfinished, step, begin)[2]
