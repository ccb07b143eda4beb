"""What a frozen model makes of whole texts: one vector each, to compare and to classify them by."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.context import check_context
from spot.models.model import Model
from spot.models.network import Network
from spot.models.scoring import Promptlike, batches, on_device, prompt_tokens
from spot.tasks.examples import Ragged


@jax.jit
def means(network: Network, prompts: Any, inputs: jax.Array) -> jax.Array:
    """The mean last state [B, H] of each text's tokens [B, T]; zeros for a text without tokens."""
    states, real = network.text_states(inputs, prompts), inputs > 0
    count = jnp.maximum(real.sum(-1, keepdims=True), 1)
    return jnp.where(real[..., None], states, 0.0).sum(axis=1) / count


def mean_states(model: Model, inputs: Ragged, prompt: Promptlike = None) -> np.ndarray:
    """See `Model.features`."""
    out = np.zeros((len(inputs), model.width), np.float32)
    if not len(inputs):
        return out
    check_context(model.config, prompt_tokens(prompt), inputs, 0)
    network, prompts = model.network, on_device(prompt, model.config)
    for rows, batch in batches(network, inputs):
        out[rows] = np.asarray(means(network, prompts, batch))[: len(rows)]
    return out
