"""A pull towards the rows that a prompt starts from (Khashabi et al. 2022, arXiv 2112.08348).

A prompt that starts from the embeddings of a text and is held near them still reads as that text. The
loss of a row is L + γ/mean‖E‖² · (1/P) Σ‖p_i - e_i‖², with e the rows of the start and E the model's
embeddings: in these units one γ means the same on every model.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spot.errors import SpotError
from spot.prompts.kind import Kind
from spot.prompts.stacked import SoftPrompts


class Anchor(NamedTuple):
    """The rows [S, P, H] that prompts are pulled to, and γ/mean‖E‖²."""

    rows: jax.Array
    strength: jax.Array


def anchored(prompts: SoftPrompts, embeddings: np.ndarray, gamma: float) -> Anchor:
    """The pull to where these prompts are now. embeddings: [V, H]."""
    size = float(np.vdot(embeddings, embeddings)) / len(embeddings)
    rows = rows_beside(prompts.kind, prompts.params, embeddings.shape[1])
    return Anchor(rows, jnp.asarray(gamma / size, jnp.float32))


def check_kind(prompts: SoftPrompts, width: int) -> None:
    """Raises SpotError for a kind of prompt without rows of its own beside the text, which could be pulled
    to tokens.
    """
    shape = jax.eval_shape(partial(_effect, prompts.kind, width), prompts.params)
    if shape.by_row or (shape.before is None and shape.after is None):
        raise SpotError(
            "train.wayward pulls the rows of a prompt to where they started; "
            f"{prompts.kind.name} has no rows beside the text that are the same for every text",
            "set train.wayward=0, or prompt.kind=prefix",
        )


def _effect(kind: Kind, width: int, params: dict[str, Any]) -> Any:
    """The effect of S prompts on a text of one token each, on a model of this width."""
    slots = len(next(iter(params.values())))
    return kind.effect(params, jnp.zeros((slots, 1, width)), jnp.ones((slots, 1), bool), None)


def rows_beside(kind: Kind, params: dict[str, Any], width: int) -> jax.Array:
    """The rows [S, P, H] of prompts in front of a text and behind it; width: H."""
    effect = _effect(kind, width, params)
    groups = [rows for rows in (effect.before, effect.after) if rows is not None]
    return jnp.concatenate(groups, axis=1)


@partial(jax.jit, static_argnames="kind")
def pull(
    kind: Kind, params: dict[str, Any], anchor: Anchor, counts: np.ndarray
) -> dict[str, jax.Array]:
    """The gradient, by array, of the pull on S prompts for so many rows [S] of a batch."""

    def apart(params: dict[str, Any]) -> jax.Array:
        rows = rows_beside(kind, params, anchor.rows.shape[-1])
        squares = jnp.square(rows - anchor.rows).sum(-1).mean(-1)
        summed: jax.Array = anchor.strength * (counts * squares).sum()
        return summed

    gradient: dict[str, jax.Array] = jax.grad(apart)(params)
    return gradient
