"""Operations counted by hand, beside those that XLA counts in the program of a gradient."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench.flops import Step, step_flops
from spot.models.config import ARCHITECTURES, DecoderConfig, T5Config
from spot.prompts.prefix import PREFIX
from spot.training.lowering import abstract_network, abstract_prompts, lower_gradient

CONFIGS = {
    "gated": T5Config(2000, 64, 16, 4, 256, 2, 2, dropout=0.0),
    "relu": T5Config(2000, 64, 16, 4, 256, 2, 3, activation="relu", tied_head=True, dropout=0.0),
    "decoder": DecoderConfig(2000, 64, 16, 4, 2, 256, 3, 512),
}
# XLA counts norms and softmax as well, and leaves out what no gradient needs, as that of the text in the
# first layer: much of two layers, little of a real model.
FACTOR = 1.1


@pytest.mark.parametrize("step", [Step(1, 4, 20, 32, 4), Step(2, 3, 8, 48, 2)])
@pytest.mark.parametrize("name", CONFIGS)
def test_hand_count_is_that_of_the_compiled_gradient(name, step):
    config, rows = CONFIGS[name], step.slots * step.rows
    batch = np.ones((rows, step.text), np.int32), np.ones((rows, step.target), np.int32)
    prompts = abstract_prompts(PREFIX, step.slots, step.prompt, config)
    network = abstract_network(config, "float32", "float32")
    counted = lower_gradient(network, prompts, batch).compile().cost_analysis()["flops"]
    assert 1 / FACTOR < counted / step_flops(config, step) < FACTOR


def test_products_of_large_models_are_four_operations_a_parameter_and_token():
    step = Step(1, 8, 100, 412, 16)
    config = ARCHITECTURES["t5-v1_1-xxl"]
    encoder = config.encoder_layers * (4 * 4096 * 4096 + 3 * 4096 * 10240)
    tokens = step.rows * (step.prompt + step.text)
    # All but the decoder, its keys and values of the text, and attention.
    assert 1.0 < step_flops(config, step) / (4 * encoder * tokens) < 1.3
