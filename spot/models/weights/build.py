"""Build a network from arrays by name, strictly: every missing, extra or misshapen array is listed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spot.errors import SpotError
from spot.models.config import ModelConfig, Precision, T5Config
from spot.models.layers import ProductForm
from spot.models.network import Network, outline
from spot.models.sharding import placing
from spot.models.weights.lazy import content

FEW = 8  # layers
_SMALL = ("scale", "rel_embedding", "bias")  # arrays that stay float32


def infer_config(arrays: Mapping[str, Any], relative_max_distance: int, dropout: float) -> T5Config:
    """The T5 architecture of these arrays; the two arguments are not stored in a checkpoint.

    Raises SpotError if an array that shows the sizes is missing.
    """
    gated = "encoder/layers_0/mlp/wi_0/kernel" in arrays
    try:
        vocab_size, d_model = _sizes(arrays, "token_embedder/embedding")
        heads, buckets = _sizes(arrays, "encoder/relpos_bias/rel_embedding")
        _, inner = _sizes(arrays, "encoder/layers_0/attention/query/kernel")
        _, d_ff = _sizes(arrays, f"encoder/layers_0/mlp/{'wi_0' if gated else 'wi'}/kernel")
        if inner % heads:
            raise ValueError(f"its query has {inner} numbers for {heads} heads")
        return T5Config(
            vocab_size=vocab_size,
            d_model=d_model,
            d_kv=inner // heads,
            num_heads=heads,
            d_ff=d_ff,
            encoder_layers=_count(arrays, "encoder"),
            decoder_layers=_count(arrays, "decoder"),
            activation="gated-gelu" if gated else "relu",
            tied_head="decoder/logits_dense/kernel" not in arrays,
            relative_buckets=buckets,
            relative_max_distance=relative_max_distance,
            dropout=dropout,
        )
    except ValueError as error:
        raise SpotError(
            f"expected the arrays of a T5 by T5X names: {error}",
            "only T5 1.0 and 1.1 checkpoints (and kin) can be read here",
        ) from error


def _sizes(arrays: Mapping[str, Any], name: str) -> tuple[int, int]:
    """Rows and columns of an array. ValueError for one that is missing, empty or no matrix."""
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    shape = arrays[name].shape
    if len(shape) != 2 or not all(shape):
        raise ValueError(f"{name} has another rank or no numbers, its shape is {tuple(shape)}")
    return shape[0], shape[1]


def _count(arrays: Mapping[str, Any], stack: str) -> int:
    """The layers of a stack that the arrays belong to; a decoder alone has no name for its stack."""
    found = (re.match(rf"{stack}/?layers_(\d+)/", name) for name in arrays)
    return len({match[1] for match in found if match})


def _check_layers(config: ModelConfig, arrays: Mapping[str, Any]) -> None:
    """Raises SpotError for many more layers than there are arrays of, before a network of them is outlined;
    the arrays of FEW are listed by name instead.
    """
    stacks = ("encoder", "decoder") if len(config.stacks) == 2 else ("",)
    for stack, stated in zip(stacks, config.stacks, strict=True):
        present = _count(arrays, stack)
        if stated > present + FEW:
            raise SpotError(
                f"the weights do not fit the architecture: expected arrays of {stated} "
                f"{stack or 'decoder'} layers, found those of {present}",
                "choose the architecture these weights were made for, or copy all their files",
            )


def build(
    config: ModelConfig,
    arrays: Mapping[str, Any],
    precision: Precision,
    form: ProductForm,
    mesh: Mesh | None = None,
) -> Network:
    """A network with exactly these arrays, read one at a time and split over the mesh.

    With bfloat16, matrices are stored in bfloat16; norms and biases stay float32. Raises SpotError
    that lists all names that are missing (-), extra (+) or of another shape (~).
    """
    _check_layers(config, arrays)
    state = outline(config, form)[1]
    expected = {"/".join(map(str, path)): leaf.shape for path, leaf in nnx.to_flat_state(state)}
    problems = [f"- {name} {shape}" for name, shape in expected.items() if name not in arrays]
    problems += [f"+ {name} {arrays[name].shape}" for name in arrays if name not in expected]
    problems += [
        f"~ {name}: expected {shape}, found {arrays[name].shape}"
        for name, shape in expected.items()
        if name in arrays and arrays[name].shape != shape
    ]
    if problems:
        listing = "\n  ".join(sorted(problems, key=lambda line: line[2:]))
        raise SpotError(
            f"the weights do not fit the architecture (- missing, + extra, ~ shape):\n  {listing}",
            "choose the architecture these weights were made for; nothing is filled in or dropped",
        )
    place = placing(config, mesh)
    for path, leaf in nnx.to_flat_state(state):
        name = "/".join(map(str, path))
        array = _floats(name, content(arrays[name]))
        leaf.set_value(place(name, array, weight_dtype(name, precision)))
    return Network(config, form, state, mesh)


def _floats(name: str, array: Any) -> Any:
    """The array. SpotError for whole numbers and 8-bit floats: codes of a quantisation, not weights."""
    if not jnp.issubdtype(array.dtype, jnp.floating) or array.dtype.itemsize < 2:
        raise SpotError(
            f"array {name}: expected floats of 16 bits or more, found {array.dtype}",
            "quantised weights cannot be read here: choose the plain model",
        )
    return array


def stored(arrays: Mapping[str, Any], precision: Precision) -> dict[str, Any]:
    """The arrays in the dtypes of a stored model: matrices in `precision`, norms and biases
    float32.
    """
    return {
        name: np.asarray(array, weight_dtype(name, precision)) for name, array in arrays.items()
    }


def weight_dtype(name: str, precision: Precision) -> Any:
    """The dtype of an array by its name: norms and biases are float32 in both precisions."""
    return jnp.float32 if precision == "float32" or name.endswith(_SMALL) else jnp.bfloat16


def to_arrays(state: Any) -> dict[str, np.ndarray]:
    """The inverse of `build`: parameters by T5X name."""
    return {
        "/".join(map(str, path)): np.asarray(jax.device_get(leaf.get_value()))
        for path, leaf in nnx.to_flat_state(state)
    }


def from_arrays(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The inverse of `to_arrays`: parameters of these arrays, in the dtypes and on the devices of `like`."""
    return nnx.from_flat_state(
        (path, leaf.replace(_like(arrays["/".join(map(str, path))], leaf.get_value())))
        for path, leaf in nnx.to_flat_state(like)
    )


def _like(array: np.ndarray, like: jax.Array) -> jax.Array:
    """An array in the dtype of another; on its devices, split as it is, but for one that is padded there."""
    sharding = like.sharding
    if not isinstance(sharding, NamedSharding):
        return jnp.asarray(array, like.dtype)
    if array.shape != like.shape:
        sharding = NamedSharding(sharding.mesh, PartitionSpec())
    placed: jax.Array = jax.device_put(array.astype(like.dtype), sharding)
    return placed
