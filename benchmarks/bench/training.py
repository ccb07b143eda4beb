"""A training step of ours beside PEFT's methods, on T5 1.1 small and SmolLM2-135M."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import spot
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import Batch, short_rows, task_rows, whole_lines, whole_rows
from benchmarks.bench.timing import Contender, agree, in_turns
from spot.models import DecoderConfig, Network
from spot.training import LAYOUTS, LOSSES, init_state, train_step

RATE = 0.006
PRECISIONS = ("float32", "bfloat16")
# Of the first losses, relative: the float32 limit of docs/results/agreement.md, and what rounding does.
TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2}
RECIPE = spot.Recipe(optimizer="adamw", weight_decay=0.0, warmup_steps=0)


def start_prompt(width: int, length: int) -> np.ndarray:
    """The rows [P, H] that both sides begin with."""
    rows = np.random.default_rng(3).normal(size=(length, width))
    return rows.astype(np.float32)


def our_step(
    network: Network, prompts: np.ndarray, data: Sequence[Batch], divide: Any = None
) -> Callable[[int], float]:
    """A step of S prompts [S, P, H] as training runs it; its result is their mean loss before.

    divide: the division of a batch in parts; by default the model family's own.
    """
    slots = len(prompts)
    state = init_state(RECIPE, {"prompt": jnp.asarray(prompts)}, jnp.full(slots, RATE))
    keys = jax.random.split(jax.random.key(0), slots)
    own = LAYOUTS["packed" if isinstance(network.config, DecoderConfig) else "by length"]

    def step(number: int) -> float:
        nonlocal state
        state, numbers = train_step(
            state,
            network,
            data[number],
            keys,
            jnp.asarray(number),
            settings=RECIPE,
            divide=divide or own,
        )
        jax.block_until_ready(state)
        return float(numbers["loss"].mean())

    return step


def bare_loss(network: Network, batch: Batch) -> float:
    """The mean loss without a prompt."""

    @jax.jit
    def summed(network: Network, texts: jax.Array, targets: jax.Array) -> jax.Array:
        logits = network.decode(network.encode(texts), targets)
        return LOSSES["cross-entropy"](logits, targets)[1].sum()

    return float(summed(network, *map(jnp.asarray, batch))) / int((batch[1] > 0).sum())


def our_contender(
    model: spot.Model, prompt: np.ndarray, data: Sequence[Batch], what: str
) -> Contender:
    """Our step with its first losses, of the prompt and of the bare model; every shape is compiled."""
    first = our_step(model.network, prompt[None], data)(0)
    start = {"prompt": first, "bare": bare_loss(model.network, data[0])}
    step = our_step(model.network, prompt[None], data)
    return Contender(f"spot, {what}", step, start, warm=len(data))


def beside_peft(what: str, backbone, data: Sequence[Batch], sizes: Sizes) -> list[Line]:  # type: ignore[no-untyped-def]
    """A line for every method of PEFT and dtype, and one of the faster dtype of each side."""
    from benchmarks.bench.adapters import ADAPTERS, best_step

    models = {precision: backbone.model(precision) for precision in PRECISIONS}
    prompt = start_prompt(models["float32"].width, sizes.prompt)
    ours = {
        precision: our_contender(model, prompt, data, precision)
        for precision, model in models.items()
    }
    theirs = {
        (name, precision): best_step(backbone, name, precision, prompt, data)
        for name in sizes.adapters
        for precision in PRECISIONS
    }
    for (name, precision), contender in theirs.items():
        mine = "prompt" if ADAPTERS[name].start == "prompt" else "bare"
        agree(
            f"first loss of {what}, {contender.name}",
            ours[precision].start[mine],
            contender.start,
            TOLERANCES[precision],
        )
    seconds = in_turns([*ours.values(), *theirs.values()], sizes.rounds)
    mine = {precision: seconds[ours[precision].name] for precision in PRECISIONS}
    lines = []
    for name in sizes.adapters:
        other = {precision: seconds[theirs[name, precision].name] for precision in PRECISIONS}
        lines += [
            Line(f"{what}: a step, {precision}", "s", mine[precision], other[precision])
            for precision in PRECISIONS
        ]
        lines.append(Line(f"{what}: a step, faster dtype", "s", _least(mine), _least(other)))
    return lines


def _least(by_precision: dict[str, Measured]) -> Measured:
    return min(by_precision.values(), key=lambda measured: measured.median)


def t5_whole(sizes: Sizes) -> list[Line]:
    """Whole rows on T5 1.1 small."""
    return _on_t5("T5 small, whole rows", whole_rows(sizes, sizes.rounds), sizes)


def t5_short(sizes: Sizes) -> list[Line]:
    """Short rows on T5 1.1 small."""
    least, most = sizes.short_texts
    title = f"T5 small, texts of {least} to {most} tokens"
    return _on_t5(title, short_rows(sizes, sizes.rounds), sizes)


def _on_t5(what: str, data: Sequence[Batch], sizes: Sizes) -> list[Line]:
    from benchmarks.bench.backbones import random_t5

    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 1.1 small", sizes.t5, Path(folder))
        return beside_peft(what, backbone, data, sizes)


def smollm2_whole(sizes: Sizes) -> list[Line]:
    """Whole lines on SmolLM2-135M."""
    from benchmarks.bench.backbones import smollm2

    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        data = whole_lines(sizes, sizes.rounds, backbone.model("float32"))
        return beside_peft("SmolLM2, whole lines", backbone, data, sizes)


def smollm2_sst2(sizes: Sizes) -> list[Line]:
    """The rows of sst2 on SmolLM2-135M."""
    from benchmarks.bench.backbones import smollm2

    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        data = task_rows("sst2", sizes, sizes.rounds, backbone.model("float32"))
        return beside_peft("SmolLM2, sst2", backbone, data, sizes)
