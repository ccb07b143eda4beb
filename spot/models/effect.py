"""The effect of soft prompts on one forward pass, and the one place where rows meet their prompt.

A network takes an `Effect` and knows no kind of prompt; a kind makes an `Effect` and knows nothing
inside a network. A new way to reach into a network is one more field here, read where T5 and Decoder
call `effect_of`: arrays for every layer [S, L, P, H], a replaced text [B, T, H], a visibility mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np


@partial(jax.tree_util.register_dataclass, data_fields=["before", "after", "owner"], meta_fields=[])
@dataclass(frozen=True, eq=False)
class Effect:
    """Rows of S prompts around the embedded texts of a batch.

    before: [S, P, H], in front of a text. after: [S, P', H], right behind a text's last real token,
    in front of what the model writes. owner: int [B], the prompt of each row; without it each prompt
    serves B/S consecutive rows, and what they share is computed once.
    """

    before: jax.Array | None = None
    after: jax.Array | None = None
    owner: jax.Array | None = None


@runtime_checkable
class Prompts(Protocol):
    """Trainable prompts on the device, whatever their kind."""

    def effect(self, embedded: jax.Array, mask: jax.Array) -> Effect:
        """Their effect on embedded texts [B, T, H] whose real tokens the mask [B, T] marks."""


@runtime_checkable
class HostPrompt(Protocol):
    """One prompt on the host, whatever its kind; as an array it is its key [P, H]."""

    @property
    def tokens(self) -> int:
        """Rows that it adds to a text's context."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The key."""

    def stacked(self) -> Prompts:
        """The same prompt on the device, S = 1."""


def effect_of(prompts: Any, embedded: jax.Array, mask: jax.Array) -> Effect:
    """The effect of `Prompts`, of a ready `Effect`, of rows [S, P, H] in front of the text, or of no
    prompt (None). Groups of no rows are dropped.
    """
    if prompts is None:
        return Effect()
    if isinstance(prompts, Effect):
        effect = prompts
    elif isinstance(prompts, Prompts):
        effect = prompts.effect(embedded, mask)
    else:
        effect = Effect(before=jnp.asarray(prompts))
    return replace(effect, before=_some(effect.before), after=_some(effect.after))


def _some(rows: jax.Array | None) -> jax.Array | None:
    return None if rows is None or rows.shape[1] == 0 else rows


def spread(prompts: jax.Array, owner: jax.Array | None, rows: int) -> jax.Array:
    """[S, ...] -> [B, ...]: to each of B rows the array of its prompt."""
    if owner is None:
        return jnp.repeat(prompts, rows // prompts.shape[0], axis=0)
    return prompts[owner]


def behind(x: jax.Array, lengths: jax.Array, rows: jax.Array) -> jax.Array:
    """x [B, T, H] with rows [B, P, H] from place lengths [B] on -> [B, T+P, H]; what stood behind is
    padding, and the places behind the rows are left as they are.
    """
    count = rows.shape[1]
    x = jnp.pad(x, ((0, 0), (0, count), (0, 0)))
    offset = jnp.arange(x.shape[1]) - lengths[:, None]
    placed = jnp.take_along_axis(rows, jnp.clip(offset, 0, count - 1)[..., None], axis=1)
    return jnp.where(((offset >= 0) & (offset < count))[..., None], placed, x)
