"""Speed of one prompt step on the embedded model, and of its product forms, in one run.

    python benchmarks/prompt_step.py [--steps 15]

Compares S prompts at once with one at a time, and bfloat16 with float32, so that ratios are of the same
machine and minute. Prints Markdown; medians of the steps with the quartiles.
"""

from __future__ import annotations

import argparse
import time
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

import spot
from spot.training import init_state, train_step

B, T, P, LABEL = 16, 32, 20, 4


def seconds(precision: Literal["bfloat16", "float32"], slots: int, steps: int) -> np.ndarray:
    """Seconds of each step of S prompts, after two that are not counted."""
    model = spot.load_model(precision=precision).with_dropout(0.0)
    recipe = spot.Recipe(length=P)
    rng = np.random.default_rng(0)
    rows = jnp.asarray(rng.normal(size=(slots, P, model.width)), jnp.float32)
    state = init_state(recipe, {"prompt": rows}, jnp.full(slots, 0.3))
    vocab = model.config.vocab_size
    batch = (
        rng.integers(3, vocab, (slots * B, T), dtype=np.int32),
        rng.integers(3, vocab, (slots * B, LABEL), dtype=np.int32),
    )
    keys = jax.random.split(jax.random.key(0), slots)
    times = []
    for step in range(steps + 2):
        begin = time.perf_counter()
        state, numbers = train_step(
            state, model.network, batch, keys, jnp.asarray(step), settings=recipe
        )
        jax.block_until_ready((state, numbers))
        times.append(time.perf_counter() - begin)
    return np.asarray(times[2:])


def main() -> None:
    """Print one row a combination."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15)
    steps = parser.parse_args().steps
    print(
        f"B {B}, T {T}, P {P}, {LABEL} target tokens; jax {jax.__version__}, {jax.devices()[0].device_kind}\n"
    )
    print("| precision | prompts at once | ms a step and prompt (quartiles) |\n|---|---:|---|")
    precisions: tuple[Literal["bfloat16", "float32"], ...] = ("bfloat16", "float32")
    for precision in precisions:
        for slots in (1, 4, 8):
            low, middle, high = np.percentile(
                1000 * seconds(precision, slots, steps) / slots, [25, 50, 75]
            )
            print(f"| {precision} | {slots} | {middle:.0f} ({low:.0f} to {high:.0f}) |", flush=True)


if __name__ == "__main__":
    main()
