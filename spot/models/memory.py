"""Attention over several memories under one softmax, each shared by the rows that it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from spot.models.layers import ProductForm, attention_product


class Memory(NamedTuple):
    """Keys and values [M, kv, K, D], each for R/M consecutive rows, with an additive bias that
    broadcasts to [M, 1, Q, K]; None masks nothing.
    """

    keys: jax.Array
    values: jax.Array
    bias: jax.Array | None


def attend(form: ProductForm, query: jax.Array, memories: Sequence[Memory]) -> jax.Array:
    """Queries [R, heads, Q, D] over all memories under one softmax -> [R, Q, heads*D].

    Heads share keys in groups of heads/kv. Rows that share a memory are folded into the query axis,
    so a memory is never copied.
    """
    rows, heads, length, depth = query.shape
    groups = memories[0].keys.shape[1]
    scaled = (query * depth**-0.5).reshape(rows, groups, -1, length, depth)
    logits = [_logits(form, scaled, memory) for memory in memories]
    weights = jax.nn.softmax(jnp.concatenate(logits, axis=-1), axis=-1)
    seen, start = jnp.zeros_like(scaled), 0
    for memory in memories:
        size = memory.keys.shape[2]
        folded = _fold(weights[..., start : start + size], memory.keys.shape[0])
        seen = seen + _unfold(attention_product(form, folded, memory.values), scaled.shape)
        start += size
    turned = seen.reshape(rows, heads, length, depth).transpose(0, 2, 1, 3)
    return turned.reshape(rows, length, heads * depth)


def _logits(form: ProductForm, query: jax.Array, memory: Memory) -> jax.Array:
    """Query [R, kv, heads/kv, Q, D] -> logits [R, kv, heads/kv, Q, K]."""
    count, _, size, _ = memory.keys.shape
    folded = attention_product(form, _fold(query, count), memory.keys.swapaxes(-1, -2))
    logits = _unfold(folded, (*query.shape[:-1], size))
    if memory.bias is None:
        return logits
    times = 1 if memory.bias.shape[0] == 1 else query.shape[0] // memory.bias.shape[0]
    return logits + jnp.repeat(memory.bias, times, axis=0)[:, :, None]


def _fold(x: jax.Array, count: int) -> jax.Array:
    """[R, kv, g, Q, D] -> [M, kv, R/M*g*Q, D] for M = count."""
    rows, groups, _, _, depth = x.shape
    parted = x.reshape(count, rows // count, *x.shape[1:]).swapaxes(1, 2)
    return parted.reshape(count, groups, -1, depth)


def _unfold(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The inverse of `_fold`, to a shape [R, kv, g, Q, D]."""
    rows, groups, *rest = shape
    count = x.shape[0]
    return x.reshape(count, groups, rows // count, *rest).swapaxes(1, 2).reshape(shape)
