"""One prompt on the host. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.prompts.kind import Kind
from spot.prompts.prefix import PREFIX

if TYPE_CHECKING:
    from bank.formats.facts import Facts
    from spot.prompts.stacked import SoftPrompts


@dataclass(frozen=True, eq=False)
class SoftPrompt:
    """A prompt of some kind as named float32 arrays; `np.asarray(prompt)` is its key [P, H].

    `facts` are what is known of its task, model and recipe, None where nothing is.

    >>> prompt = SoftPrompt.of(PREFIX, np.zeros((3, 4)))
    >>> np.asarray(prompt).shape, prompt.tokens, prompt.count
    ((3, 4), 3, 12)
    """

    kind: Kind
    arrays: Mapping[str, np.ndarray]
    facts: Facts | None = None

    @classmethod
    def of(cls, kind: Kind, rows: np.ndarray) -> SoftPrompt:
        """A prompt of a kind that starts from rows [P, H]."""
        return cls(kind, kind.init(rows))

    @property
    def key(self) -> np.ndarray:
        """The rows [P, H] that search compares."""
        return np.asarray(self.kind.key(self.arrays), np.float32)

    @property
    def named(self) -> dict[str, np.ndarray]:
        """The arrays that are stored beside the key: none where the key is the whole prompt."""
        arrays = dict(self.arrays)
        only = next(iter(arrays.values()))
        return {} if len(arrays) == 1 and np.array_equal(only, self.key) else arrays

    @property
    def tokens(self) -> int:
        """Rows that it adds to a text's context."""
        length = len(self.key)
        return self.kind.before(length) + self.kind.after(length)

    @property
    def count(self) -> int:
        """Number of trained values."""
        return sum(array.size for array in self.arrays.values())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.key, dtype, copy=copy)

    def stacked(self) -> SoftPrompts:
        """The same prompt on the device, S = 1."""
        from spot.prompts.stacked import stack

        return stack([self])


def as_prompt(prompt: SoftPrompt | np.ndarray) -> SoftPrompt:
    """A prompt as it is; an array [P, H] as a plain prompt."""
    return prompt if isinstance(prompt, SoftPrompt) else SoftPrompt.of(PREFIX, prompt)
