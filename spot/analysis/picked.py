"""A prompt of which only some rows are used, in an order of one's own: what removal and reordering do.

It reaches into the effect of the prompt, not into its arrays. So it does the same to every kind that puts
rows in front of a text or behind it, at the input or at every layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from spot.analysis.altered import Altered
from spot.errors import SpotError
from spot.models.effect import Effect, Prompts
from spot.prompts.prompt import SoftPrompt


@dataclass(frozen=True, eq=False)
class Picked(Altered):
    """A prompt's rows at these places, of `prompt.tokens`, the front ones first. As many stand in front of
    the text as there are places of rows that stood there.
    """

    front: tuple[int, ...]
    behind: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Rows that it adds to a text's context."""
        return len(self.front) + len(self.behind)

    def stacked(self) -> Prompts:
        """The same on the device, S = 1."""
        places = (jnp.asarray(each, jnp.int32) for each in (self.front, self.behind))
        return PickedPrompts(self.prompt.stacked(), *places)


@partial(
    jax.tree_util.register_dataclass, data_fields=["prompts", "front", "behind"], meta_fields=[]
)
@dataclass(frozen=True, eq=False)
class PickedPrompts:
    """Prompts of which all use the rows at the same places; the places are arrays, so that another order
    needs no other program.
    """

    prompts: Prompts
    front: jax.Array
    behind: jax.Array

    def effect(self, embedded: jax.Array, mask: jax.Array) -> Effect:
        """Their effect on embedded texts [B, T, H] whose real tokens the mask [B, T] marks."""
        effect = self.prompts.effect(embedded, mask)
        if effect.before is not None and effect.keys_values is not None:
            raise SpotError(
                "a prompt of rows beside keys and values has no one order of both",
                "choose other parts with --parts",
            )
        groups = [each for each in (effect.before, effect.after) if each is not None]
        before, after = effect.before, effect.after
        if groups:
            rows = jnp.concatenate(groups, axis=1)
            before, after = rows[:, self.front], rows[:, self.behind]
        layers, pairs = effect.layers, effect.keys_values
        return replace(
            effect,
            before=before,
            after=after,
            layers=None if layers is None else layers[:, :, self.front],
            keys_values=None if pairs is None else jnp.take(pairs, self.front, axis=-2),
        )


def picked(prompt: SoftPrompt, places: Sequence[int]) -> Picked:
    """A prompt with only the rows at these places, 0 to tokens - 1, in this order. Rows that are left out
    of those behind the text do not move others there.
    """
    count = sum(place < prompt.kind.before(len(prompt.key)) for place in places)
    own = tuple(map(int, places))
    return Picked(prompt, own[:count], own[count:])
