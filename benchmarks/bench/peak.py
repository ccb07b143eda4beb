"""Share of the processor's matmul peak: operations of a step by its time, beside plain products of the
layers' shapes, ours and torch's, in the same run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench.flops import Step, step_flops
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import Batch, whole_rows
from benchmarks.bench.timing import Contender, in_turns
from benchmarks.bench.training import our_step, start_prompt
from spot.models import DecoderConfig, T5Config, random_network

REPEATS = 4  # of a product in one measurement, which is short
Shape = tuple[int, int, int]  # rows, width in, width out


def layer_shapes(config: T5Config | DecoderConfig, rows: int) -> list[Shape]:
    """The products with weights of a layer, each shape once."""
    width, inner = config.d_model, config.num_heads * config.d_kv
    pairs = [(width, inner), (inner, width), (width, config.d_ff), (config.d_ff, width)]
    return [(rows, *pair) for pair in dict.fromkeys(pairs)]


def jax_product(precision: str, shape: Shape) -> Callable[[int], None]:
    """REPEATS plain products by XLA, with a float32 result as a layer needs it."""
    rows, inner, outer = shape
    dtype = jnp.dtype(precision)
    left, right = jnp.ones((rows, inner), dtype), jnp.ones((inner, outer), dtype)
    multiply = jax.jit(partial(jnp.matmul, preferred_element_type=jnp.float32))

    def run(_: int) -> None:
        for _ in range(REPEATS):
            jax.block_until_ready(multiply(left, right))

    return run


def torch_product(precision: str, shape: Shape) -> Callable[[int], None]:
    """As `jax_product`, by torch, with a result of the operands' dtype."""
    import torch

    rows, inner, outer = shape
    dtype = getattr(torch, precision)
    left, right = torch.ones((rows, inner), dtype=dtype), torch.ones((inner, outer), dtype=dtype)

    def run(_: int) -> None:
        for _ in range(REPEATS):
            torch.matmul(left, right)

    return run


def share_of_peak(
    what: str, config: T5Config | DecoderConfig, batch: Batch, sizes: Sizes, rounds: int
) -> list[Line]:
    """A line for each dtype: billions of operations a second of a step and of the best product."""
    texts, targets = batch
    step = Step(1, len(texts), sizes.prompt, texts.shape[1], targets.shape[1])
    tokens = len(texts) * (sizes.prompt + texts.shape[1])
    makers = {"XLA": jax_product}
    if importlib.util.find_spec("torch"):
        makers["torch"] = torch_product
    lines = []
    for precision in sizes.precisions:
        network = random_network(config, precision)  # type: ignore[arg-type]
        prompt = start_prompt(config.d_model, sizes.prompt)
        ours = Contender(f"a step, {precision}", our_step(network, prompt[None], [batch]))
        work, contenders = {ours.name: step_flops(config, step)}, [ours]
        for shape in [s for part in (1, 2) for s in layer_shapes(config, tokens // part)]:
            for maker, make in makers.items():
                name = f"{maker} {' × '.join(map(str, shape))}"
                work[name] = 2 * REPEATS * int(np.prod(shape))
                contenders.append(Contender(name, make(precision, shape)))
        seconds = in_turns(contenders, rounds)
        speeds = [
            Measured(name, tuple(work[name] / value / 1e9 for value in measured.values))
            for name, measured in seconds.items()
        ]
        best = max(speeds[1:], key=lambda speed: speed.median)
        title = f"{what}: share of the matmul peak, {precision}"
        lines.append(Line(title, "GFLOP/s", speeds[0], best, speed=True))
    return lines


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small, whole rows."""
    return share_of_peak(
        "T5 small, whole rows", sizes.t5, whole_rows(sizes, 1)[0], sizes, sizes.rounds
    )


def on_decoder(sizes: Sizes) -> list[Line]:
    """A decoder of SmolLM2-135M's shape, whole rows; random weights are as quick as real ones."""
    rng = np.random.default_rng(0)
    width = sizes.decoder_text + sizes.decoder_target
    rows = rng.integers(3, sizes.decoder.vocab_size, (sizes.batch, width), dtype=np.int32)
    batch = rows[:, : sizes.decoder_text], rows[:, sizes.decoder_text :]
    return share_of_peak("SmolLM2, whole lines", sizes.decoder, batch, sizes, sizes.decoder_rounds)
