"""Which tasks a step visits and which of their training rows it reads: a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spot.training.batches import Source


@dataclass(frozen=True, eq=False)
class Visit:
    """A member of a source, the rows of its K inner batches [K, B], and others [Q], which may be none."""

    member: int
    support: np.ndarray
    query: np.ndarray


def visits(
    source: Source,
    seed: int,
    step: int,
    *,
    tasks: int,
    inner_steps: int,
    batch_size: int,
    support: int,
    query: int,
) -> list[Visit]:
    """The visits of a step, from 0: `tasks` different members, at most all, drawn by their rates; of each at
    most half of the rows, and `query`, are its query, and of the others `support` its support.
    """
    rng = np.random.default_rng([seed, 37, step])
    rates = np.asarray(source.rates, np.float64)
    drawn = rng.choice(len(rates), min(tasks, len(rates)), replace=False, p=rates / rates.sum())
    made = []
    for member in drawn.tolist():
        rows = rng.permutation(len(source.members[member].train))
        held = min(query, len(rows) // 2)
        chosen = rows[held : held + support]
        made.append(Visit(member, in_batches(chosen, inner_steps, batch_size, rng), rows[:held]))
    return made


def fixed_visit(
    source: Source, member: int, seed: int, *, inner_steps: int, batch_size: int, support: int
) -> Visit:
    """The visit of a member that every check makes, without a query."""
    rng = np.random.default_rng([seed, 41, member])
    rows = rng.permutation(len(source.members[member].train))[:support]
    return Visit(member, in_batches(rows, inner_steps, batch_size, rng), rows[:0])


def in_batches(rows: np.ndarray, count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows in batches [count, size], read epoch by epoch, each in a new order."""
    epochs: Sequence[np.ndarray] = [
        rng.permutation(rows) for _ in range(-(-count * size // len(rows)))
    ]
    return np.concatenate(epochs)[: count * size].reshape(count, size)
