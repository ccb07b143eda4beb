"""Similarity of two prompts by its formula: slow, obvious, the reference of the tests.

Here a and b are prompts [P, H] with token rows a_i and b_j.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def _mean(prompt: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(_wide(prompt).mean(axis=0))


def _wide(array: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64)


def scores(name: str, query: Any, prompts: list[Any]) -> list[float]:
    """The similarity of a query with each prompt; each has `key` and `init` [P, H]."""
    mean = np.mean([_mean(one.key) for one in prompts], axis=0)
    moved = np.mean([_mean(one.key) - _mean(one.init) for one in prompts], axis=0)
    every = np.mean([_wide(one.key) - _wide(one.init) for one in prompts], axis=0)
    formula: dict[str, Callable[[Any], float]] = {
        "average": lambda one: average(query.key, one.key),
        "per-token": lambda one: per_token(query.key, one.key),
        "centered": lambda one: centered(query.key, one.key, mean),
        "delta": lambda one: delta(query.key, one.key, query.init, one.init),
        "centered-delta": lambda one: centered_delta(
            query.key, one.key, query.init, one.init, moved
        ),
        "task-vector": lambda one: task_vector(query.key, one.key, query.init, one.init, every),
        "max-inner-product": lambda one: max_inner_product(query.key, one.key),
    }
    return [formula[name](one) for one in prompts]
