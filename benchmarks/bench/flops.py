"""Floating-point operations of a prompt step, counted by hand: products with weights and attention,
forward, and backward to the inputs only, since weights are frozen. Nothing is counted twice that is
computed twice to save memory.
"""

from __future__ import annotations

from typing import NamedTuple

from spot.models import DecoderConfig, T5Config


class Step(NamedTuple):
    """The shape of a step: S prompts of P rows, B rows each with T text and T' target tokens."""

    slots: int
    rows: int
    prompt: int
    text: int
    target: int


def step_flops(config: T5Config | DecoderConfig, step: Step) -> int:
    """Operations of one training step; a multiplication and its addition are two."""
    if isinstance(config, T5Config):
        products, attention = _t5(config, step)
    else:
        products, attention = _decoder(config, step)
    # The gradient of x W in x is one more product of that size; of attention's two products in both of
    # their operands, four.
    return 2 * products + 3 * attention


def _t5(config: T5Config, step: Step) -> tuple[int, int]:
    """Operations forward of products with weights, and of attention's products."""
    width, inner = config.d_model, config.num_heads * config.d_kv
    matrices = 3 if config.activation == "gated-gelu" else 2
    projection, feed_forward = 2 * width * inner, 2 * matrices * width * config.d_ff
    rows, length = step.slots * step.rows, step.prompt + step.text
    read, written = rows * length, rows * step.target  # tokens
    encoder = read * (4 * projection + feed_forward)
    decoder = written * (6 * projection + feed_forward) + read * 2 * projection
    head = 2 * written * width * config.vocab_size
    products = config.encoder_layers * encoder + config.decoder_layers * decoder + head
    seen = config.encoder_layers * read * length
    seen += config.decoder_layers * written * (length + step.target)
    return products, 4 * inner * seen


def _decoder(config: DecoderConfig, step: Step) -> tuple[int, int]:
    """As `_t5`; keys and values of a prompt are computed once for its rows, and the last layer's output
    only for what writes: the text's last token and the targets but the last.
    """
    width, inner = config.d_model, config.num_heads * config.d_kv
    keys_values = 2 * width * 2 * config.num_kv_heads * config.d_kv
    rest = 2 * width * 2 * inner + 2 * 3 * width * config.d_ff
    rows, before = step.slots * step.rows, step.text - 1
    prefix, text, written = step.slots * step.prompt, rows * before, rows * step.target
    deep = config.layers - 1
    products = (prefix + text) * (config.layers * keys_values + deep * rest)
    products += written * config.layers * (keys_values + rest)
    products += 2 * written * width * config.vocab_size
    seen = deep * (prefix * step.prompt + text * (step.prompt + before))
    seen += config.layers * written * (step.prompt + before + step.target)
    return products, 4 * inner * seen
