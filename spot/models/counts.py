"""Counts of trained and frozen parameters. Needs no JAX."""

from __future__ import annotations

from typing import Any, NamedTuple


class Counts(NamedTuple):
    """Numbers of trained and of frozen parameters."""

    trained: int
    frozen: int

    @property
    def percent(self) -> float:
        """Trained parameters as a percentage of all."""
        return 100 * self.trained / (self.trained + self.frozen)

    def to_json(self) -> dict[str, int | float]:
        """Plain values."""
        return {**self._asdict(), "percent": self.percent}

    def __str__(self) -> str:
        """The counts in words, as of a prompt of 100 vectors on T5 1.1 XXL (Lester et al. 2021,
        section 3.4).

        >>> str(Counts(100 * 4096, 11_135_332_352))
        '409.6K of 11.1B parameters trained (0.00368 %)'
        """
        total = short(self.trained + self.frozen)
        return f"{short(self.trained)} of {total} parameters trained ({self.percent:.3g} %)"


def count(parameters: Any) -> int:
    """Number of parameters in a tree of arrays, such as a network."""
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(parameters))


def short(number: int) -> str:
    """A count in three or four digits.

    >>> [short(n) for n in (80, 409_600, 76_961_152, 11_135_332_352)]
    ['80', '409.6K', '77.0M', '11.1B']
    """
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)
