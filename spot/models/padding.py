"""Rows of tokens as arrays: padded to one of a few lengths, so that few shapes are compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BUCKETS = (1, 2, 4, 8, 16, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024)


def bucket_length(longest: int) -> int:
    """The smallest bucket that holds `longest` tokens; beyond the last bucket a multiple of 256.

    >>> [bucket_length(n) for n in (1, 16, 17, 1025)]
    [1, 16, 32, 1280]
    """
    for size in BUCKETS:
        if longest <= size:
            return size
    return -(-longest // 256) * 256


def pad_rows(rows: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Rows of token ids -> int32 [B, length], 0 behind each row."""
    out = np.zeros((len(rows), length), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out
