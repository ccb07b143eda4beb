"""Samples of rows that are right or wrong, resampled in the obvious way."""

from __future__ import annotations

import numpy as np

from spot.verdicts.sample import Sample


def of_rows(right, seed=0, resamples=400):
    """The sample of accuracies of S lists of N right rows."""
    right = np.asarray(right, dtype=bool)
    drawn = np.random.default_rng(seed).integers(0, right.shape[1], (resamples, right.shape[1]))
    draws = np.array([[100 * rows[chosen].mean() for chosen in drawn] for rows in right])
    return Sample(100 * right.mean(axis=1), draws, right)
