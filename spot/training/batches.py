"""The batch of each step, a pure function of (seed, step).

Rows are padded to the bucket of the longest row in the step, never to a global maximum; few
buckets, so few compilations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spot.models.padding import bucket_length, pad_rows
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.task import Task


@dataclass(frozen=True, eq=False)
class TaskData:
    """One task, tokenised.

    `labels` are token ids of the label words with their end, in class order; [] for generation.
    """

    definition: Task
    train: TokenizedSplit
    validation: TokenizedSplit
    labels: list[list[int]]


@dataclass(frozen=True, eq=False)
class Source:
    """The training data of one prompt: one task, or a mixture with the rate of each member."""

    name: str
    members: tuple[TaskData, ...]
    rates: tuple[float, ...] = (1.0,)

    @property
    def labels(self) -> list[list[int]]:
        """Token ids of every member's label words, in order, for prompts initialised from them."""
        return [label for member in self.members for label in member.labels]


def data_order(sizes: Sequence[int], rates: Sequence[float], seed: int, count: int) -> np.ndarray:
    """The first `count` draws [count, 2] of (member, row) of an endless, seeded order.

    Every member is read epoch by epoch, each epoch in a new order; members are drawn by rate. A
    longer count begins with the shorter one, so resuming needs no state.
    """
    rng = np.random.default_rng([seed, 0])
    edges = np.cumsum(np.asarray(rates, np.float64) / np.sum(rates))[:-1]
    members = np.searchsorted(edges, rng.random(count), side="right")
    rows = np.empty(count, np.int64)
    for member, size in enumerate(sizes):
        places = np.flatnonzero(members == member)
        epochs = -(-len(places) // size)
        orders = [
            np.random.default_rng([seed, 1, member, epoch]).permutation(size)
            for epoch in range(epochs)
        ]
        if orders:
            rows[places] = np.concatenate(orders)[: len(places)]
    return np.stack([members, rows], axis=1)


def batch_of(
    inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [B, T] and targets [B, T'] in their buckets."""
    return (
        pad_rows(inputs, bucket_length(max(map(len, inputs)))),
        pad_rows(targets, bucket_length(max(map(len, targets)))),
    )


def step_batch(
    sources: Sequence[Source], orders: Sequence[np.ndarray], step: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The batch of one step for S slots: inputs [S*B, T] and targets [S*B, T'], slot after slot."""
    inputs, targets = [], []
    for slot, member, row in drawn_rows(sources, orders, step, batch_size):
        split = sources[slot].members[member].train
        inputs.append(split.inputs[row])
        targets.append(split.targets[row])
    return batch_of(inputs, targets)


def drawn_rows(
    sources: Sequence[Source], orders: Sequence[np.ndarray], step: int, batch_size: int
) -> Iterator[tuple[int, int, int]]:
    """(slot, member, row) of the rows of one step, slot after slot. Raises ValueError unless each source
    has its order.
    """
    for slot, (_, order) in enumerate(zip(sources, orders, strict=True)):
        for member, row in order[step * batch_size : (step + 1) * batch_size]:
            yield slot, member, row


def sample(split: TokenizedSplit, count: int | None, seed: int = 0) -> TokenizedSplit:
    """At most `count` rows of a split, a seeded choice in the split's order."""
    if count is None or count >= len(split):
        return split
    rows = sampled_rows(len(split), count, seed)
    return TokenizedSplit(
        inputs=Ragged.of([split.inputs[row] for row in rows]),
        targets=Ragged.of([split.targets[row] for row in rows]),
        labels=split.labels[rows],
        references=[split.references[row] for row in rows],
        groups=[split.groups[row] for row in rows],
        target_texts=[split.target_texts[row] for row in rows],
        truncated=split.truncated,
    )


def sampled_rows(total: int, count: int | None, seed: int = 0) -> np.ndarray:
    """The rows that `sample` takes of so many, in order [min(count, total)]."""
    if count is None or count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng([seed, 29]).choice(total, count, replace=False))
