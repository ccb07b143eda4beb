"""Metrics of classes from confusion counts, for thousands of resamples at once.

`spot.tasks.metrics` has the same metrics of one list of predictions; these give the same numbers and
cost a few additions, which is what a bootstrap needs. Counts are [..., C, C + 1]: target by prediction,
the last column for predictions that name no class. Counts may be fractions, such as expected counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.float64]


def cells(targets: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """The cell [N] of each row in a flattened confusion matrix [C * (C + 1)]."""
    guesses = np.asarray(predictions, np.int64)
    column = np.where(guesses < 0, classes, guesses)
    return np.asarray(targets, np.int64) * (classes + 1) + column


def guessing(targets: ArrayLike, classes: int) -> Counts:
    """The expected counts [C, C + 1] of answers drawn evenly at random."""
    counts = np.zeros((classes, classes + 1))
    counts[:, :classes] = np.bincount(np.asarray(targets), minlength=classes)[:, None] / classes
    return counts


def _ratio(above: Counts, below: Counts) -> Counts:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _f1_of_classes(counts: Counts) -> tuple[Counts, Counts]:
    """F1 of every class [..., C], and whether it occurs on either side."""
    named = counts[..., :-1]
    right = np.diagonal(named, axis1=-2, axis2=-1).copy()
    either = counts.sum(axis=-1) + named.sum(axis=-2)
    return _ratio(2 * right, either), either > 0


def _accuracy(counts: Counts) -> Counts:
    right = np.trace(counts[..., :-1], axis1=-2, axis2=-1)
    return _ratio(right, counts.sum(axis=(-2, -1)))


def _f1(counts: Counts) -> Counts:
    """An answer that names no class counts as the opposite of its target."""
    right = counts[..., 1, 1]
    missed = counts[..., 1, :].sum(axis=-1) - right
    others = np.delete(counts, 1, axis=-2)
    alarms = others[..., 1].sum(axis=-1) + others[..., -1].sum(axis=-1)
    return _ratio(2 * right, 2 * right + missed + alarms)


def _macro_f1(counts: Counts) -> Counts:
    scores, occurs = _f1_of_classes(counts)
    return _ratio((scores * occurs).sum(axis=-1), occurs.sum(axis=-1).astype(np.float64))


def _f1_of(classes: Sequence[int], counts: Counts) -> Counts:
    """Classes beyond the counts are absent, and count as 0."""
    scores, _ = _f1_of_classes(counts)
    present = [number for number in classes if number < scores.shape[-1]]
    return np.asarray(scores[..., present].sum(axis=-1) / len(classes))


def _matthews(counts: Counts) -> Counts:
    targets, guesses = counts.sum(axis=-1), counts.sum(axis=-2)
    total = targets.sum(axis=-1)
    right = np.trace(counts[..., :-1], axis1=-2, axis2=-1)
    covariance = right * total - (targets * guesses[..., :-1]).sum(axis=-1)
    spread = (total**2 - (targets**2).sum(axis=-1)) * (total**2 - (guesses**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(np.maximum(spread, 0)))


FROM_COUNTS: Mapping[str, Callable[[Counts], Counts]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "cb_f1": partial(_f1_of, (0, 1, 2)),
    "stance_f1": partial(_f1_of, (1, 2)),
    "matthews": _matthews,
    "multirc_f1a": _f1,
}
"""Metrics that confusion counts decide, as a fraction [...] of counts [..., C, C + 1]."""


def scores_from_counts(metrics: Sequence[str], counts: Counts) -> dict[str, Counts]:
    """The metrics of `FROM_COUNTS` on their scale of 0 to 100."""
    return {name: 100.0 * FROM_COUNTS[name](counts) for name in metrics}
