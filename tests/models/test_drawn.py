"""Networks with random weights: as `build` would hold them, of the usual size, and equal for equal seeds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.weights.build import build, to_arrays
from spot.models.weights.drawn import random_network
from tests import toys

CONFIGS = {"t5": toys.tiny_config(d_model=64, d_ff=256), "decoder": toys.tiny_decoder(biases=True)}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CONFIGS)
def test_weights_are_held_as_those_of_a_loaded_model(name, precision):
    config = CONFIGS[name]
    drawn = random_network(config, precision)
    loaded = build(config, toys.random_arrays(config), precision, drawn.form)
    kinds = [
        [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(network)]
        for network in (drawn, loaded)
    ]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("name", CONFIGS)
def test_loss_starts_near_that_of_a_uniform_guess(name):
    config = CONFIGS[name]
    network = random_network(config, "float32")
    tokens = np.random.default_rng(0).integers(3, 80, (8, 9), dtype=np.int32)
    logits = jax.jit(lambda network: network.decode(network.encode(tokens), tokens[:, :4]))(network)
    likely = jax.nn.log_softmax(logits)
    entropy = -jnp.take_along_axis(likely, tokens[:, :4, None], axis=-1).mean()
    assert 0.5 < float(entropy) / np.log(config.vocab_size) < 1.5


def test_arrays_differ_from_each_other_and_by_seed():
    config = CONFIGS["t5"]
    first, again, other = (to_arrays(random_network(config, seed=s).parameters) for s in (0, 0, 1))
    assert all((first[name] == again[name]).all() for name in first)
    for name in (name for name in first if name.endswith("kernel")):
        assert (first[name] == other[name]).mean() < 0.05  # few numbers of bfloat16 coincide
    gate, up = (first[f"encoder/layers_0/mlp/wi_{number}/kernel"] for number in (0, 1))
    assert (gate == up).mean() < 0.05
