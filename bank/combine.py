"""Weighted averages of prompts, and the token norms that decide which prompt dominates one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError


def weighted_average(
    prompts: NDArray[Any] | Sequence[NDArray[Any]], weights: Sequence[float] | NDArray[Any]
) -> NDArray[np.float32]:
    """The average of K prompts with weights alpha_r = w_r / sum w, [K, P, H] and [K] -> [P, H].

    SPoT (arXiv 2110.07904) §4.2, "top-k weighted average", with the similarities as weights. The
    sum is done in float64. Raises BankError for other shapes, for weights that are negative (they
    would move away from that prompt) or not finite, and for a sum of zero.
    """
    stacked = np.asarray(prompts)
    alpha = np.asarray(weights, dtype=np.float64)
    if stacked.ndim != 3 or alpha.shape != stacked.shape[:1] or not len(alpha):
        raise BankError(
            f"expected K prompts [K, P, H] and K weights, found {stacked.shape} and {alpha.shape}"
        )
    if not np.isfinite(alpha).all() or (alpha < 0).any() or alpha.sum() <= 0:
        listed = ", ".join(f"{weight:g}" for weight in alpha)
        raise BankError(
            f"expected weights of zero or more with a sum above zero, found {listed}",
            "average only prompts that are similar to the target: choose a smaller k",
        )
    alpha = alpha / alpha.sum()
    mixed = np.einsum("k,kph->ph", alpha, stacked.astype(np.float64))
    return np.asarray(mixed, dtype=np.float32)


def norms(prompt: NDArray[Any]) -> NDArray[np.float64]:
    """The Euclidean norm of every token, [P, H] -> [P].

    Cosine similarity ignores norms, but an average does not: the longer prompt dominates it.
    Raises BankError for another shape.
    """
    array = np.asarray(prompt, dtype=np.float64)
    if array.ndim != 2:
        raise BankError(f"expected a prompt [P, H], found shape {array.shape}")
    return np.asarray(np.linalg.norm(array, axis=1))
