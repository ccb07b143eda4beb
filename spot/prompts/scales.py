"""Arrays of a prompt as large as the rows that it starts from, whatever they stand for in the model.

The learning rate is the change of a number in a step (Adafactor, Adam). One rate suits all layers, keys
and values only if their numbers are of one size; what they are larger by is kept beside them, frozen.
"""

from __future__ import annotations

import numpy as np


def scaled(arrays: np.ndarray, rows: np.ndarray, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """(numbers, scale) with numbers * scale = arrays, where the numbers of each part, along the leading
    `axes`, have the root mean square of the rows [P, H]. Parts of zeros have the scale 1.
    """
    rest = tuple(range(axes, arrays.ndim))
    size = np.sqrt(np.mean(np.square(arrays, dtype=np.float64), axis=rest, keepdims=True))
    own = np.sqrt(np.mean(np.square(rows, dtype=np.float64))) if rows.size else 0.0
    scale = np.where((size > 0) & (own > 0), size / np.where(own > 0, own, 1.0), 1.0)
    return (arrays / scale).astype(np.float32), scale.astype(np.float32)
