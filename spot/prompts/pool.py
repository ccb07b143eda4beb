"""A pool of prompts, of which each text chooses those whose keys are nearest (L2P, Wang et al. 2022,
section 4).

The query is the mean of a text's embedded tokens; L2P asks a frozen model for features, which takes a
second pass through it. Each text chooses for itself, never by a vote of its batch, so that its answer does
not depend on its neighbours; what it chose stands in the pool's order, for a prompt's effect depends on
its place. Choosing has no gradient: the keys learn from the penalty alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import drawn, mean_text, size_of
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "pool"
DESCRIPTION = "rows in front of the text, of the prompts of a pool whose keys are nearest to it"
OPTIONS = {
    "size": Option(10, "prompts in the pool, each of prompt.length rows", least=1),
    "top": Option(4, "prompts that a text chooses", least=1),
}
APART = 0.1  # of the rows' size, by which the members of a pool differ at first
PULL = 1.0  # of the keys to the texts that chose them (L2P, equation 5, and its code)


def pool(size: int, top: int) -> Kind:
    """The kind with `size` prompts, `top` for each text. SpotError if it has too few."""
    if top > size:
        raise SpotError(
            f"prompt.kind={NAME}: expected no more prompts for a text than the pool has, found top={top} "
            f"of size={size}",
            f"set {NAME}:size={top},top={top}, or a smaller top",
        )

    def count(length: int, config: ModelConfig) -> int:
        return size * (length + 1) * config.d_model

    return Kind(
        name=written(NAME, {"size": size, "top": top}, OPTIONS),
        description=DESCRIPTION,
        arrays=("pool", "keys"),
        init=partial(_init, size),
        effect=partial(_effect, top),
        key=lambda arrays: arrays["pool"].mean(axis=0),
        count=count,
        before=lambda length: top * length,
        after=lambda length: 0,
        packed=False,
        depends_on_text=True,
        penalty=partial(_penalty, top),
    )


def _init(size: int, start: Start) -> Arrays:
    """Members that are the init's rows, apart by noise that is small beside them: equal ones that
    are often chosen together would stay nearly one, and others would not begin as the init.
    """
    rng, own = start.rng(), size_of(start.rows)
    keys = drawn(rng, own, size, start.rows.shape[1])
    return {"pool": start.rows + drawn(rng, APART * own, size, *start.rows.shape), "keys": keys}


def _effect(top: int, arrays: Mapping[str, Any], embedded: Any, mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect, by_prompt

    rows = by_prompt(partial(_chosen, top), arrays, owner, embedded, mask)
    return Effect(before=rows, owner=owner, by_row=True)


def _penalty(top: int, arrays: Mapping[str, Any], embedded: Any, mask: Any, owner: Any) -> Any:
    from spot.models.effect import by_prompt

    return by_prompt(partial(_pulled, top), {"keys": arrays["keys"]}, owner, embedded, mask)


def _chosen(top: int, own: Mapping[str, Any], embedded: Any, mask: Any) -> Any:
    """The rows [N, top * P, H] that texts [N, T, H] of one prompt choose."""
    members = own["pool"][_nearest(top, own["keys"], embedded, mask)[1]]
    return members.reshape(len(embedded), -1, members.shape[-1])


def _pulled(top: int, own: Mapping[str, Any], embedded: Any, mask: Any) -> Any:
    """[N], less the nearer the chosen keys are to the texts."""
    return -PULL * _nearest(top, own["keys"], embedded, mask)[0].sum(axis=1)


def _nearest(top: int, keys: Any, embedded: Any, mask: Any) -> tuple[Any, Any]:
    """Cosines [N, top] of texts and their nearest keys [N', H], and which they are, in the pool's order."""
    import jax
    import jax.numpy as jnp

    query = jax.lax.stop_gradient(mean_text(embedded, mask))
    cosines = _directions(query) @ _directions(keys).T
    chosen = jnp.sort(jax.lax.top_k(jax.lax.stop_gradient(cosines), top)[1], axis=1)
    return jnp.take_along_axis(cosines, chosen, axis=1), chosen


def _directions(x: Any) -> Any:
    """x [N, H] as unit vectors; zeros stay so."""
    import jax.numpy as jnp

    return x / jnp.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-12)


FORM = Form(NAME, DESCRIPTION, pool, OPTIONS)
