"""One prompt on the host. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Kind, Start, needs_model
from spot.prompts.prefix import PREFIX

if TYPE_CHECKING:
    from bank.formats.facts import Facts
    from spot.models.model import Model
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
    def of(
        cls, kind: Kind, rows: np.ndarray, model: Model | None = None, seed: int = 0
    ) -> SoftPrompt:
        """A prompt of a kind on a model that starts from rows [P, H].

        Only kinds that are their rows need no model. Raises SpotError for the others without one, and
        for a model that the kind cannot work on.
        """
        if model is not None:
            return cls(kind, kind.make(Start.on(model, rows, seed)))
        if not kind.is_rows:
            raise needs_model(kind.name)
        return cls(kind, {kind.arrays[0]: np.asarray(rows, np.float32)})

    @cached_property
    def key(self) -> np.ndarray:
        """The numbers [P, H] that search compares; of most kinds its rows."""
        return np.asarray(self.kind.key(self.arrays), np.float32)

    @property
    def named(self) -> dict[str, np.ndarray]:
        """The arrays that are stored beside the key: none where the key is the whole prompt."""
        return {} if self.kind.is_rows else dict(self.arrays)

    @property
    def rows(self) -> np.ndarray | None:
        """The rows [P, H] of a prompt that is its rows, wherever they stand, or that does the same as rows
        in front of the text; None for the others.
        """
        if self.kind.is_rows:
            return np.asarray(self.arrays[self.kind.arrays[0]], np.float32)
        if self.kind.plain is not None:
            return np.asarray(self.kind.plain(self.arrays), np.float32)
        return None

    @property
    def tokens(self) -> int:
        """Rows that it adds to a text's context."""
        length = len(self.key)
        return self.kind.before(length) + self.kind.after(length)

    @property
    def count(self) -> int:
        """Number of trained values."""
        rates = self.kind.rates
        return sum(array.size for name, array in self.arrays.items() if rates.get(name, 1))

    def misfit(self, config: ModelConfig) -> str:
        """In what the arrays are not those of the kind on this architecture; "" where they are.

        Raises SpotError for a kind that cannot work on it.
        """
        self.kind.check(config)
        expected = self.kind.shapes(len(self.key), config)
        apart = [
            f"{name} {list(self.arrays[name].shape)}, expected {list(shape)}"
            for name, shape in expected.items()
            if self.arrays[name].shape != shape
        ]
        return ", ".join(apart)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.key, dtype, copy=copy)

    def stacked(self) -> SoftPrompts:
        """The same prompt on the device, S = 1."""
        from spot.prompts.stacked import stack

        return stack([self])


def as_prompt(prompt: SoftPrompt | np.ndarray) -> SoftPrompt:
    """A prompt as it is; an array [P, H] as a plain prompt."""
    return prompt if isinstance(prompt, SoftPrompt) else SoftPrompt.of(PREFIX, prompt)
