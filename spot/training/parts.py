"""Divide the rows of a step into parts with little padding.

The sum of the gradients of the parts is the gradient of the whole. A CPU is faster with several small
parts, an accelerator with one large one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.config import ModelConfig
from spot.models.decoder import Packed
from spot.models.families import Layout, family_of
from spot.models.padding import bucket_length
from spot.prompts.kind import Kind

Batch = tuple[np.ndarray, np.ndarray]
Divide = Callable[[Batch, int], list[tuple[Any, np.ndarray]]]

TEXTS_A_ROW = (4, 3, 2, 1)  # of a packed batch: the first that divides a slot's rows
WIDTH = 32  # packed rows are padded to a multiple of it, so that few shapes are compiled
# Tokens a row at which attention takes as long as everything else (SmolLM2, AVX2).
ATTENTION_BOUND_WIDTH = 800


def by_length(batch: Batch, slots: int, part_rows: int = 8, devices: int = 1) -> list[Batch]:
    """Parts of `part_rows` rows or a few more, each with as many rows of every slot, the shortest rows
    first, so that short rows are not padded to the longest one.

    devices: those that share the rows of a part, each as many.
    """
    inputs, targets = (np.asarray(array) for array in batch)
    each = len(inputs) // slots
    most = len(inputs) // part_rows if jax.default_backend() == "cpu" else 1
    unit = _unit(devices, slots)
    count = next((n for n in range(most, 1, -1) if each % (n * unit) == 0), 1)
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


def packed(
    batch: Batch, slots: int, part_tokens: int = 1024, devices: int = 1
) -> list[tuple[Packed, np.ndarray]]:
    """Parts of about `part_tokens` tokens with several texts in each row, or one if that is less work.

    For a decoder, which computes the keys and values of the prompts anew for every part: parts are as
    large as memory allows (under 2 GB for SmolLM2-135M). devices: those that share the rows of a part.
    """
    inputs, targets = (np.asarray(array) for array in batch)
    rows = np.arange(len(inputs)).reshape(slots, -1)
    each = rows.shape[1]
    least = -(-int((inputs > 0).sum()) // part_tokens) if jax.default_backend() == "cpu" else 1
    unit = _unit(devices, slots)
    unit = 1 if each % unit else unit
    most = each // unit
    count = next(n for n in range(max(1, min(least, most)), most + 1) if most % n == 0)
    return [
        _pack(inputs[chosen.reshape(-1)], targets[chosen.reshape(-1)], slots, unit)
        for chosen in np.split(rows, count, axis=1)
    ]


LAYOUTS: dict[Layout, Callable[..., Any]] = {"by length": by_length, "packed": packed}


def layout(config: ModelConfig, kind: Kind, devices: int = 1) -> Divide:
    """The division that suits a model family, one text a row where the kind of prompt needs it; the rows
    of a part are shared by so many devices.
    """
    divide = LAYOUTS[family_of(config).layout] if kind.packed else by_length
    return divide if devices == 1 else partial(divide, devices=devices)


def _unit(devices: int, slots: int) -> int:
    """The rows of a slot in a part are a multiple of it, so that devices can share the part evenly."""
    return devices // math.gcd(devices, slots)


def _first_rows(lengths: np.ndarray) -> np.ndarray:
    """The number [S, 1] of each slot's first row in the batch."""
    slots, rows = lengths.shape
    first: np.ndarray = rows * np.arange(slots)[:, None]
    return first


def _pack(
    inputs: np.ndarray, targets: np.ndarray, slots: int, unit: int = 1
) -> tuple[Packed, np.ndarray]:
    """Texts [S*B, T] packed, G a row, and their targets in the same order; a slot's rows are a multiple of
    `unit`.
    """
    before = np.maximum((inputs > 0).sum(1) - 1, 0)  # tokens but the last
    lengths = before.reshape(slots, -1)
    many = next(size for size in TEXTS_A_ROW if lengths.shape[1] % (size * unit) == 0)
    choices = []
    for size in sorted({1, many}):
        groups = np.stack([_balanced(slot, size) for slot in lengths])
        groups = (groups + _first_rows(lengths)[..., None]).reshape(-1, size)
        width = -(-int(before[groups].sum(1).max()) // WIDTH) * WIDTH or WIDTH
        work = len(groups) * width * (1 + width / ATTENTION_BOUND_WIDTH)
        choices.append((work, width, groups))
    _, width, groups = min(choices, key=lambda choice: choice[0])
    tokens = np.zeros((len(groups), width), np.int32)
    for row, group in enumerate(groups):
        joined = np.concatenate([inputs[text, : before[text]] for text in group])
        tokens[row, : len(joined)] = joined
    last = inputs[groups, before[groups]]
    ends = before[groups].cumsum(1).astype(np.int32)
    return Packed(*map(jnp.asarray, (tokens, ends, last))), targets[groups.reshape(-1)]


def _balanced(lengths: np.ndarray, size: int) -> np.ndarray:
    """Rows [B] in groups [B/size, size] with nearly equal sums of lengths: the longest remaining row
    goes to the shortest group.
    """
    groups: list[list[int]] = [[] for _ in range(len(lengths) // size)]
    unfilled = [(0, group) for group in range(len(groups))]  # a heap of (tokens, group)
    for row in np.argsort(-lengths, kind="stable").tolist():
        held, group = heapq.heappop(unfilled)
        groups[group].append(row)
        if len(groups[group]) < size:
            heapq.heappush(unfilled, (held + int(lengths[row]), group))
    return np.array(groups)
