"""Attention over several memories under one softmax, each shared by the rows that it serves.

The gradient is written by hand. It keeps no array of the size queries times keys: weights are computed
again from the row's largest logit, and no pass over them normalises anything, since what is written and
what comes back is divided in their place (Dao et al. 2022, arXiv 2205.14135, appendix B).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from spot.models.layers import (
    MASKED,
    ProductForm,
    RandomKeys,
    attention_product,
    dropout,
    fold,
    narrow,
    unwidened,
)

FEW = 16  # queries of a memory's head: products of fewer rows are slower in bfloat16 on CPUs


class Memory(NamedTuple):
    """Keys and values [M, kv, K, D], each for R/M consecutive rows, with an additive bias that broadcasts
    to [M, kv, Q, K]; None masks nothing.
    """

    keys: jax.Array
    values: jax.Array
    bias: jax.Array | None = None


class Look(NamedTuple):
    """Where a layer looks: queries [R, heads, Q, D], scaled, over memories.

    stack: "read", "prompt" (rows by themselves, of a decoder), "cross" (a T5's answer at its text) or
    "write". owned: for each memory, bool [1|R, K], its columns that are of a prompt. groups: int [1|R, Q],
    whose queries they are, see PADDING, TEXT, PROMPT; those of an answer count as text.
    """

    stack: str
    layer: int
    query: jax.Array
    memories: Sequence[Memory]
    owned: Sequence[jax.Array]
    groups: jax.Array


PADDING, TEXT, PROMPT = 0, 1, 2
Watch = Callable[[str, int, jax.Array, Sequence[Memory]], None]
"""Called with stack, layer, queries and memories of every look while a network is traced."""


def in_front(front: Memory | None, own: Memory) -> list[Memory]:
    """What a layer attends to: what stands in front, if anything, and its own."""
    return [own] if front is None else [front, own]


def hide_columns(
    hidden: jax.Array | None, front: Memory | None, bias: jax.Array
) -> tuple[Memory | None, jax.Array]:
    """A memory in front, and the additive bias [..., K] of what stands behind it, without the hidden
    columns [C] of both, of which those of the front come first.
    """
    if hidden is None:
        return front, bias
    masked = jnp.where(hidden, MASKED, 0.0)
    given = 0 if front is None else front.keys.shape[2]
    if front is not None:
        of_front = masked[:given][None, None, None]
        front = front._replace(bias=of_front if front.bias is None else front.bias + of_front)
    return front, bias + jnp.pad(masked[given:], (0, bias.shape[-1] - len(masked) + given))


def attend(
    form: ProductForm,
    query: jax.Array,
    memories: Sequence[Memory],
    rate: float = 0.0,
    random: RandomKeys = None,
) -> jax.Array:
    """Queries [R, heads, Q, D], scaled already, over all memories under one softmax -> [R, heads, Q, D].

    Heads share keys in groups of g = heads/kv. Rows that share a memory are folded into the query axis,
    so a memory is never copied. rate and random: of dropout of the weights, see `dropout`.
    """
    rows, heads, length, depth = query.shape
    groups = memories[0].keys.shape[1]
    if rows * heads // groups * length // max(memory.keys.shape[0] for memory in memories) < FEW:
        form = unwidened(form)
    grouped = query.reshape(rows, groups, heads // groups, length, depth)
    seen = _attention(form, rate, grouped, tuple(memories), random if rate else None)
    return seen.reshape(rows, heads, length, -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _attention(
    form: ProductForm,
    rate: float,
    query: jax.Array,
    memories: tuple[Memory, ...],
    random: RandomKeys,
) -> jax.Array:
    """Query [R, kv, g, Q, D] -> [R, kv, g, Q, D]."""
    return _forward(form, rate, query, memories, random)[0]


def _forward(
    form: ProductForm,
    rate: float,
    query: jax.Array,
    memories: tuple[Memory, ...],
    random: RandomKeys,
) -> tuple[jax.Array, Any]:
    query = narrow(form, query)
    memories = tuple(
        memory._replace(keys=narrow(form, memory.keys), values=narrow(form, memory.values))
        for memory in memories
    )
    logits = [_logits(form, query, memory) for memory in memories]
    largest = functools.reduce(jnp.maximum, [each.max(-1, keepdims=True) for each in logits])
    weights = [jnp.exp(each - largest) for each in logits]
    total = functools.reduce(jnp.add, [each.sum(-1, keepdims=True) for each in weights])
    kept = [dropout(each, rate, fold(random, number)) for number, each in enumerate(weights)]
    parts = [
        attention_product(form, _fold(each, memory), memory.values)
        for each, memory in zip(kept, memories, strict=True)
    ]
    seen = functools.reduce(jnp.add, [_unfold(part, query) for part in parts]) / total
    return seen, (query, memories, random, largest, total, seen)


def _backward(
    form: ProductForm, rate: float, saved: Any, cotangent: jax.Array
) -> tuple[Any, Any, None]:
    # Keys come first here, [M, kv, K, N] with N = R/M*g*Q: two of three products then read the weights
    # as they lie, and XLA does not see the logits of the forward pass again, which it would keep.
    # The barrier makes what is computed again wait for the cotangent, so that layers do not pile it up.
    saved, cotangent = jax.lax.optimization_barrier((saved, cotangent))
    query, memories, random, largest, total, seen = saved
    share = cotangent / total
    mean = (share * seen).sum(-1, keepdims=True)
    share = narrow(form, share)
    to_query: Any = 0.0
    to_memories = []
    for number, memory in enumerate(memories):
        queries, rows = _fold(query, memory), _fold(share, memory)
        logits = attention_product(form, memory.keys, _turned(queries))
        if memory.bias is not None:
            logits = logits + _turned_bias(memory, query)
        weights = jnp.exp(logits - _turned(_fold(largest, memory)))
        to_weights = attention_product(form, memory.values, _turned(rows))
        factors = _factors(memory, query, rate, fold(random, number))
        to_values = attention_product(form, weights * factors, rows)
        to_logits = weights * (to_weights * factors - _turned(_fold(mean, memory)))
        to_keys = attention_product(form, to_logits, queries)
        to_query += _unfold(attention_product(form, _turned(to_logits), memory.keys), query)
        to_bias = _to_bias(_unfold(_turned(to_logits), query), memory)
        to_memories.append(Memory(to_keys, to_values, to_bias))
    return to_query, tuple(to_memories), None


_attention.defvjp(_forward, _backward)


def _factors(
    memory: Memory, query: jax.Array, rate: float, random: RandomKeys
) -> jax.Array | float:
    """By what dropout multiplies weights [M, kv, K, N]."""
    if random is None:
        return 1.0
    ones = jnp.ones((*query.shape[:-1], memory.keys.shape[2]))
    return _turned(_fold(dropout(ones, rate, random), memory))


def _logits(form: ProductForm, query: jax.Array, memory: Memory) -> jax.Array:
    """Query [R, kv, g, Q, D] -> logits [R, kv, g, Q, K]."""
    folded = attention_product(form, _fold(query, memory), memory.keys.swapaxes(-1, -2))
    logits = _unfold(folded, query)
    if memory.bias is None:
        return logits
    times = 1 if memory.bias.shape[0] == 1 else query.shape[0] // memory.bias.shape[0]
    return logits + jnp.repeat(memory.bias, times, axis=0)[:, :, None]


def _turned(x: jax.Array) -> jax.Array:
    """The last two axes, exchanged."""
    return x.swapaxes(-1, -2)


def _turned_bias(memory: Memory, query: jax.Array) -> jax.Array:
    """The bias for logits [M, kv, K, N]."""
    rows, groups, shared, length, _ = query.shape
    assert memory.bias is not None
    size = memory.keys.shape[2]
    bias = jnp.repeat(memory.bias, rows // memory.bias.shape[0], axis=0)[:, :, None]
    whole = jnp.broadcast_to(bias, (rows, groups, shared, length, size))
    return _turned(_fold(whole, memory))


def _to_bias(to_logits: jax.Array, memory: Memory) -> jax.Array | None:
    """The gradient of the bias: that of the logits [R, kv, g, Q, K], summed over what shares it."""
    if memory.bias is None:
        return None
    summed = to_logits.sum(2)
    count = memory.bias.shape[0]
    summed = summed.reshape(count, -1, *summed.shape[1:]).sum(1)
    wide = [axis for axis, size in enumerate(memory.bias.shape) if axis and size == 1]
    return summed.sum(wide, keepdims=True)


def _fold(x: jax.Array, memory: Memory) -> jax.Array:
    """[R, kv, g, Q, D] -> [M, kv, R/M*g*Q, D]."""
    count, (rows, groups, *_, depth) = memory.keys.shape[0], x.shape
    parted = x.reshape(count, rows // count, *x.shape[1:]).swapaxes(1, 2)
    return parted.reshape(count, groups, -1, depth)


def _unfold(x: jax.Array, query: jax.Array) -> jax.Array:
    """The inverse of `_fold`, for queries [R, kv, g, Q, D]."""
    rows, groups, shared, length, _ = query.shape
    count, depth = x.shape[0], x.shape[-1]
    parted = x.reshape(count, groups, rows // count, shared, length, depth)
    return parted.swapaxes(1, 2).reshape(rows, groups, shared, length, depth)
