"""Representations of prompts as one vector, in float64 so that a prompt of any scale keeps its direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.similarities.record import unit


def mean_token(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float64]:
    """Mean tokens, [N, P, H] -> [N, H]; their cosine is SPoT (arXiv 2110.07904) §4.1, (a)."""
    return np.asarray(_wide(keys).mean(axis=1))


def mean_unit_token(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float64]:
    """Means of unit tokens, [N, P, H] -> [N, H]: the mean cosine over all pairs (SPoT §4.1, (b)).

    Not scaled to length 1: the mean over all P·P pairs of cosines is exactly the inner product of
    the two means of unit tokens. A zero token has cosine 0 with every token.
    """
    return np.asarray(unit(_wide(keys)).mean(axis=1))


def mean_change(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float64]:
    """Mean tokens of the change by training (key - init), [N, P, H] -> [N, H]."""
    return np.asarray(_change(keys, inits).mean(axis=1))


def every_change(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float64]:
    """The change by training (key - init) of all tokens as one vector, [N, P, H] -> [N, P*H].

    Belanec et al. 2024 (arXiv 2408.01119), section 3: prompts with the same init keep a role for
    each token.
    """
    changes = _change(keys, inits)
    return changes.reshape(len(changes), -1)


def _change(keys: NDArray[Any], inits: NDArray[Any] | None) -> NDArray[np.float64]:
    return _wide(keys) - _wide(inits)


def _wide(array: NDArray[Any] | None) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64)
