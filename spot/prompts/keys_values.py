"""Trained keys and values in front of those of the text, at every layer (Li and Liang 2021, prefix
tuning, section 4.1, without its reparametrisation).

They begin as the keys and values that the model makes of the rows of the init, which are kept beside them:
from noise, prefix tuning often learns nothing. Rows at the input may stand beside them, as many as one
likes (He et al. 2022, section 3: such rows ask, keys and values are asked).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.models.states import States
from spot.prompts.kind import Arrays, Form, Kind, Start, any_model
from spot.prompts.scales import scaled
from spot.prompts.sketch import sketched
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME, DESCRIPTION = "keys-values", "keys and values in front of the text at every layer"
WRITER, OF_WRITER = (
    "decoder-keys-values",
    "keys and values at every layer of a T5's decoder, in front of what it writes",
)
START = Option(
    "text",
    "where they begin: text, what the model makes of the rows of prompt.init, or noise of that size",
    choices=("text", "noise"),
)
SINK = Option(0, "1: the first token stays as it begins, as a sink of attention", least=0, most=1)
ROWS = Option(0, "rows in front of the text at the input, beside the keys and values", least=0)
OPTIONS = {"start": START, "sink": SINK, "rows": ROWS}
WRITER_OPTIONS = {"start": START, "sink": SINK}


def keys_values(start: str, sink: int, rows: int) -> Kind:
    """The kind with keys and values for the layers that read the text."""
    name = written(NAME, {"start": start, "sink": sink, "rows": rows}, OPTIONS)
    return _kind(name, DESCRIPTION, lambda begin: begin.read(begin.rows), 0, start, sink, rows)


def writer_keys_values(start: str, sink: int) -> Kind:
    """The kind with keys and values for the layers of a T5's decoder."""
    name = written(WRITER, {"start": start, "sink": sink}, WRITER_OPTIONS)
    return _kind(
        name, OF_WRITER, lambda begin: begin.written(begin.rows), 1, start, sink, 0, _has_writer
    )


def _kind(
    name: str,
    description: str,
    states: Callable[[Start], States],
    stack: int,
    start: str,
    sink: int,
    rows: int,
    check: Callable[[ModelConfig], None] = any_model,
) -> Kind:
    """stack: the model's stack that has them, 0 the one that reads the text."""
    own = ["keys_values", "scale", "start", *["sink"][:sink], *(["rows"] if rows else [])]

    def count(length: int, config: ModelConfig) -> int:
        token = config.stacks[stack] * 2 * config.kv_heads * config.d_kv
        return max(length - sink, 0) * token + rows * config.d_model

    return Kind(
        name=name,
        description=description,
        arrays=tuple(own),
        init=partial(_init, states, start, sink, rows),
        effect=partial(_effect, stack),
        key=_key,
        count=count,
        before=lambda length: 0 if stack else length + rows,
        after=lambda length: 0,
        packed=True,
        rates={"scale": 0.0, "start": 0.0, "sink": 0.0},
        check=check,
    )


def _init(
    states: Callable[[Start], States], begin: str, sink: int, rows: int, start: Start
) -> Arrays:
    numbers, scale = scaled(states(start).keys_values, start.rows, 2)  # [L, 2, kv, P, D]
    if begin == "noise":
        size = np.sqrt(np.mean(np.square(start.rows))) if start.rows.size else 0.0
        numbers = start.rng().normal(size=numbers.shape).astype(np.float32) * size
    return {
        "keys_values": numbers[..., sink:, :],
        "scale": scale,
        "start": start.rows,
        "sink": numbers[..., :sink, :],
        "rows": np.resize(start.rows, (rows, start.rows.shape[1])),
    }


def _effect(
    stack: int, arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any
) -> Effect:
    import jax
    import jax.numpy as jnp

    from spot.models.effect import Effect

    every = arrays["keys_values"]
    if "sink" in arrays:
        every = jnp.concatenate([jax.lax.stop_gradient(arrays["sink"]), every], axis=-2)
    every = every * jax.lax.stop_gradient(arrays["scale"])
    if stack:
        return Effect(writer=every, owner=owner)
    return Effect(before=arrays.get("rows"), keys_values=every, owner=owner)


def _key(arrays: Mapping[str, Any]) -> np.ndarray:
    """The keys and values of each token at all layers, each layer's as large as the others'."""
    every = np.asarray(arrays["keys_values"])
    if "sink" in arrays:
        every = np.concatenate([arrays["sink"], every], axis=-2)
    by_token = np.moveaxis(every, -2, 0).reshape(every.shape[-2], -1)
    return sketched(by_token, arrays["start"].shape[1])


def _has_writer(config: ModelConfig) -> None:
    if len(config.stacks) < 2:
        raise SpotError(
            f"a {WRITER} prompt stands in front of what a T5's decoder writes; this model has one stack, "
            "which reads and writes",
            f"use prompt.kind={NAME}",
        )


FORM = Form(NAME, DESCRIPTION, keys_values, OPTIONS)
WRITER_FORM = Form(WRITER, OF_WRITER, writer_keys_values, WRITER_OPTIONS)
