"""Divide the rows of a step into parts with little padding, and with few shapes in a run.

The sum of the gradients of the parts is the gradient of the whole. A CPU is faster with several small
parts, an accelerator with one large one. Each shape of a part is a program that has to be compiled.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from spot.models.config import ModelConfig
from spot.models.decoder import Packed
from spot.models.families import Layout, family_of
from spot.models.padding import FEW_BUCKETS, FEW_TARGETS, bucket_length, widened
from spot.prompts.kind import Kind

Batch = tuple[np.ndarray, np.ndarray]
Divide = Callable[[Batch, int], list[tuple[Any, np.ndarray]]]

TEXTS_A_ROW = (4, 3, 2, 1)  # of a packed batch: the first that divides a slot's rows
WIDTH = 32  # packed rows are padded to a multiple of it, so that few shapes are compiled
# Tokens a row at which attention takes as long as everything else (SmolLM2, AVX2).
ATTENTION_BOUND_WIDTH = 800
FORESEEN = 128
"""Steps whose shapes decide those of a run: not all, so that a run with more steps begins with the same."""
# Tokens of padding in the steps foreseen that are worth one program less: a CPU compiles a program in the
# time of 15,000 (SmolLM2) to 30,000 tokens (spot-nano), counted as a run of 80 steps.
COMPILATION = {"cpu": 30_000}
COMPILATION_ELSEWHERE = 750_000  # not measured


def by_length(
    batch: Batch, slots: int, part_rows: int = 16, devices: int = 1, times: int = 1
) -> list[Batch]:
    """Parts of `part_rows` rows or a few more, each with as many rows of every slot, the shortest rows
    first, so that short rows are not padded to the longest one.

    devices: those that share the rows of a part, each as many. `times` as many parts take less memory.
    """
    inputs, targets = (np.asarray(array) for array in batch)
    each = len(inputs) // slots
    most = len(inputs) // part_rows if jax.default_backend() == "cpu" else 1
    most = max(most, 1) * times
    unit = _unit(devices, slots)
    count = next((n for n in range(min(most, each), 1, -1) if each % (n * unit) == 0), 1)
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
    batch: Batch, slots: int, part_tokens: int = 1024, devices: int = 1, times: int = 1
) -> list[tuple[Packed, np.ndarray]]:
    """Parts of about `part_tokens` tokens with several texts in each row, or one if that is less work.
    `times` as many parts take less memory.

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
    least = max(1, least) * times
    count = next(n for n in range(min(least, most), most + 1) if most % n == 0)
    return [
        _pack(inputs[chosen.reshape(-1)], targets[chosen.reshape(-1)], slots, unit)
        for chosen in np.split(rows, count, axis=1)
    ]


def whole(batch: Batch, slots: int) -> list[Batch]:
    """The batch as one part."""
    return [batch]


LAYOUTS: dict[Layout, Callable[..., list[tuple[Any, np.ndarray]]]] = {
    "by length": by_length,
    "packed": packed,
}


def layout(config: ModelConfig, kind: Kind, devices: int = 1, times: int = 1) -> Divide:
    """The division that suits a model family, one text a row where the kind of prompt needs it; the rows
    of a part are shared by so many devices; in `times` as many parts as are fastest.
    """
    divide = LAYOUTS[family_of(config).layout] if kind.packed else by_length
    if devices == times == 1:
        return divide
    return partial(divide, devices=devices, times=times)


def _unit(devices: int, slots: int) -> int:
    """The rows of a slot in a part are a multiple of it, so that devices can share the part evenly."""
    return devices // math.gcd(devices, slots)


@dataclass(frozen=True)
class Fitted:
    """A division whose parts have few shapes: `texts` are the widths that parts of one form, their other
    sizes, are padded to; `targets` is the width of all targets. Longer ones keep their own width.
    """

    divide: Divide
    texts: Mapping[tuple[Any, ...], tuple[int, ...]]
    targets: int
    largest: tuple[Any, np.ndarray]
    """The part with the most tokens of those foreseen."""

    def __call__(self, batch: Batch, slots: int) -> list[tuple[Any, np.ndarray]]:
        """The parts of a batch."""
        return [self._padded(*part) for part in self.divide(batch, slots)]

    def _padded(self, texts: Any, targets: np.ndarray) -> tuple[Any, np.ndarray]:
        tokens = _tokens(texts)
        width = _first(self.texts.get(_form(texts), ()), tokens.shape[1])
        texts = _with_tokens(texts, widened(tokens, width))
        return texts, widened(targets, max(self.targets, targets.shape[1]))


def fitted(divide: Divide, batches: Iterable[Batch], slots: int) -> Fitted:
    """The division with widths that suit these batches of a run, so that padding to them costs less than
    the programs that it saves.
    """
    counts: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    longest, largest = 0, None
    for batch in batches:
        for texts, targets in divide(batch, slots):
            tokens = _tokens(texts)
            counts[_form(texts)][tokens.shape[1]] += len(tokens)
            longest = max(longest, targets.shape[1])
            if largest is None or tokens.size > _tokens(largest[0]).size:
                largest = texts, targets
    if largest is None:
        raise ValueError("expected at least one batch")
    price = COMPILATION.get(jax.default_backend(), COMPILATION_ELSEWHERE)
    widths = {form: few_widths(count, price) for form, count in counts.items()}
    texts, targets = largest
    return Fitted(divide, widths, longest, (texts, widened(targets, longest)))


def few_widths(rows: Mapping[int, int], price: int) -> tuple[int, ...]:
    """The widths, rising, with the least padding in all, where each width costs `price` tokens; `rows` says
    how many rows need a width.

    >>> few_widths({32: 10, 48: 100, 64: 90}, price=1000), few_widths({32: 10, 48: 100, 64: 90}, price=100)
    ((48, 64), (32, 48, 64))
    """
    widths = sorted(rows)
    # The least cost of all widths up to one, and the widths chosen for it, of which the last is that one.
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for last in range(len(widths)):
        choices = []
        for first in range(last + 1):
            padding = sum(
                rows[width] * (widths[last] - width) for width in widths[first : last + 1]
            )
            cost, chosen = best[first]
            choices.append((cost + padding + price, (*chosen, widths[last])))
        best.append(min(choices))
    return best[-1][1]


def _tokens(texts: Any) -> Any:
    """The tokens [R, W] of the texts of a part."""
    return texts.tokens if isinstance(texts, Packed) else texts


def _with_tokens(texts: Any, tokens: Any) -> Any:
    return texts._replace(tokens=tokens) if isinstance(texts, Packed) else tokens


def _form(texts: Any) -> tuple[Any, ...]:
    """The sizes of a part but for its width."""
    return (len(texts.tokens), *texts.ends.shape) if isinstance(texts, Packed) else (len(texts),)


def alike(parts: Sequence[tuple[Any, np.ndarray]]) -> list[tuple[Any, np.ndarray]]:
    """Parts padded to the widest of them, and to one of few widths, for a program that runs once."""
    width = bucket_length(max(_tokens(texts).shape[1] for texts, _ in parts), FEW_BUCKETS)
    length = bucket_length(max(targets.shape[1] for _, targets in parts), FEW_TARGETS)
    return [
        (_with_tokens(texts, widened(_tokens(texts), width)), widened(targets, length))
        for texts, targets in parts
    ]


def _first(widths: Sequence[int], least: int) -> int:
    """The first of rising widths that holds `least`, which is its own width beyond the last."""
    return next((width for width in widths if width >= least), least)


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
    arrays: Any = (tokens, ends, last)  # of the host
    return Packed(*arrays), targets[groups.reshape(-1)]


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
