"""Similarity of two prompts by its formula: slow, obvious, the reference for everything faster.

Here a and b are prompts [P, H] with token rows a_i and b_j. `matrix` is the quick version for a
handful of prompts, used by studies and heatmaps; `search.py` is the one for a bank.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank import keys as key_vectors
from bank.errors import BankError, did_you_mean
from bank.keys import SIMILARITIES


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """cos(a, b) of two vectors [H]; 0 when one of them is zero."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    lengths = float(np.sqrt(np.dot(a, a)) * np.sqrt(np.dot(b, b)))
    return float(np.dot(a, b)) / lengths if lengths else 0.0


def average(a: NDArray[Any], b: NDArray[Any]) -> float:
    """cos(mean_i a_i, mean_j b_j): SPoT (arXiv 2110.07904) §4.1, "cosine of average tokens"."""
    return cosine(_mean(a), _mean(b))


def per_token(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The mean over all pairs of cos(a_i, b_j): SPoT §4.1, "per-token average cosine"."""
    return float(np.mean([[cosine(row, other) for other in b] for row in a]))


def centered(a: NDArray[Any], b: NDArray[Any], mean: NDArray[Any]) -> float:
    """`average` after removing the bank's mean token [H] from both."""
    return cosine(_mean(a) - mean, _mean(b) - mean)


def delta(a: NDArray[Any], b: NDArray[Any], init_a: NDArray[Any], init_b: NDArray[Any]) -> float:
    """`average` of what training changed: cos of the mean rows of a - init_a and b - init_b."""
    return cosine(
        _mean(a) - _mean(init_a),
        _mean(b) - _mean(init_b),
    )


def centered_delta(
    a: NDArray[Any],
    b: NDArray[Any],
    init_a: NDArray[Any],
    init_b: NDArray[Any],
    mean: NDArray[Any],
) -> float:
    """`delta` after removing the bank's mean change [H] from both: what training does to every
    prompt says nothing about its task.
    """
    return cosine(_mean(a) - _mean(init_a) - mean, _mean(b) - _mean(init_b) - mean)


def task_vector(
    a: NDArray[Any], b: NDArray[Any], init_a: NDArray[Any], init_b: NDArray[Any], mean: NDArray[Any]
) -> float:
    """cos of what training changed in all tokens, one behind the other, after removing the bank's
    mean change [P, H]: prompts that began alike keep a role for each token.
    """
    return cosine(
        (_wide(a) - _wide(init_a) - mean).ravel(), (_wide(b) - _wide(init_b) - mean).ravel()
    )


def max_inner_product(a: NDArray[Any], b: NDArray[Any]) -> float:
    """mean_i max_j <a_i, b_j>: Lin et al. 2024 (arXiv 2407.16245), token-wise, a the query.

    Neither symmetric nor free of scale: a prompt of longer rows is more similar to everything.
    """
    return float(np.mean([max(float(np.dot(_wide(r), _wide(o))) for o in b) for r in a]))


def matrix(
    keys: NDArray[Any], similarity: str, inits: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """All similarities among N prompts, [N, P, H] -> [N, N]; row = query, column = key.

    `centered` removes the mean of these N prompts; `delta` needs `inits` [N, P, H], and
    `centered-delta` and `task-vector` do both. Raises BankError for an unknown name or shape, and
    without inits.
    """
    check_name(similarity)
    keys = np.asarray(keys)
    if keys.ndim != 3:
        raise BankError(f"expected prompts [N, P, H], found shape {keys.shape}")
    if similarity == "max-inner-product":
        return np.array([max_inner_products(query, keys) for query in keys], dtype=np.float64)
    rows = key_vectors.vectors(similarity, keys, inits).astype(np.float64)
    return np.asarray(rows @ rows.T)


def max_inner_products(query: NDArray[Any], keys: NDArray[Any]) -> NDArray[np.float64]:
    """`max_inner_product` of one query [P, H] with each of N keys, [N, P, H] -> [N].

    One product a key and not one for all: equal keys then get equal numbers, wherever they stand.
    """
    turned = np.ascontiguousarray(np.asarray(query, dtype=np.float32).T)
    scores = np.empty(len(keys), dtype=np.float64)
    for row, key in enumerate(keys):
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.asarray(key, dtype=np.float32) @ turned  # [P of key, P of query]
        if not np.isfinite(products).all():  # beyond float32: slower, but right
            products = _wide(key) @ _wide(turned)
        scores[row] = products.max(axis=0).mean(dtype=np.float64)
    return scores


def check_name(similarity: str) -> None:
    """Raises BankError when there is no similarity of this name."""
    if similarity not in SIMILARITIES:
        raise BankError(
            f'expected a similarity out of {", ".join(SIMILARITIES)}, found "{similarity}".'
            + did_you_mean(similarity, SIMILARITIES),
        )


def _mean(prompt: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(_wide(prompt).mean(axis=0))


def _wide(array: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64)
