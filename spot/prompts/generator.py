"""Rows made for each text: P(x) = P + W2 silu(W1 m(x)) (IDPG, Wu et al. 2022, section 3).

m(x) is the mean of the text's embedded tokens, divided by its root mean square; IDPG pools a frozen model's
states, which takes a second pass through it. It begins as a plain prompt, because W2 begins as zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import INNER, LAST, drawn, mean_text, size_of, through, unit
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "generator"
DESCRIPTION = "rows in front of the text that a small network makes from it"
OPTIONS = {"width": Option(16, "the numbers in the middle of the network", least=1)}


def generator(width: int) -> Kind:
    """The kind with a network of `width` hidden numbers."""

    def count(length: int, config: ModelConfig) -> int:
        return (length + width + width * length) * config.d_model

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
        depends_on_text=True,
    )


def _init(width: int, start: Start) -> Arrays:
    size = size_of(start.rows)
    return {
        "prompt": start.rows,
        "down": drawn(start.rng(), size, start.rows.shape[1], width),
        "up": np.zeros((width, *start.rows.shape), np.float32),
        "size": size,
    }


def _effect(arrays: Mapping[str, Any], embedded: Any, mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect, by_prompt

    rows = by_prompt(_generated, arrays, owner, embedded, mask)
    return Effect(before=rows, owner=owner, by_row=True)


def _generated(own: Mapping[str, Any], embedded: Any, mask: Any) -> Any:
    """The rows [N, P, H] that one prompt makes for texts [N, T, H]."""
    import jax
    import jax.numpy as jnp

    size = jax.lax.stop_gradient(own["size"])
    hidden = jax.nn.silu(through(unit(mean_text(embedded, mask)), own["down"], size))
    return own["prompt"] + jnp.tensordot(hidden, own["up"], 1)


FORM = Form(NAME, DESCRIPTION, generator, OPTIONS)
