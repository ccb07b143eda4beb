"""Rows of tokens as arrays: padded to one of a few lengths, so that few shapes are compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BUCKETS = (1, 2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024)

FEW_BUCKETS = (32, 64, 128, 256, 512, 1024)
FEW_TARGETS = (1, 8, 32, 128, 512)
"""For programs that run seldom, so that the compilation of each costs more than padding."""


def bucket_length(longest: int, buckets: Sequence[int] = BUCKETS) -> int:
    """The smallest bucket that holds `longest` tokens; beyond the last bucket a multiple of 256.

    >>> [bucket_length(n) for n in (1, 16, 17, 1025)]
    [1, 16, 32, 1280]
    """
    for size in buckets:
        if longest <= size:
            return size
    return -(-longest // 256) * 256


def pad_rows(rows: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Rows of token ids -> int32 [B, length], 0 behind each row."""
    out = np.zeros((len(rows), length), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


def widened(rows: np.ndarray, width: int) -> np.ndarray:
    """Rows [R, W] with padding behind them up to a width that is no less than W."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
