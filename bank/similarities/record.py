"""The record of a similarity: a representation of each prompt, and the comparison of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError

Represent = Callable[[NDArray[Any], NDArray[Any] | None], NDArray[Any]]
Compare = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]


class MissingInit(BankError):
    """A similarity needs a prompt's initial values, which are not known."""


@dataclass(frozen=True)
class Similarity:
    """One way to compare prompts; shapes: N prompts of P tokens and width H.

    `represent` maps keys [N, P, H] and inits [N, P, H] (None where unknown) to one row a prompt.
    Without `compare` the rows are vectors [N, D] in float64 and the similarity is an inner product,
    so that FAISS finds the nearest exactly: `centred` removes the bank's mean row first, `unit`
    scales to length 1 (a cosine). `compare` maps a query's row and all rows to N similarities.
    `needs_inits`: `represent` uses what training changed.
    """

    name: str
    description: str
    represent: Represent
    compare: Compare | None = None
    centred: bool = False
    unit: bool = True
    needs_inits: bool = False

    def rows(self, keys: NDArray[Any], inits: NDArray[Any] | None = None) -> NDArray[Any]:
        """The representation of each prompt, [N, P, H] -> [N, …].

        Raises MissingInit when the similarity needs the inits and they are not known.
        """
        if self.needs_inits and inits is None:
            raise MissingInit(
                f'the similarity "{self.name}" needs every prompt\'s initial values, and some are '
                "not known",
                "choose a similarity that compares the keys alone, or add their inits",
            )
        return self.represent(np.asarray(keys), inits)

    def mean(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        """The mean row [D] that `vectors` removes; None for a similarity that is not centred."""
        return np.asarray(rows.mean(axis=0)) if self.centred else None

    def vectors(self, rows: NDArray[Any], mean: NDArray[np.float64] | None) -> NDArray[np.float32]:
        """Vectors [N, D] whose inner products are the similarity; zeros where a prompt has no direction.

        mean: of the bank's rows; a query is centred by the same mean. What remains of a prompt that
        equals the mean is rounding error and becomes zeros.
        """
        if mean is not None:
            lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
            rows = rows - mean
            rest = np.linalg.norm(rows, axis=-1, keepdims=True)
            rows[(rest <= 1e-6 * lengths)[..., 0]] = 0.0
        return np.asarray(unit(rows) if self.unit else rows, dtype=np.float32)

    def matrix(
        self, keys: NDArray[Any], inits: NDArray[Any] | None = None, *, bank_size: int | None = None
    ) -> NDArray[np.float64]:
        """All similarities among N prompts, [N, P, H] -> [N, N]; row = query, column = key.

        bank_size: how many of the prompts are the bank's, first in order, over which the mean of a
        centred similarity is taken (default: all). Raises BankError for another shape, and as `rows`.
        """
        keys = np.asarray(keys)
        if keys.ndim != 3:
            raise BankError(f"expected prompts [N, P, H], found shape {keys.shape}")
        rows = self.rows(keys, inits)
        if self.compare is not None:
            return np.array([self.compare(row, rows) for row in rows], dtype=np.float64)
        vectors = self.vectors(rows, self.mean(rows[:bank_size])).astype(np.float64)
        return np.asarray(vectors @ vectors.T)


def unit(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Rows scaled to length 1 along the last axis; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0))
