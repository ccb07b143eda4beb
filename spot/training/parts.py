"""How the rows of a step are laid out: in parts of some rows, with little padding.

A sum of gradients over parts is the gradient of the whole. A processor takes part after part; an
accelerator would rather have one large batch.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.decoder import Packed
from spot.training.batches import bucket_length

Batch = tuple[np.ndarray, np.ndarray]
Divide = Callable[[Batch, int], list[tuple[Any, np.ndarray]]]

TEXTS_A_ROW = (4, 3, 2, 1)  # of a packed batch: the first that divides a slot's rows
WIDTH = 32  # a packed row is as wide as a multiple of it, so that few shapes are compiled
DEAR_WIDTH = 800  # tokens a row at which attention takes as long as everything else (SmolLM2, AVX2)


def by_length(batch: Batch, slots: int, part_rows: int = 8) -> list[Batch]:
    """The batch of S slots in parts of `part_rows` rows or a few more, each with as many of every
    slot, the shortest ones first: so short rows are not padded to the longest one.
    """
    inputs, targets = (np.asarray(array) for array in batch)
    each = len(inputs) // slots
    most = len(inputs) // part_rows if jax.default_backend() == "cpu" else 1
    count = next((n for n in range(most, 1, -1) if each % n == 0), 1)
    if count == 1:
        return [(inputs, targets)]
    lengths = (inputs > 0).sum(1).reshape(slots, -1)
    order = np.argsort(lengths, axis=1, kind="stable") + _first_rows(lengths)
    parts = []
    for chosen in np.split(order, count, axis=1):
        longest = int(lengths.reshape(-1)[chosen].max())
        width = min(bucket_length(longest), inputs.shape[1])
        parts.append((inputs[chosen.reshape(-1), :width], targets[chosen.reshape(-1)]))
    return parts


def side_by_side(
    batch: Batch, slots: int, part_tokens: int = 1024
) -> list[tuple[Packed, np.ndarray]]:
    """As `by_length`, for a decoder, which computes the prompt's part anew for each: in parts of about
    `part_tokens` tokens, as memory allows (under 2 GB of SmolLM2-135M), and the texts of a part packed,
    some a row or one, whichever is less work.
    """
    inputs, targets = (np.asarray(array) for array in batch)
    rows = np.arange(len(inputs)).reshape(slots, -1)
    each = rows.shape[1]
    least = -(-int((inputs > 0).sum()) // part_tokens) if jax.default_backend() == "cpu" else 1
    count = next(n for n in range(max(1, min(least, each)), each + 1) if each % n == 0)
    return [
        _packed(inputs[chosen.reshape(-1)], targets[chosen.reshape(-1)], slots)
        for chosen in np.split(rows, count, axis=1)
    ]


def _first_rows(lengths: np.ndarray) -> np.ndarray:
    """The number [S, 1] of each slot's first row in the batch."""
    slots, rows = lengths.shape
    return rows * np.arange(slots)[:, None]


def _packed(inputs: np.ndarray, targets: np.ndarray, slots: int) -> tuple[Packed, np.ndarray]:
    """Texts [S*B, T] packed, G a row, and their targets in the same order."""
    before = np.maximum((inputs > 0).sum(1) - 1, 0)  # tokens but the last
    lengths = before.reshape(slots, -1)
    many = next(size for size in TEXTS_A_ROW if lengths.shape[1] % size == 0)
    found = []
    for size in sorted({1, many}):
        groups = np.stack([_level(one, size) for one in lengths])
        groups = (groups + _first_rows(lengths)[..., None]).reshape(-1, size)
        width = -(-int(before[groups].sum(1).max()) // WIDTH) * WIDTH or WIDTH
        found.append((len(groups) * width * (1 + width / DEAR_WIDTH), width, groups))
    _, width, groups = min(found, key=lambda one: one[0])
    tokens = np.zeros((len(groups), width), np.int32)
    for row, group in enumerate(groups):
        joined = np.concatenate([inputs[text, : before[text]] for text in group])
        tokens[row, : len(joined)] = joined
    last = inputs[groups, before[groups]]
    ends = before[groups].cumsum(1).astype(np.int32)
    packed = Packed(*map(jnp.asarray, (tokens, ends, last)))
    return packed, targets[groups.reshape(-1)]


def _level(lengths: np.ndarray, size: int) -> np.ndarray:
    """Rows [B] in groups [B/size, size] whose sums of lengths are nearly the same: the longest row
    that is left goes where least is.
    """
    groups: list[list[int]] = [[] for _ in range(len(lengths) // size)]
    unfilled = [(0, group) for group in range(len(groups))]  # a heap of (tokens, group)
    for row in np.argsort(-lengths, kind="stable").tolist():
        held, group = heapq.heappop(unfilled)
        groups[group].append(row)
        if len(groups[group]) < size:
            heapq.heappush(unfilled, (held + int(lengths[row]), group))
    return np.array(groups)
