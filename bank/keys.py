"""Key vectors: each prompt becomes one vector, such that an inner product is the similarity.

That is what lets FAISS find the nearest prompts exactly. `similarity.py` has the same similarities
as slow and obvious formulas over pairs of prompts; the tests hold the two against each other.
Shapes: N prompts of P tokens and width H. A prompt without a direction (zero vector) becomes a row
of zeros, which is similar to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError

Array = NDArray[np.float32]

VECTOR_SIMILARITIES = (
    "average", "per-token", "centered", "delta", "centered-delta", "task-vector",
)  # fmt: skip
SIMILARITIES = (*VECTOR_SIMILARITIES, "max-inner-product")
CENTERED = ("centered", "centered-delta", "task-vector")  # without the bank's mean
# Of what training changed; they need the init prompts.
OF_CHANGES = ("delta", "centered-delta", "task-vector")


def average(keys: NDArray[Any]) -> Array:
    """Unit mean tokens, [N, P, H] -> [N, H]: the cosine of average tokens (SPoT §4.1, (a))."""
    return _unit(_mean_tokens(keys)).astype(np.float32)


def per_token(keys: NDArray[Any]) -> Array:
    """Mean of unit tokens, [N, P, H] -> [N, H]: the mean cosine over all pairs (SPoT §4.1, (b)).

    The rows are *not* scaled to length 1: the mean over all P·P pairs of cosines is exactly the
    inner product of the two means of unit tokens. A zero token has cosine 0 with every token.
    """
    units = _unit(np.asarray(keys, dtype=np.float64))
    return np.asarray(units.mean(axis=1), dtype=np.float32)


def bank_mean(keys: NDArray[Any]) -> NDArray[np.float64]:
    """The mean over a bank's keys of their mean tokens, [N, P, H] -> [H]; `centered` removes it, of
    changes `centered-delta` does.
    """
    return np.asarray(_mean_tokens(keys).mean(axis=0))


def centered(keys: NDArray[Any], mean: NDArray[Any]) -> Array:
    """Unit mean tokens after removing the bank's mean [H], [N, P, H] -> [N, H].

    All prompts of one backbone and initialiser share a large common part that says nothing about
    their tasks; without it the cosine spreads over its range. A query is centered by the same mean.
    What remains of a prompt that equals the mean is rounding error, and becomes zeros.
    """
    means = _mean_tokens(keys)
    rest = means - mean
    length = np.linalg.norm(rest, axis=-1, keepdims=True)
    rest[(length <= 1e-6 * np.linalg.norm(means, axis=-1, keepdims=True))[..., 0]] = 0.0
    return _unit(rest).astype(np.float32)


def compared(
    similarity: str, keys: NDArray[Any], inits: NDArray[Any] | None
) -> NDArray[np.float64]:
    """What a similarity compares, [N, P, H]: the keys or, for OF_CHANGES, what training changed
    (key - init); for `task-vector` all tokens as one, [N, 1, P*H].

    Raises BankError when these need the init prompts and they are not known.
    """
    wide = np.asarray(keys, dtype=np.float64)
    if similarity not in OF_CHANGES:
        return wide
    if inits is None:
        raise BankError(
            f'the similarity "{similarity}" needs every prompt\'s initial values, and some are not '
            "known",
            'choose another similarity, "per-token" or "centered"',
        )
    changes = wide - np.asarray(inits, dtype=np.float64)
    return changes.reshape(len(changes), 1, -1) if similarity == "task-vector" else changes


def vectors(
    similarity: str,
    keys: NDArray[Any],
    inits: NDArray[Any] | None = None,
    mean: NDArray[Any] | None = None,
) -> Array:
    """The key vectors [N, H] of the named similarity. `delta` is `average` of what training changed,
    `centered-delta` is `centered` of it, and so is `task-vector` [N, P*H], token by token (Belanec et
    al. 2024, arXiv 2408.01119, section 3: prompts that began alike).

    `mean` [H] is what CENTERED remove, by default the mean of these keys (or of their changes).
    Raises BankError for a name that has no key vectors, and for OF_CHANGES without inits.
    """
    subject = compared(similarity, keys, inits)
    if similarity in ("average", "delta"):
        return average(subject)
    if similarity == "per-token":
        return per_token(subject)
    if similarity in CENTERED:
        return centered(subject, bank_mean(subject) if mean is None else mean)
    raise BankError(
        f"expected one of {', '.join(VECTOR_SIMILARITIES)}, found {similarity!r}",
        "only these similarities are an inner product of two vectors",
    )


def _mean_tokens(keys: NDArray[Any]) -> NDArray[np.float64]:
    """[N, P, H] -> [N, H] in float64, so that a prompt of any scale keeps its direction."""
    return np.asarray(np.asarray(keys, dtype=np.float64).mean(axis=1))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows scaled to length 1; a zero row stays zero."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))
