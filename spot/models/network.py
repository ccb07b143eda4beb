"""The network of an architecture, the one place that tells the kinds of models apart."""

from __future__ import annotations

from typing import Any

from flax import nnx

from spot.models.config import DecoderConfig, ModelConfig
from spot.models.decoder import Decoder
from spot.models.layers import ProductForm
from spot.models.t5 import T5


def outline(config: ModelConfig, form: ProductForm) -> tuple[Any, Any]:
    """(graphdef, state) of the architecture's network with shapes in the place of numbers."""

    def make() -> Any:
        if isinstance(config, DecoderConfig):
            return Decoder(config, form, nnx.Rngs(0))
        return T5(config, form, nnx.Rngs(0))

    return nnx.split(nnx.eval_shape(make))
