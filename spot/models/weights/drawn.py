"""Networks with random weights, drawn on the device in the dtypes that training keeps them in."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spot.models.config import ModelConfig, Precision, T5Config
from spot.models.network import Network, outline
from spot.models.product import choose_form
from spot.models.runtime import prepare
from spot.models.weights.build import weight_dtype


def random_network(
    config: ModelConfig, precision: Precision = "bfloat16", seed: int = 0
) -> Network:
    """A network of this architecture whose weights mean nothing: for measurements of speed and memory.

    Kernels [A, C] are normal with deviation A^-0.5, norms one, biases zero, as at the start of
    pretraining; no array exists twice or in a wider dtype.
    """
    prepare()
    form = "float32" if precision == "float32" else choose_form()
    state = outline(config, form)[1]
    for number, (path, leaf) in enumerate(nnx.to_flat_state(state)):
        name = "/".join(map(str, path))
        dtype = jnp.dtype(weight_dtype(name, precision))
        key = jax.random.key(seed * 100_003 + number)
        mean = float(name.endswith("scale"))
        leaf.set_value(_drawn(key, leaf.shape, dtype, mean, _deviation(name, leaf.shape, config)))
    return Network(config, form, state)


def _deviation(name: str, shape: tuple[int, ...], config: ModelConfig) -> float:
    """The standard deviation of an array; 0 for norms and biases."""
    t5 = isinstance(config, T5Config)
    if name.endswith(("scale", "_bias")):
        return 0.0
    if name.endswith("rel_embedding"):
        return 0.1
    if name.endswith("embedding"):  # the head as well, where it is tied: T5 scales its input
        return 1.0 if t5 else float(shape[1] ** -0.5)
    # T5's queries carry the 1/sqrt(d_kv) that its logits lack.
    queries = t5 and name.endswith("query/kernel")
    return float((shape[0] * (config.d_kv if queries else 1)) ** -0.5)


@partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _drawn(
    key: jax.Array, shape: tuple[int, ...], dtype: Any, mean: float, deviation: float
) -> jax.Array:
    drawn: jax.Array = jax.random.normal(key, shape, dtype) * deviation + mean
    return drawn.astype(dtype)
