"""How much of what attention writes is a prompt's: the gate λ and the terms of attention to a prompt and to
a text (He et al. 2022, arXiv 2110.04366, section 3.1, equation 7).

For a query q over the prompt's columns P and the others X,
Attn(q, [P; X]) = λ(q) Attn(q, P) + (1 - λ(q)) Attn(q, X), with λ(q) = Σ_P exp(logit) / Σ_{P, X} exp(logit).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from spot.models.attention import PROMPT, TEXT, Look, Memory
from spot.models.layers import MASKED
from spot.models.network import Network

HIGHEST = jax.lax.Precision.HIGHEST


class Split(NamedTuple):
    """A look's attention in two: the gate [R, heads, Q], and what attention to the prompt alone and to
    the rest alone gives [R, heads, Q, D].
    """

    gate: jax.Array
    prompt: jax.Array
    text: jax.Array


class Gate(NamedTuple):
    """Of one layer's look, sums over queries of texts (0) and of a prompt's rows (1), [2, heads]: the gate,
    and the share of the norm of what attention writes that its prompt term has; and [2] their number.
    """

    gate: jax.Array
    share: jax.Array
    queries: jax.Array


def split(look: Look) -> Split:
    """Attention of one look as two terms, in float32. λ is 0 where no column is a prompt's, 1 where all
    that is seen is.
    """
    rows, heads = look.query.shape[:2]
    logits = jnp.concatenate([_logits(look.query, memory) for memory in look.memories], axis=-1)
    owned = jnp.concatenate(
        [jnp.broadcast_to(each, (rows, each.shape[1])) for each in look.owned], axis=-1
    )[:, None, None]
    values = jnp.concatenate(
        [_by_head(memory.values, rows, heads) for memory in look.memories], axis=2
    )
    of_prompt, of_text = (
        jnp.where(chosen, logits, 2 * MASKED) for chosen in (owned, ~owned)
    )  # lower than what a mask leaves, so that masked columns count for the side that sees nothing
    total = [jax.nn.logsumexp(side, axis=-1) for side in (of_prompt, of_text)]
    seen = [
        jnp.einsum("rhqk,rhkd->rhqd", jax.nn.softmax(side, axis=-1), values, precision=HIGHEST)
        for side in (of_prompt, of_text)
    ]
    return Split(jax.nn.sigmoid(total[0] - total[1]), *seen)


def _by_head(array: jax.Array, rows: int, heads: int) -> jax.Array:
    """Keys or values [M, kv, K, D] -> [R, heads, K, D]."""
    wide = jnp.repeat(array, rows // array.shape[0], axis=0)
    return jnp.repeat(wide, heads // array.shape[1], axis=1).astype(jnp.float32)


def _logits(query: jax.Array, memory: Memory) -> jax.Array:
    """[R, heads, Q, K], with the bias."""
    rows, heads = query.shape[:2]
    keys = _by_head(memory.keys, rows, heads)
    logits = jnp.einsum("rhqd,rhkd->rhqk", query.astype(jnp.float32), keys, precision=HIGHEST)
    if memory.bias is None:
        return logits
    times = rows // memory.bias.shape[0] if memory.bias.shape[0] > 1 else 1
    bias = jnp.repeat(memory.bias, times, axis=0)
    if bias.shape[1] > 1:  # a bias for each head of keys and values
        bias = jnp.repeat(bias, heads // bias.shape[1], axis=1)
    return logits + bias


@jax.jit
def gates(
    network: Network, prompts: Any, texts: jax.Array, targets: jax.Array, real: jax.Array
) -> dict[str, list[Gate]]:
    """The gates of all layers by stack, while texts [B, T] are read behind prompts and targets [B, T'] are
    written; summed over the rows that `real` [B] marks.
    """
    by_stack: dict[str, list[Gate]] = {}
    for look in network.module().looks(texts, targets, prompts):
        by_stack.setdefault(look.stack, []).append(_summed(look, real))
    return by_stack


def _summed(look: Look, real: jax.Array) -> Gate:
    parts = split(look)
    rows, heads, length = parts.gate.shape
    of_prompt = parts.gate * jnp.linalg.norm(parts.prompt, axis=-1)
    of_text = (1 - parts.gate) * jnp.linalg.norm(parts.text, axis=-1)
    share = of_prompt / jnp.maximum(of_prompt + of_text, 1e-30)
    groups = jnp.broadcast_to(look.groups, (rows, length))
    weights = (
        real if rows == len(real) else jnp.ones(rows, bool)
    )  # a prompt's own rows are there once
    chosen = jnp.stack([(groups == group) & weights[:, None] for group in (TEXT, PROMPT)])

    def total(values: jax.Array) -> jax.Array:
        return jnp.einsum("rhq,grq->gh", values, chosen.astype(jnp.float32), precision=HIGHEST)

    return Gate(total(parts.gate), total(share), chosen.sum((1, 2)))
