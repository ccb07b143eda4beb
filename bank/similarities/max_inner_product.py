"""mean_i max_j <a_i, b_j>: Lin et al. 2024 (arXiv 2407.16245), token by token, a the query.

Neither symmetric nor free of scale: a prompt of longer rows is more similar to everything. It is
no inner product of two vectors, so the keys themselves are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def whole_key(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float32]:
    """The keys as they are, float32 [N, P, H]."""
    return np.asarray(keys, dtype=np.float32)


def max_inner_products(query: NDArray[Any], keys: NDArray[Any]) -> NDArray[np.float64]:
    """The similarity of one query [P, H] with each of N keys, [N, P, H] -> [N].

    One product a key and not one for all: equal keys then get equal numbers, wherever they stand.
    """
    turned = np.ascontiguousarray(np.asarray(query, dtype=np.float32).T)
    scores = np.empty(len(keys), dtype=np.float64)
    for row, key in enumerate(keys):
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.asarray(key, dtype=np.float32) @ turned  # [P of key, P of query]
        if not np.isfinite(products).all():  # beyond float32: slower, but right
            products = np.asarray(key, dtype=np.float64) @ np.asarray(turned, dtype=np.float64)
        scores[row] = products.max(axis=0).mean(dtype=np.float64)
    return scores
