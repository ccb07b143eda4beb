"""Trained rows at every layer: the input of each layer has its own rows in the prompt's places.

`overwrite` puts them there, whatever the layer before made of its own (Liu et al. 2022, P-tuning v2);
`add` adds them to it (Qin and Eisner 2021, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.scales import scaled
from spot.prompts.sketch import sketched
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "every-layer"
DESCRIPTION = "rows in front of the text at every layer"
OPTIONS = {
    "change": Option(
        "overwrite",
        "what is done to the prompt's states at a layer: overwrite, or add",
        choices=("overwrite", "add"),
    )
}


def every_layer(change: str) -> Kind:
    """The kind that overwrites the states of the prompt, or adds to them."""
    return Kind(
        name=written(NAME, {"change": change}, OPTIONS),
        description=DESCRIPTION,
        arrays=("layers", "scale"),
        init=_add if change == "add" else _overwrite,
        effect=_adding if change == "add" else _overwriting,
        key=_key,
        count=lambda length, config: config.stacks[0] * length * config.d_model,
        before=lambda length: length,
        after=lambda length: 0,
        packed=True,
        rates={"scale": 0.0},
    )


def _overwrite(start: Start) -> Arrays:
    """The states that the model itself makes of the rows."""
    layers, scale = scaled(start.read(start.rows).inputs, start.rows, 1)
    return {"layers": layers, "scale": scale}


def _add(start: Start) -> Arrays:
    """The rows at the first layer and nothing at the others, so that it begins as a plain prompt."""
    states = start.read(start.rows).inputs
    layers = np.zeros_like(states)
    layers[0] = start.rows
    return {"layers": layers, "scale": scaled(states, start.rows, 1)[1]}


def _key(arrays: Mapping[str, Any]) -> np.ndarray:
    """The numbers of each token at all layers, each layer's as large as the others'."""
    layers = np.asarray(arrays["layers"])
    return sketched(np.concatenate(list(layers), axis=-1), layers.shape[-1])


def _overwriting(arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect

    layers = _layers(arrays)
    return Effect(before=layers[:, 0], layers=layers[:, 1:], owner=owner)


def _adding(arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect

    layers = _layers(arrays)
    return Effect(before=layers[:, 0], layers=layers[:, 1:], layers_added=True, owner=owner)


def _layers(arrays: Mapping[str, Any]) -> Any:
    """[S, L, P, H]."""
    import jax

    return arrays["layers"] * jax.lax.stop_gradient(arrays["scale"])


FORM = Form(NAME, DESCRIPTION, every_layer, OPTIONS)
