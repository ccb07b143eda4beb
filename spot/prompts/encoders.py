"""Rows that an encoder makes while they are trained; afterwards only what it makes is kept.

`mlp`: H -> width -> width -> H, each row by itself, as in PEFT's PromptEncoder. `lstm`: two layers that
read the prompt both ways, `width` numbers a side, then 2 width -> 2 width -> H (P-tuning, Liu et al. 2021,
section 3.2; sizes as in PEFT, which has two biases a gate where one is enough).

With skip=1 the rows are added to what the encoder makes (residual prompt tuning, Razdaibiedina et al. 2023,
section 3.1), and its last layer begins as zeros, so that training begins with the rows of the init. With
skip=0 it begins with what a random encoder makes of them. Rows are divided by their size at the start
before they enter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spot.models.config import ModelConfig
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.prompts.matrices import INNER, LAST, drawn, size_of, through
from spot.variants import Option, Value, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

# The same functions serve NumPy, for the rows that are kept, and JAX, where they are trained: `xp` is one of
# the two, `scan` its loop over the leading axis, as jax.lax.scan.
Encoder = Callable[[Any, Any, Mapping[str, Any]], Any]
SKIP = Option(
    1, "1: the rows are added to what the encoder makes; 0: they are not", least=0, most=1
)

MLP, OF_MLP = "mlp", "rows in front of the text that a small network makes while they are trained"
MLP_OPTIONS = {
    "width": Option(128, "the numbers in the middle of the network", least=1),
    "skip": SKIP,
    "activation": Option("relu", "between its layers: relu, or linear", choices=("relu", "linear")),
}
MLP_ARRAYS = ("first", "first_bias", "second", "second_bias", "last", "last_bias")

LSTM, OF_LSTM = "lstm", "rows in front of the text that an LSTM makes while they are trained"
LSTM_OPTIONS = {"width": Option(64, "the numbers of its state, each way", least=1), "skip": SKIP}
LSTM_ARRAYS = (
    *(f"{name}_{layer}" for layer in (1, 2) for name in ("inputs", "states", "gates")),
    *("middle", "middle_bias", "last", "last_bias"),
)


def mlp(width: int, skip: int, activation: str) -> Kind:
    """The kind whose rows an MLP of `width` makes; `linear` leaves its activations out."""

    def sizes(numbers: int) -> dict[str, tuple[int, ...]]:
        shapes = (
            (numbers, width),
            (width,),
            (width, width),
            (width,),
            (width, numbers),
            (numbers,),
        )
        return dict(zip(MLP_ARRAYS, shapes, strict=True))

    values: dict[str, Value] = {"width": width, "skip": skip, "activation": activation}
    name = written(MLP, values, MLP_OPTIONS)
    return _kind(name, OF_MLP, sizes, partial(_mlp, activation == "relu"), bool(skip))


def lstm(width: int, skip: int) -> Kind:
    """The kind whose rows a bidirectional LSTM with `width` numbers a side makes."""

    def sizes(numbers: int) -> dict[str, tuple[int, ...]]:
        both, gates = 2 * width, 4 * width
        layers = [((2, read, gates), (2, width, gates), (2, gates)) for read in (numbers, both)]
        shapes = (*layers[0], *layers[1], (both, both), (both,), (both, numbers), (numbers,))
        return dict(zip(LSTM_ARRAYS, shapes, strict=True))

    name = written(LSTM, {"width": width, "skip": skip}, LSTM_OPTIONS)
    return _kind(name, OF_LSTM, sizes, _lstm, bool(skip))


def _kind(
    name: str,
    description: str,
    sizes: Callable[[int], dict[str, tuple[int, ...]]],
    encoder: Encoder,
    skip: bool,
) -> Kind:
    """sizes: H -> the shapes of the encoder's arrays by name."""

    def count(length: int, config: ModelConfig) -> int:
        shapes = sizes(config.d_model).values()
        return length * config.d_model + sum(math.prod(shape) for shape in shapes)

    arrays = tuple(sizes(1))
    rows = partial(_rows, encoder, skip, np, _scan)
    return Kind(
        name=name,
        description=description,
        arrays=("rows", *arrays, "size"),
        init=partial(_init, sizes, skip),
        effect=partial(_effect, encoder, skip),
        key=rows,
        count=count,
        before=lambda length: length,
        after=lambda length: 0,
        packed=True,
        rates={
            **{each: LAST if each.startswith("last") else INNER for each in arrays},
            "size": 0.0,
        },
        plain=rows,
    )


def _init(sizes: Callable[[int], dict[str, tuple[int, ...]]], skip: bool, start: Start) -> Arrays:
    rng, size = start.rng(), size_of(start.rows)
    shapes = sizes(start.rows.shape[1])
    made = {
        name: np.zeros(shape, np.float32) if _is_bias(name) else drawn(rng, size, *shape)
        for name, shape in shapes.items()
    }
    # The last layer writes rows, in the model's units.
    made["last"] = 0 * made["last"] if skip else made["last"] / math.sqrt(shapes["last"][0])
    return {"rows": start.rows, **made, "size": size}


def _is_bias(name: str) -> bool:
    return name.endswith("_bias") or name.startswith("gates")


def _effect(
    encoder: Encoder,
    skip: bool,
    arrays: Mapping[str, Any],
    _embedded: Any,
    _mask: Any,
    owner: Any,
) -> Effect:
    import jax
    import jax.numpy as jnp

    from spot.models.effect import Effect

    fixed = {**arrays, "size": jax.lax.stop_gradient(arrays["size"])}
    with jax.default_matmul_precision("highest"):  # the rows that are kept, on every device
        rows = jax.vmap(partial(_rows, encoder, skip, jnp, jax.lax.scan))(fixed)
    return Effect(before=rows, owner=owner)


def _rows(encoder: Encoder, skip: bool, xp: Any, scan: Any, own: Mapping[str, Any]) -> Any:
    """The rows [P, H] of one prompt."""
    made = encoder(xp, scan, own) @ own["last"] + own["last_bias"]
    return own["rows"] + made if skip else made


def _mlp(curved: bool, xp: Any, _scan: Any, own: Mapping[str, Any]) -> Any:
    """[P, width] in front of the last layer."""
    x = own["rows"] / own["size"]
    for name in ("first", "second"):
        x = _dense(own, name, x)
        x = xp.maximum(x, 0) if curved else x
    return x


def _lstm(xp: Any, scan: Any, own: Mapping[str, Any]) -> Any:
    """[P, 2 width] in front of the last layer."""
    x = own["rows"] / own["size"]
    for layer in (1, 2):
        inputs, states = own[f"inputs_{layer}"], own[f"states_{layer}"]
        x = _both_ways(xp, scan, own["size"], inputs, states, own[f"gates_{layer}"], x)
    return xp.maximum(_dense(own, "middle", x), 0)


def _dense(own: Mapping[str, Any], name: str, x: Any) -> Any:
    return through(x, own[name], own["size"]) + own[f"{name}_bias"] / own["size"]


def _both_ways(xp: Any, scan: Any, size: Any, inputs: Any, states: Any, gates: Any, x: Any) -> Any:
    """A layer of an LSTM on rows [P, A], from the first and from the last -> [P, 2 width].

    inputs [2, A, 4 width], states [2, width, 4 width], gates [2, 4 width]: of each way, the parts for what
    enters, is kept, is written and is shown side by side.
    """
    width = states.shape[1]
    read = through(xp.stack([x, x[::-1]]), inputs, size) + gates[:, None] / size

    def step(carry: tuple[Any, Any], now: Any) -> tuple[tuple[Any, Any], Any]:
        shown, cell = carry  # [2, width]
        total = now + through(shown[:, None], states, size)[:, 0]
        enters, kept, write, show = (
            total[:, part * width : (part + 1) * width] for part in range(4)
        )
        cell = _sigmoid(xp, kept) * cell + _sigmoid(xp, enters) * xp.tanh(write)
        shown = _sigmoid(xp, show) * xp.tanh(cell)
        return (shown, cell), shown

    nothing = xp.zeros((2, width), x.dtype)
    every = scan(step, (nothing, nothing), xp.swapaxes(read, 0, 1))[1]  # [P, 2, width]
    return xp.concatenate([every[:, 0], every[::-1, 1]], axis=1)


def _sigmoid(xp: Any, x: Any) -> Any:
    return 0.5 * (1 + xp.tanh(x / 2))


def _scan(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, every: np.ndarray) -> Any:
    """jax.lax.scan of arrays as large as the first of what is carried."""
    out = np.zeros((len(every), *carry[0].shape), every.dtype)
    for index, each in enumerate(every):
        carry, out[index] = step(carry, each)
    return carry, out


MLP_FORM = Form(MLP, OF_MLP, mlp, MLP_OPTIONS)
LSTM_FORM = Form(LSTM, OF_LSTM, lstm, LSTM_OPTIONS)
