"""A batch of toy texts, and the passes of a network over texts behind prompts."""

from __future__ import annotations

import functools

import jax
import numpy as np

TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13, 1), (14, 15, 16, 1), (17, 18, 1), (19, 20, 21, 22, 1))
TARGETS = ((5, 6, 2), (9, 2), (4, 3, 2), (8, 2), (3, 2), (6, 7, 2))


def padded(rows, width=None):
    out = np.zeros((len(rows), width or max(map(len, rows))), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


@jax.jit
def decoded(network, texts, prompts, targets):
    return network.decode(network.encode(texts, prompts), targets)


@functools.partial(jax.jit, static_argnames="length")
def written(network, texts, prompts, length):
    return network.greedy(network.encode(texts, prompts), length, 2)


def batch(order=None):
    texts, targets = padded(TEXTS), padded(TARGETS)
    return (texts, targets) if order is None else (texts[order], targets[order])
