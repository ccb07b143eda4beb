"""Attention against one softmax over everything, written out, and its hand-written gradient against JAX's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spot.models.attention import Memory, attend
from spot.models.layers import dropout, fold, gated, gelu
from spot.models.t5 import Attention
from tests.toys import tiny_config

R, HEADS, Q, D = 4, 6, 5, 3
RATE = 0.4
# The rows of a memory, its heads, and the shape of its bias; with a seed of dropout.
CASES = {
    "one memory": [(4, 6, (4, 6, 5, 7))],
    "a bias for all rows": [(4, 6, (1, 6, 5, 7))],
    "a mask": [(4, 2, (4, 1, 1, 7))],
    "a shared prompt and a text": [(1, 2, None), (4, 2, (4, 1, 1, 7))],
    "packed texts": [(2, 3, None), (2, 3, (4, 1, 1, 7)), (4, 3, (1, 1, 5, 7))],
}


def memories_of(case):
    rng = np.random.default_rng(1)

    def normal(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    out = []
    for rows, heads, bias in CASES[case]:
        keys, values = normal(rows, heads, 7, D), normal(rows, heads, 7, D)
        out.append(Memory(keys, values, None if bias is None else normal(*bias)))
    return normal(R, HEADS, Q, D), out


def written_out(query, memories, random=None):
    """Row by row and head by head, one softmax over all keys."""
    groups = memories[0].keys.shape[1]
    ones = jnp.ones((R, groups, HEADS // groups, Q, 7))
    kept = [dropout(ones, RATE, fold(random, number)) for number in range(len(memories))]
    rows = []
    for row in range(R):
        heads = []
        for head in range(HEADS):
            logits, values, factors = [], [], []
            for memory in memories:
                keys = memory.keys
                at = row // (R // keys.shape[0]), head // (HEADS // keys.shape[1])
                own = query[row, head] @ keys[at].T
                if memory.bias is not None:
                    bias = memory.bias
                    mine = row // (R // bias.shape[0])
                    own = own + bias[mine, at[1] if bias.shape[1] > 1 else 0]
                logits.append(own)
                values.append(memory.values[at])
                shared = HEADS // groups
                factors.append(kept[len(factors)][row, head // shared, head % shared])
            weights = jax.nn.softmax(jnp.concatenate(logits, -1), -1)
            heads.append((weights * jnp.concatenate(factors, -1)) @ jnp.concatenate(values))
        rows.append(jnp.stack(heads))
    return jnp.stack(rows)


@pytest.fixture(params=[None, 7], ids=["no dropout", "dropout"])
def random(request):
    """Keys of two prompts of two rows each, or None."""
    return None if request.param is None else jax.random.split(jax.random.key(request.param), 2)


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_softmax_over_all_memories(case, random):
    query, memories = memories_of(case)
    seen = attend("float32", query, memories, RATE, random)
    np.testing.assert_allclose(seen, written_out(query, memories, random), rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_its_gradient_is_that_of_the_written_out_one(case, random):
    query, memories = memories_of(case)
    weight = jnp.asarray(np.random.default_rng(2).normal(size=(R, HEADS, Q, D)), jnp.float32)
    ours, theirs = (
        jax.grad(lambda query, memories, of=of: (of(query, memories) * weight).sum(), (0, 1))(
            query, memories
        )
        for of in (
            lambda query, memories: attend("float32", query, memories, RATE, random),
            lambda query, memories: written_out(query, memories, random),
        )
    )
    for own, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-5)


def test_no_array_of_queries_times_keys_is_kept_for_the_gradient(random):
    rng = np.random.default_rng(0)
    query, keys = (
        jnp.asarray(rng.normal(size=(2, 1, length, 2)), jnp.float32) for length in (50, 60)
    )
    _, pull = jax.vjp(
        lambda query, keys: attend("float32", query, [Memory(keys, keys)], RATE, random),
        query,
        keys,
    )
    kept = [array.size for array in jax.tree.leaves(pull)]
    assert kept
    assert max(kept) < 50 * 60


def test_large_logits_do_not_overflow():
    query = jnp.full((1, 1, 1, 2), 1e3)
    keys = jnp.asarray([[[[1.0, 1.0], [1.0, 0.9]]]])
    seen = attend("float32", query, [Memory(keys, keys)])
    np.testing.assert_allclose(seen[0, 0, 0], [1.0, 1.0], rtol=0, atol=1e-5)


def test_few_queries_see_an_unprojected_text_as_they_see_its_keys_and_values():
    config = tiny_config(dropout=0.0)
    layer = Attention(config, "float32", nnx.Rngs(0))
    rng = np.random.default_rng(3)
    x, memory, weight = (
        jnp.asarray(rng.normal(size=(2, length, config.d_model)), jnp.float32)
        for length in (3, 7, 3)
    )
    mask = jnp.where(jnp.arange(7) < jnp.asarray([[4], [7]]), 0.0, -1e10)[:, None, None]

    def projected(x, memory):
        return (layer.attend(x, [Memory(*layer.project(memory), mask)]) * weight).sum()

    def unprojected(x, memory):
        return (layer.attend_unprojected(x, memory, mask) * weight).sum()

    ours, theirs = (jax.value_and_grad(of, (0, 1))(x, memory) for of in (unprojected, projected))
    for own, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("activation", [gelu, jax.nn.silu])
def test_the_gradient_of_a_gate_is_that_of_its_definition(activation):
    rng = np.random.default_rng(4)
    gate, x = (jnp.asarray(rng.normal(size=(3, 40)) * 2, jnp.float32) for _ in range(2))
    ours, theirs = (
        jax.value_and_grad(lambda gate, x, of=of: jnp.sin(of(gate, x)).sum(), (0, 1))(gate, x)
        for of in (
            lambda gate, x: gated("float32", activation, gate, x),
            lambda gate, x: activation(gate) * x,
        )
    )
    for own, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-5)
