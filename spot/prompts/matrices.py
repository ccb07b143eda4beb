"""Matrices beside the rows of a prompt, made so that one width and one learning rate suit all models.

The learning rate is the change of a number in a step, and is chosen by the size of a model's embeddings:
about 10 of a T5, 0.1 of SmolLM2. Matrices that read numbers of size 1 are therefore kept as large as the
rows, and divided by their size where they are used; those that write into the model's width are of the
rows' size by themselves, and begin as zeros.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

INNER = 0.1  # of the rows' learning rate: each of their steps moves many numbers at once
LAST = 0.01  # as DePT (Shi and Lipani 2024): .3 to .4 for the rows, 5e-4 to 5e-3 for matrices


def size_of(rows: np.ndarray) -> np.ndarray:
    """[1], the root mean square of rows [P, H]; 1 where there is nothing."""
    size = np.sqrt(np.mean(np.square(rows, dtype=np.float64))) if rows.size else 0.0
    return np.asarray([size or 1.0], np.float32)


def drawn(rng: np.random.Generator, size: np.ndarray, *shape: int) -> np.ndarray:
    """Normal numbers of a size."""
    return np.asarray(rng.normal(size=shape) * size, np.float32)


def through(x: Any, matrix: Any, size: Any) -> Any:
    """x [..., A] of size 1 through a matrix [..., A, B] of size `size` -> [..., B] of about 1."""
    return x @ (matrix / (size * math.sqrt(matrix.shape[-2])))


def unit(x: Any) -> Any:
    """x [..., H] with the root mean square 1 along H, so that models' embeddings are of one size."""
    return x / ((x * x).mean(axis=-1, keepdims=True) + 1e-12) ** 0.5


def mean_text(embedded: Any, mask: Any) -> Any:
    """The mean [N, H] of the real tokens that a mask [N, T] marks in embedded texts [N, T, H]; zeros of a
    text without any.
    """
    real = mask[..., None].astype(embedded.dtype)
    return (embedded * real).sum(axis=1) / real.sum(axis=1).clip(1)
