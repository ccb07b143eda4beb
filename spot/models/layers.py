"""Building blocks of the networks. Every matrix product with weights goes through `product`, so
precision is decided in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spot.models.config import T5Config

# How a bfloat16 product with float32 accumulation is written; both give the same values up to the
# order of additions, but their speed depends on the processor and on jaxlib (see `spot doctor`).
ProductForm = Literal["widen", "upcast", "float32"]

MASKED = -1e10  # added to the logits of keys that may not be seen, as in T5X


def _multiply(form: ProductForm, left: jax.Array, right: jax.Array) -> jax.Array:
    if form == "float32":
        # HIGHEST: accelerators would otherwise round float32 operands to bfloat16 or TF32.
        return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
    left, right = left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)
    if form == "upcast":
        return jnp.matmul(left.astype(jnp.float32), right.astype(jnp.float32))
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def product(form: ProductForm, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [..., A] times kernel [A, C] -> float32 [..., C], operands in the precision of `form`.

    The derivative is written by hand because the backward products are fast on CPUs only when the
    cotangent is narrowed as well; the kernel's own gradient is dropped by XLA when nothing uses it.
    """
    return _multiply(form, x.reshape(-1, x.shape[-1]), kernel).reshape(
        *x.shape[:-1], kernel.shape[1]
    )


def _product_forward(form, x, kernel):  # type: ignore[no-untyped-def]
    return product(form, x, kernel), (x, kernel)


def _product_backward(form, saved, cotangent):  # type: ignore[no-untyped-def]
    x, kernel = saved
    rows = cotangent.reshape(-1, cotangent.shape[-1])
    to_x = _turned_product(form, rows, kernel).reshape(x.shape).astype(x.dtype)
    turned = _turned_rows(form, x.reshape(-1, x.shape[-1]))
    return to_x, _multiply(form, turned, rows).astype(kernel.dtype)


def _turned_product(form: ProductForm, rows: jax.Array, kernel: jax.Array) -> jax.Array:
    """Rows [N, C] times the transpose of a kernel [A, C] -> [N, A].

    "widen" contracts the kernel's last axis where it lies: XLA's CPU backend is two to four times
    slower with a `kernel.T` of bfloat16, and writing the transpose out took an eighth of a step.
    """
    if form != "widen":
        return _multiply(form, rows, kernel.T)
    return jax.lax.dot_general(
        rows.astype(jnp.bfloat16),
        kernel.astype(jnp.bfloat16),
        (((1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    )


def _turned_rows(form: ProductForm, rows: jax.Array) -> jax.Array:
    """The transpose [A, N] of activations; for "widen" by a product with the identity, which is
    exact and, for large arrays, faster than a copy and than contracting the first axes.
    """
    if form != "widen":
        return rows.T
    identity = jnp.eye(rows.shape[1], dtype=jnp.bfloat16)
    return jnp.einsum(
        "ab,nb->an", identity, rows.astype(jnp.bfloat16), preferred_element_type=jnp.float32
    )


product.defvjp(_product_forward, _product_backward)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["keys", "owner", "place"],
    meta_fields=[],
)
@dataclass(frozen=True, eq=False)
class RowKeys:
    """Random keys of S prompts whose rows stand in any order in a batch.

    keys: [S]; owner: int [B], the prompt of each row; place: int [B], the row's number among the rows
    of its prompt. Dropout of a row is a function of its prompt's key and its place, so neither the other
    rows of a batch nor the parts that it is divided into change it.
    """

    keys: jax.Array
    owner: jax.Array
    place: jax.Array


RandomKeys = jax.Array | RowKeys | None


def dropout(x: jax.Array, rate: float, random: RandomKeys) -> jax.Array:
    """Inverted dropout of x [B, ...].

    random: keys [S], each for B/S consecutive rows, or `RowKeys`; None switches dropout off. What becomes
    of an element is a hash of its row's key and its place in the row, so padding changes nothing: XLA
    takes a sixth of the time to compile it that `jax.random.bernoulli` takes.
    """
    if random is None or rate == 0.0:
        return x
    bits = _row_words(random, x.shape[0]).reshape(-1, *[1] * (x.ndim - 1))
    for axis, size in enumerate(x.shape[1:], start=1):
        places = jnp.arange(size, dtype=jnp.uint32).reshape(-1, *[1] * (x.ndim - 1 - axis))
        bits = _mixed(bits ^ (places * _GOLDEN))
    return jnp.where(bits >= jnp.uint32(rate * 2**32), x / (1.0 - rate), 0.0)


_GOLDEN = np.uint32(0x9E3779B9)  # 2**32 by the golden ratio: spreads neighbouring numbers


def _mixed(bits: jax.Array) -> jax.Array:
    """A bijection of uint32 in which every bit depends on every other one (C. Wellons, "Prospecting for
    hash functions", 2018: lowbias32).
    """
    bits = (bits ^ (bits >> 16)) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * np.uint32(0x846CA68B)
    return bits ^ (bits >> 16)


def _row_words(random: jax.Array | RowKeys, rows: int) -> jax.Array:
    """A random number, uint32 [B], for each row."""
    keys = _row_keys(random, rows)
    words = jax.random.key_data(keys.keys)[keys.owner]
    return _mixed(_mixed(words[:, 0] ^ (keys.place.astype(jnp.uint32) * _GOLDEN)) ^ words[:, 1])


def _row_keys(random: jax.Array | RowKeys, rows: int) -> RowKeys:
    """The keys of B rows, of which each prompt has as many in a row where nothing else is said."""
    if isinstance(random, RowKeys):
        return random
    slots = random.shape[0]
    each = rows // slots
    return RowKeys(random, jnp.repeat(jnp.arange(slots), each), jnp.tile(jnp.arange(each), slots))


def fold(random: RandomKeys, number: int) -> RandomKeys:
    """The keys of one place in the network, distinct for distinct numbers."""
    if random is None:
        return None
    if isinstance(random, RowKeys):
        return replace(random, keys=_folded(random.keys, number))
    return _folded(random, number)


def prompt_keys(random: RandomKeys) -> jax.Array | None:
    """The keys [S], for arrays with one row per prompt."""
    return random.keys if isinstance(random, RowKeys) else random


def repeat_rows(random: RandomKeys, rows: int, times: int) -> RandomKeys:
    """The keys of a batch in which each of `rows` rows stands `times` times in a row, each time with the
    same dropout.
    """
    if random is None or times == 1:
        return random
    keys = _row_keys(random, rows)
    owner, place = (jnp.repeat(array, times) for array in (keys.owner, keys.place))
    return replace(keys, owner=owner, place=place)


def _folded(keys: jax.Array, number: int) -> jax.Array:
    words = jax.random.key_data(keys)
    first = _mixed(words[:, 0] ^ np.uint32((number + 1) * int(_GOLDEN) % 2**32))
    folded: jax.Array = jax.random.wrap_key_data(
        jnp.stack([first, _mixed(words[:, 1] ^ first)], axis=1)
    )
    return folded


def forgotten(layer: Callable[..., Any], remat: bool) -> Callable[..., Any]:
    """A function of a stack's layer; with remat its gradient keeps the arguments only and computes the rest
    again.
    """
    return jax.checkpoint(lambda *args: layer(*args)) if remat else layer


class Dense(nnx.Module):
    """A product with a kernel [A, C] and no bias."""

    def __init__(self, inputs: int, outputs: int, form: ProductForm, rngs: nnx.Rngs) -> None:
        scale = inputs**-0.5
        self.kernel = nnx.Param(jax.random.normal(rngs.params(), (inputs, outputs)) * scale)
        self.form = form

    def __call__(self, x: jax.Array) -> jax.Array:
        return product(self.form, x, self.kernel[...])


class RMSNorm(nnx.Module):
    """Root-mean-square norm without bias or mean, in float32 (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        self.scale = nnx.Param(jnp.ones((width,)))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
        return x * jax.lax.rsqrt(mean_square + self.epsilon) * self.scale[...].astype(jnp.float32)


class RelativeBias(nnx.Module):
    """Learned logits by bucketed distance, shared by the layers of one stack (Raffel et al. 2020,
    section 2.1).
    """

    def __init__(self, config: T5Config, bidirectional: bool, rngs: nnx.Rngs) -> None:
        shape = (config.num_heads, config.relative_buckets)
        self.rel_embedding = nnx.Param(jax.random.normal(rngs.params(), shape) * 0.1)
        self.max_distance = config.relative_max_distance
        self.bidirectional = bidirectional

    def __call__(self, queries: jax.Array, keys: jax.Array) -> jax.Array:
        """Positions [Q] and [K] -> float32 bias [heads, Q, K]."""
        table = self.rel_embedding[...].astype(jnp.float32)
        distance = keys[None, :] - queries[:, None]
        return table[:, bucket(distance, table.shape[1], self.max_distance, self.bidirectional)]


def bucket(distance: jax.Array, buckets: int, max_distance: int, bidirectional: bool) -> jax.Array:
    """T5's bucket of a signed distance key - query: exact when small, logarithmic up to
    `max_distance`.
    """
    offset: jax.Array | int = 0
    behind = -distance
    if bidirectional:
        buckets //= 2
        offset = jnp.where(behind < 0, buckets, 0)
        behind = jnp.abs(behind)
    else:
        behind = jnp.maximum(behind, 0)
    exact = buckets // 2
    # The tiny constant is T5X's: it keeps log(0) out of the branch that `where` discards.
    ratio = behind.astype(jnp.float32) / exact + jnp.finfo(jnp.float32).eps
    far = exact + (jnp.log(ratio) / jnp.log(max_distance / exact) * (buckets - exact)).astype(
        jnp.int32
    )
    return offset + jnp.where(behind < exact, behind, jnp.minimum(far, buckets - 1))


def split_heads(x: jax.Array, heads: int) -> jax.Array:
    """[B, T, heads*D] -> [B, heads, T, D]."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def merge_heads(x: jax.Array) -> jax.Array:
    """[B, heads, T, D] -> [B, T, heads*D]."""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def attention_product(form: ProductForm, left: jax.Array, right: jax.Array) -> jax.Array:
    """[..., Q, D] times [..., D, K] in float32 accumulation; these products have no frozen operand."""
    return _multiply(form, left, right)


def narrow(form: ProductForm, x: jax.Array) -> jax.Array:
    """x as an operand of a product of this form: rounded to bfloat16, or float32 as it is."""
    return x if form == "float32" else x.astype(jnp.bfloat16)


def unwidened(form: ProductForm) -> ProductForm:
    """The form for products that "widen" does not suit: "upcast" in its place.

    Small batched products are faster that way on CPUs, and XLA's CPU backend cannot run a widened one
    whose result is used transposed, as the gradient of a tied head is. Operands are rounded to
    bfloat16 all the same.
    """
    return "upcast" if form == "widen" else form


Activation = Callable[[jax.Array], jax.Array]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def gated(form: ProductForm, activation: Activation, gate: jax.Array, x: jax.Array) -> jax.Array:
    """activation(gate) * x, which keeps its operands alone for the gradient, rounded as those of products
    are: the activation is computed again, which takes less time than to store and read it.
    """
    return activation(gate) * x


def _gated_forward(form, activation, gate, x):  # type: ignore[no-untyped-def]
    return gated(form, activation, gate, x), (narrow(form, gate), narrow(form, x))


def _gated_backward(form, activation, saved, cotangent):  # type: ignore[no-untyped-def]
    # The barrier keeps XLA from recognising, and storing, the activation of the forward pass.
    (gate, x), cotangent = jax.lax.optimization_barrier((saved, cotangent))
    gate, x = gate.astype(cotangent.dtype), x.astype(cotangent.dtype)
    active, pull = jax.vjp(activation, gate)
    return (*pull(cotangent * x), cotangent * active)


gated.defvjp(_gated_forward, _gated_backward)


def gelu(x: jax.Array) -> jax.Array:
    """GELU by its approximation with tanh, as in T5."""
    return jax.nn.gelu(x, approximate=True)


class FeedForward(nnx.Module):
    """T5 1.1: (gelu(x wi_0) * x wi_1) wo, tanh-approximated; T5 1.0: relu(x wi) wo."""

    def __init__(self, config: T5Config, form: ProductForm, rngs: nnx.Rngs) -> None:
        if config.activation == "gated-gelu":
            self.wi_0 = Dense(config.d_model, config.d_ff, form, rngs)
            self.wi_1 = Dense(config.d_model, config.d_ff, form, rngs)
        else:
            self.wi = Dense(config.d_model, config.d_ff, form, rngs)
        self.wo = Dense(config.d_ff, config.d_model, form, rngs)
        self.gated, self.dropout = config.activation == "gated-gelu", config.dropout

    def __call__(self, x: jax.Array, random: RandomKeys = None) -> jax.Array:
        if self.gated:
            hidden = gated(self.wo.form, gelu, self.wi_0(x), self.wi_1(x))
        else:
            hidden = jax.nn.relu(self.wi(x))
        return self.wo(dropout(hidden, self.dropout, random))
