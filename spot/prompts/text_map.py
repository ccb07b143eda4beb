"""A learned map of the text, token by token, with rows in front: x' = x + W_up silu(W_down x).

An adapter (Houlsby et al. 2019, section 2.1) at the embedded text alone. It begins as a plain prompt,
because W_up begins as zeros; W_down reads a token divided by its root mean square.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import INNER, LAST, drawn, size_of, through, unit
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "map"
DESCRIPTION = "rows in front of the text, and a map of each of its tokens"
OPTIONS = {"width": Option(32, "the numbers in the middle of the map", least=1)}


def text_map(width: int) -> Kind:
    """The kind with a map of `width` hidden numbers."""

    def count(length: int, config: ModelConfig) -> int:
        return (length + 2 * width) * config.d_model

    return Kind(
        name=written(NAME, {"width": width}, OPTIONS),
        description=DESCRIPTION,
        arrays=("prompt", "down", "up", "size"),
        init=partial(_init, width),
        effect=_effect,
        key=lambda arrays: arrays["prompt"],
        count=count,
        before=lambda length: length,
        after=lambda length: 0,
        packed=False,
        rates={"down": INNER, "up": LAST, "size": 0.0},
    )


def _init(width: int, start: Start) -> Arrays:
    size, numbers = size_of(start.rows), start.rows.shape[1]
    return {
        "prompt": start.rows,
        "down": drawn(start.rng(), size, numbers, width),
        "up": np.zeros((width, numbers), np.float32),
        "size": size,
    }


def _effect(arrays: Mapping[str, Any], embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect, by_prompt

    matrices = {name: arrays[name] for name in ("down", "up", "size")}
    text = by_prompt(_mapped, matrices, owner, embedded)
    return Effect(before=arrays["prompt"], text=text, owner=owner)


def _mapped(own: Mapping[str, Any], text: Any) -> Any:
    """Texts [N, T, H] of one prompt, mapped."""
    import jax

    size = jax.lax.stop_gradient(own["size"])
    return text + jax.nn.silu(through(unit(text), own["down"], size)) @ own["up"]


FORM = Form(NAME, DESCRIPTION, text_map, OPTIONS)
