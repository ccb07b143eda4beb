"""Decomposed prompt tuning: fewer rows in front of the text, and a change of low rank for each of its
places, x'_i = x_i + (A B)_i (DePT, Shi and Lipani 2024).

A place counts from the start of the text; places from `texts` on are left as they are. It begins as a plain
prompt, because B begins as zeros. With 40 rows, a width of 45 and 256 places it has the 76,800 numbers
of 100 rows of T5-base.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import INNER, LAST, drawn, size_of
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "dept"
DESCRIPTION = "rows in front of the text, and a learned change of each of its places (DePT)"
OPTIONS = {
    "width": Option(45, "the rank of the change", least=1),
    "texts": Option(256, "the places of a text, from its start, that are changed", least=1),
}


def dept(width: int, texts: int) -> Kind:
    """The kind with a change of rank `width` for the first `texts` places."""

    def count(length: int, config: ModelConfig) -> int:
        return (length + width) * config.d_model + texts * width

    return Kind(
        name=written(NAME, {"width": width, "texts": texts}, OPTIONS),
        description=DESCRIPTION,
        arrays=("prompt", "places", "up", "size"),
        init=partial(_init, width, texts),
        effect=_effect,
        key=lambda arrays: arrays["prompt"],
        count=count,
        before=lambda length: length,
        after=lambda length: 0,
        packed=False,
        rates={"places": INNER, "up": LAST, "size": 0.0},
    )


def _init(width: int, texts: int, start: Start) -> Arrays:
    size = size_of(start.rows)
    return {
        "prompt": start.rows,
        "places": drawn(start.rng(), size, texts, width),
        "up": np.zeros((width, start.rows.shape[1]), np.float32),
        "size": size,
    }


def _effect(arrays: Mapping[str, Any], embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect, by_prompt

    matrices = {name: arrays[name] for name in ("places", "up", "size")}
    text = by_prompt(_changed, matrices, owner, embedded)
    return Effect(before=arrays["prompt"], text=text, owner=owner)


def _changed(own: Mapping[str, Any], text: Any) -> Any:
    """Texts [N, T, H] of one prompt with what it adds to their places."""
    import jax
    import jax.numpy as jnp

    places = own["places"][: text.shape[1]] / jax.lax.stop_gradient(own["size"])
    change = places @ own["up"]
    return text + jnp.pad(change, ((0, text.shape[1] - len(change)), (0, 0)))


FORM = Form(NAME, DESCRIPTION, dept, OPTIONS)
