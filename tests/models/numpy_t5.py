"""T5 1.0 and 1.1 once more, slowly and obviously: one row, one head, one query at a time, float64.

Follows Raffel et al. 2020 and the notes on T5 1.1. There is no padding here and no mask: a row is
as long as it is, and the decoder sees what came before because nothing else exists yet.
"""

from __future__ import annotations

import math

import numpy as np


def encode(arrays, config, tokens, prompt=(), suffix=()):
    """Token ids [T] between rows of a prompt [P, H] and of a suffix [P', H] -> [P+T+P', H]."""
    rows = [] if prompt is None else [np.asarray(row, np.float64) for row in prompt]
    rows += [_embedding(arrays, token) for token in tokens]
    rows += [np.asarray(row, np.float64) for row in suffix]
    table = arrays["encoder/relpos_bias/rel_embedding"]
    for layer in range(config.encoder_layers):
        at = f"encoder/layers_{layer}"
        normed = [_norm(row, arrays[f"{at}/pre_attention_layer_norm/scale"]) for row in rows]
        seen = []
        for query, row in enumerate(normed):
            bias = _bias(config, table, query, len(rows), True)
            seen.append(_attend(arrays, config, f"{at}/attention", row, normed, bias))
        rows = [row + new for row, new in zip(rows, seen, strict=True)]
        rows = [row + _mlp(arrays, config, at, row) for row in rows]
    return np.stack([_norm(row, arrays["encoder/encoder_norm/scale"]) for row in rows])


def decode(arrays, config, encoded, targets):
    """Encoder output [K, H] and target ids [T] -> logits [T, V] of each target given those before."""
    rows = [_embedding(arrays, token) for token in [0, *targets[:-1]]]
    table = arrays["decoder/relpos_bias/rel_embedding"]
    memory = list(encoded)
    no_bias = np.zeros((config.num_heads, len(memory)))
    for layer in range(config.decoder_layers):
        at = f"decoder/layers_{layer}"
        normed = [_norm(row, arrays[f"{at}/pre_self_attention_layer_norm/scale"]) for row in rows]
        for q in range(len(rows)):
            bias = _bias(config, table, q, q + 1, False)
            past = normed[: q + 1]
            rows[q] = rows[q] + _attend(
                arrays, config, f"{at}/self_attention", normed[q], past, bias
            )
        for q in range(len(rows)):
            normal = _norm(rows[q], arrays[f"{at}/pre_cross_attention_layer_norm/scale"])
            name = f"{at}/encoder_decoder_attention"
            rows[q] = rows[q] + _attend(arrays, config, name, normal, memory, no_bias)
            rows[q] = rows[q] + _mlp(arrays, config, at, rows[q])
    return np.stack([_logits(arrays, config, row) for row in rows])


def greedy(arrays, config, encoded, length):
    """Ids [length]: the likeliest next token, everything decoded anew each time; 0 after EOS."""
    out = []
    while len(out) < length and 1 not in out:
        logits = decode(arrays, config, encoded, [*out, 0])
        out.append(int(np.argmax(logits[-1])))
    return out + [0] * (length - len(out))


def bucket(distance, buckets, furthest, bidirectional):
    """The bucket of key position minus query position, in whole numbers.

    Half of the buckets (of each direction) are exact; the i-th of the n others begins where
    distance / exact reaches (furthest / exact)^(i/n).
    """
    first = 0
    if bidirectional:
        buckets //= 2
        if distance > 0:
            first = buckets
        away = abs(distance)
    else:
        away = max(-distance, 0)
    exact = buckets // 2
    if away < exact:
        return first + away
    n, i = buckets - exact, 0
    while i + 1 < n and away**n * exact ** (i + 1) >= furthest ** (i + 1) * exact**n:
        i += 1
    return first + exact + i


def _embedding(arrays, token):
    return arrays["token_embedder/embedding"][token].astype(np.float64)


def _norm(row, scale):
    return row / math.sqrt(float(np.mean(row**2)) + 1e-6) * scale


def _bias(config, table, query, keys, bidirectional):
    buckets = [
        bucket(key - query, config.relative_buckets, config.relative_max_distance, bidirectional)
        for key in range(keys)
    ]
    return np.stack([table[:, which] for which in buckets], axis=1)


def _attend(arrays, config, name, query_row, key_rows, bias):
    """One query [H] over rows [H], bias [heads, K]; T5 does not scale by sqrt(d_kv)."""
    size, heads = config.d_kv, []
    for head in range(config.num_heads):
        cut = slice(head * size, (head + 1) * size)
        query = query_row @ arrays[f"{name}/query/kernel"][:, cut]
        keys = [row @ arrays[f"{name}/key/kernel"][:, cut] for row in key_rows]
        values = [row @ arrays[f"{name}/value/kernel"][:, cut] for row in key_rows]
        weights = [math.exp(query @ key + b) for key, b in zip(keys, bias[head], strict=True)]
        total = sum(weights)
        heads.append(sum(w / total * v for w, v in zip(weights, values, strict=True)))
    return np.concatenate(heads) @ arrays[f"{name}/out/kernel"]


def _mlp(arrays, config, at, row):
    x = _norm(row, arrays[f"{at}/pre_mlp_layer_norm/scale"])
    if config.activation == "relu":
        hidden = np.maximum(x @ arrays[f"{at}/mlp/wi/kernel"], 0)
    else:
        gate = x @ arrays[f"{at}/mlp/wi_0/kernel"]
        gelu = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
        hidden = gelu * (x @ arrays[f"{at}/mlp/wi_1/kernel"])
    return hidden @ arrays[f"{at}/mlp/wo/kernel"]


def _logits(arrays, config, row):
    x = _norm(row, arrays["decoder/decoder_norm/scale"])
    if config.tied_head:
        return arrays["token_embedder/embedding"].astype(np.float64) @ (
            x / math.sqrt(config.d_model)
        )
    return x @ arrays["decoder/logits_dense/kernel"]
