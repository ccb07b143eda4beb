"""Several prompts of one kind on the device, as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.errors import SpotError
from spot.models.effect import Effect
from spot.prompts.kind import Kind
from spot.prompts.prompt import SoftPrompt, as_prompt


@partial(jax.tree_util.register_dataclass, data_fields=["params", "owner"], meta_fields=["kind"])
@dataclass(frozen=True, eq=False)
class SoftPrompts:
    """S prompts of one kind: arrays by name, each [S, ...].

    owner: int [B], the prompt of each row of a batch; without it each prompt serves B/S consecutive
    rows.
    """

    kind: Kind
    params: dict[str, Any]
    owner: jax.Array | None = None

    def effect(self, embedded: jax.Array, mask: jax.Array) -> Effect:
        """Their effect on embedded texts [B, T, H] whose real tokens the mask [B, T] marks."""
        return self.kind.effect(self.params, embedded, mask, self.owner)

    @property
    def size(self) -> int:
        """S, the number of prompts."""
        return len(next(iter(self.params.values())))


def stack(
    prompts: Sequence[SoftPrompt | np.ndarray], owner: np.ndarray | None = None
) -> SoftPrompts:
    """Prompts of one kind and shape, in order; SpotError if they differ in either."""
    every = [as_prompt(prompt) for prompt in prompts]
    shapes = sorted({_shape(prompt) for prompt in every})
    if len(shapes) != 1:
        raise SpotError(
            f"expected prompts of one kind, length and width, found {' and '.join(shapes)}",
            "prompts that are used together have the same prompt.kind and prompt.length",
        )
    params = {
        name: jnp.asarray(np.stack([prompt.arrays[name] for prompt in every]), jnp.float32)
        for name in every[0].arrays
    }
    return SoftPrompts(every[0].kind, params, None if owner is None else jnp.asarray(owner))


def unstack(prompts: SoftPrompts) -> list[SoftPrompt]:
    """The prompts one by one, on the host."""
    params = {name: np.asarray(array) for name, array in prompts.params.items()}
    return [
        SoftPrompt(prompts.kind, {name: array[index] for name, array in params.items()})
        for index in range(prompts.size)
    ]


def _shape(prompt: SoftPrompt) -> str:
    arrays = (f"{name} {list(array.shape)}" for name, array in sorted(prompt.arrays.items()))
    return f"{prompt.kind.name} ({', '.join(arrays)})"
