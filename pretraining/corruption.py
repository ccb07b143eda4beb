"""Span corruption (Raffel et al. 2020, section 3.1.4) and prefix language modelling of plain text."""

from __future__ import annotations

import numpy as np

NOISE_DENSITY = 0.15
MEAN_SPAN = 3.0
EOS = 1


def span_lengths(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """A uniformly random composition of `total` into `parts` positive integers [parts]."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))


def corrupt_spans(
    tokens: np.ndarray, vocab_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Replace random spans of tokens [T] by the sentinels V-1, V-2, …: (inputs, targets), with EOS.

    >>> inputs, targets = corrupt_spans(np.arange(10, 30), 100, np.random.default_rng(0))
    >>> int((inputs == 99).sum()), int((targets == 99).sum()), int(inputs[-1]), int(targets[-1])
    (1, 1, 1, 1)
    """
    noise = min(max(int(round(len(tokens) * NOISE_DENSITY)), 1), len(tokens) - 1)
    spans = min(max(int(round(noise / MEAN_SPAN)), 1), noise, len(tokens) - noise)
    dropped = span_lengths(noise, spans, rng)
    spared = span_lengths(len(tokens) - noise, spans, rng)
    inputs, targets, at = [], [], 0
    for index in range(spans):
        sentinel = np.asarray([vocab_size - 1 - index])
        inputs += [tokens[at : at + spared[index]], sentinel]
        at += int(spared[index])
        targets += [sentinel, tokens[at : at + dropped[index]]]
        at += int(dropped[index])
    end = np.asarray([EOS])
    return np.concatenate([*inputs, end]), np.concatenate([*targets, end])


def split_prefix(
    tokens: np.ndarray, target_length: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cut tokens [T] at a random place: (the prefix, at most `target_length` of its continuation)."""
    cut = int(rng.integers(len(tokens) // 4, len(tokens) - 2))
    return tokens[:cut], tokens[cut : cut + target_length]
