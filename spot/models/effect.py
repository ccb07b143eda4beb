"""The effect of soft prompts on one forward pass, and the one place where rows meet their prompt.

A network takes an `Effect` and knows no kind of prompt; a kind makes an `Effect` and knows nothing
inside a network. A new way to reach into a network is one more field here, read where T5 and Decoder
call `effect_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.config import ModelConfig


class Visibility(NamedTuple):
    """Who sees whom where rows in front of a text and the text attend to each other (Lester et al. 2021,
    section 2, let all see all); the text always sees itself, and what is written sees everything.

    among: what a row of the prompt sees of the others: "all", "causal" (those in front of it) or
    "itself". text: rows see the text. seen: the text sees the rows.
    """

    among: Literal["all", "causal", "itself"] = "all"
    text: bool = True
    seen: bool = True


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "before",
        "after",
        "owner",
        "layers",
        "keys_values",
        "writer",
        "text",
        "hidden",
        "padding",
    ],
    meta_fields=["layers_added", "by_row", "visible"],
)
@dataclass(frozen=True, eq=False)
class Effect:
    """What S prompts do to the embedded texts [B, T, H] of a batch.

    before: [S, P, H], in front of a text. after: [S, P', H], right behind a text's last real token,
    in front of what the model writes. owner: int [B], the prompt of each row; without it each prompt
    serves B/S consecutive rows, and what they share is computed once.

    layers: [S, L-1, P, H], put in the places of `before` at the input of every layer but the first, in
    the stack that reads; with `layers_added` they are added to what is there. keys_values: [S, L, 2, kv,
    P'', D], keys (turned to their places, where a model turns them) and values that every layer of that
    stack finds in front of all else. writer: [S, L', 2, heads, P'', D], the same for self-attention in
    the decoder of a T5. text: [B, T, H], read in place of the embedded texts. visible: who sees whom, where
    it is not as the model has it.

    hidden: bool [R, P''+P], columns in front of the text (those of keys_values, then of before) that no row
    sees, for each of the R layers of the stack that reads and, of a T5, for what its decoder sees of the
    text; the places of what follows stay. For looking inside prompts, not for training.

    padding: int [S], empty columns at the outer end of those in front of the text, so that prompts of other
    lengths may stand beside each other: nothing sees them, and what follows stands where it would without
    them. With rows in front and keys and values in front of these, the latter are filled up first.

    by_row: before and after are one for each row of the batch, [B, P, H], whatever `owner` says; and so is
    padding.
    """

    before: jax.Array | None = None
    after: jax.Array | None = None
    owner: jax.Array | None = None
    layers: jax.Array | None = None
    keys_values: jax.Array | None = None
    writer: jax.Array | None = None
    text: jax.Array | None = None
    hidden: jax.Array | None = None
    padding: jax.Array | None = None
    layers_added: bool = False
    by_row: bool = False
    visible: Visibility | None = None

    def to_rows(self, array: jax.Array, rows: int) -> jax.Array:
        """before, after or padding -> [B, ...]: to each of B rows its own."""
        return array if self.by_row else spread(array, self.owner, rows)

    def empty(self, columns: int) -> jax.Array | None:
        """bool [S, columns], which of the columns in front of the text are padding, if any may be."""
        if self.padding is None:
            return None
        return jnp.arange(columns) < self.padding[:, None]

    def at_layer(self, x: jax.Array, layer: int, owner: jax.Array | None) -> jax.Array:
        """x [R, Q, H], the input of a layer from 1 on, with what `layers` does to its first P places; R
        rows of the prompts that `owner` names.
        """
        if self.layers is None:
            return x
        rows = spread(self.layers[:, layer - 1], owner, x.shape[0])
        count = rows.shape[1]
        rows = rows + x[:, :count] if self.layers_added else rows
        return jnp.concatenate([rows, x[:, count:]], axis=1)


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

    def misfit(self, config: ModelConfig) -> str:
        """In what its arrays do not fit the architecture; "" where they do."""

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


def by_prompt(
    function: Callable[..., jax.Array],
    arrays: Mapping[str, jax.Array],
    owner: jax.Array | None,
    *rows: jax.Array,
) -> jax.Array:
    """function(arrays of one prompt, *rows of it [N, ...]) -> [N, ...], for the rows [B, ...] of S
    prompts whose arrays are [S, ...] -> [B, ...].

    The function treats rows apart. With an owner each row takes the arrays of its prompt along.
    """
    if owner is not None:
        chosen = {name: array[owner] for name, array in arrays.items()}

        def one(own: Mapping[str, jax.Array], *row: jax.Array) -> jax.Array:
            return function(own, *(each[None] for each in row))[0]

        each: jax.Array = jax.vmap(one)(chosen, *rows)
        return each
    count = len(next(iter(arrays.values())))
    parted = [array.reshape(count, -1, *array.shape[1:]) for array in rows]
    made: jax.Array = jax.vmap(function)(dict(arrays), *parted)
    return made.reshape(-1, *made.shape[2:])


def of_texts(arrays: jax.Array | None, owner: jax.Array | None) -> jax.Array | None:
    """Keys and values [S, ...] as memories for B rows: [S, ...], each for consecutive ones, or [B, ...] where
    rows choose their prompt.
    """
    return arrays if arrays is None or owner is None else arrays[owner]


def visibility(visible: Visibility, front: int, length: int) -> jax.Array:
    """bool [Q, K], who may see whom among `front` rows of a prompt and what follows, `length` in all."""
    places = jnp.arange(length)
    query, key = places[:, None], places[None]
    among = {"all": key >= 0, "causal": key <= query, "itself": key == query}[visible.among]
    of_prompt = jnp.where(key < front, among, visible.text)
    of_text = (key >= front) | visible.seen
    return jnp.where(query < front, of_prompt, of_text)


def behind(x: jax.Array, lengths: jax.Array, rows: jax.Array) -> jax.Array:
    """x [B, T, H] with rows [B, P, H] from place lengths [B] on -> [B, T+P, H]; what stood behind is
    padding, and the places behind the rows are left as they are.
    """
    count = rows.shape[1]
    x = jnp.pad(x, ((0, 0), (0, count), (0, 0)))
    offset = jnp.arange(x.shape[1]) - lengths[:, None]
    placed = jnp.take_along_axis(rows, jnp.clip(offset, 0, count - 1)[..., None], axis=1)
    return jnp.where(((offset >= 0) & (offset < count))[..., None], placed, x)
