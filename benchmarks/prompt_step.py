"""Speed of one prompt step on the embedded model, and of its product forms, in one run.

    python benchmarks/prompt_step.py

Compares S prompts at once with one at a time, and bfloat16 with float32, so that ratios are of the same
machine and minute. Prints Markdown; medians of 15 steps with the quartiles.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

from spot.models.model import load
from spot.models.runtime import prepare
from spot.models.settings import ModelSettings
from spot.training.recipe import TrainSettings
from spot.training.step import init_state, train_step

B, T, P, LABEL = 16, 32, 20, 4


def seconds(precision: str, slots: int) -> np.ndarray:
    """Seconds of 15 steps of S prompts, after two that are not counted."""
    backbone = load(ModelSettings(precision=precision)).with_dropout(0.0)  # type: ignore[arg-type]
    settings = TrainSettings()
    rng = np.random.default_rng(0)
    width, vocab = backbone.config.d_model, backbone.config.vocab_size
    rows = jnp.asarray(rng.normal(size=(slots, P, width)), jnp.float32)
    state = init_state(settings, {"prompt": rows}, jnp.full(slots, 0.3))
    batch = (
        rng.integers(3, vocab, (slots * B, T), dtype=np.int32),
        rng.integers(3, vocab, (slots * B, LABEL), dtype=np.int32),
    )
    keys = jax.random.split(jax.random.key(0), slots)
    times = []
    for step in range(17):
        begin = time.perf_counter()
        state, numbers = train_step(
            state, backbone.network, batch, keys, jnp.asarray(step), settings=settings
        )
        jax.block_until_ready((state, numbers))
        times.append(time.perf_counter() - begin)
    return np.asarray(times[2:])


def main() -> None:
    """Prints one row a combination."""
    prepare()
    print(
        f"B {B}, T {T}, P {P}, {LABEL} target tokens; jax {jax.__version__}, {jax.devices()[0].device_kind}\n"
    )
    print("| precision | prompts at once | ms a step and prompt (quartiles) |\n|---|---:|---|")
    for precision in ("bfloat16", "float32"):
        for slots in (1, 4, 8):
            low, middle, high = np.percentile(
                1000 * seconds(precision, slots) / slots, [25, 50, 75]
            )
            print(f"| {precision} | {slots} | {middle:.0f} ({low:.0f} to {high:.0f}) |", flush=True)


if __name__ == "__main__":
    main()
