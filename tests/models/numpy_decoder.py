"""A slow decoder of Llama's kind in numpy: the whole sequence anew, one token and head at a time."""

from __future__ import annotations

import cmath
import math

import numpy as np


def logits(arrays, config, text, targets, prompt=None, suffix=()):
    """Logits [len(targets), V] at each target, by plain concatenation of prompt, text, suffix and
    targets.
    """
    table = arrays["token_embedder/embedding"].astype(np.float64)
    rows = [] if prompt is None else [np.asarray(row, np.float64) for row in prompt]
    rows += [table[token] for token in text]
    rows += [np.asarray(row, np.float64) for row in suffix]
    rows += [table[token] for token in targets[:-1]]
    for layer in range(config.layers):
        rows = _block(arrays, config, f"layers_{layer}", rows)
    out = [_norm(row, arrays["final_norm/scale"], config) for row in rows[-len(targets) :]]
    head = table.T if config.tied_head else arrays["lm_head/kernel"]
    found = np.stack([row @ head for row in out])
    found[:, 0] = -1e10
    return found


def greedy(arrays, config, text, prompt, length, eos, suffix=()):
    """Token ids, everything computed anew for each."""
    out = []
    while len(out) < length and eos not in out:
        out.append(int(logits(arrays, config, text, [*out, 0], prompt, suffix)[-1].argmax()))
    return out + [0] * (length - len(out))


def _block(arrays, config, at, rows):
    normed = [_norm(row, arrays[f"{at}/attention_norm/scale"], config) for row in rows]
    parts = {}
    for part in ("query", "key", "value"):
        bias = arrays[f"{at}/{part}_bias"] if config.biases else 0.0
        parts[part] = [row @ arrays[f"{at}/{part}/kernel"] + bias for row in normed]
    depth, share = config.d_kv, config.num_heads // config.num_kv_heads
    seen = []
    for place in range(len(rows)):
        heads = []
        for head in range(config.num_heads):
            own = slice(head * depth, (head + 1) * depth)
            common = slice(head // share * depth, (head // share + 1) * depth)
            query = _turned(parts["query"][place][own], place, config)
            scores = [
                query @ _turned(parts["key"][other][common], other, config) / math.sqrt(depth)
                for other in range(place + 1)
            ]
            weights = np.exp(scores - np.max(scores))
            weights /= weights.sum()
            heads.append(sum(w * parts["value"][i][common] for i, w in enumerate(weights)))
        seen.append(np.concatenate(heads) @ arrays[f"{at}/out/kernel"])
    rows = [row + more for row, more in zip(rows, seen, strict=True)]
    out = []
    for row in rows:
        normed = _norm(row, arrays[f"{at}/mlp_norm/scale"], config)
        gate = normed @ arrays[f"{at}/gate/kernel"]
        hidden = gate / (1 + np.exp(-gate)) * (normed @ arrays[f"{at}/up/kernel"])
        out.append(row + hidden @ arrays[f"{at}/down/kernel"])
    return out


def _norm(row, scale, config):
    return row / math.sqrt(np.mean(row**2) + config.epsilon) * scale


def _turned(row, place, config):
    """Pairs as complex numbers, turned by the place's angle."""
    half = config.d_kv // 2
    turned = [
        complex(row[i], row[i + half])
        * cmath.exp(1j * place * config.rope_theta ** (-2 * i / config.d_kv))
        for i in range(half)
    ]
    return np.array([z.real for z in turned] + [z.imag for z in turned])
