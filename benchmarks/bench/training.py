"""A training step of ours beside PEFT's methods, on T5 1.1 small and SmolLM2-135M."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

import spot
from benchmarks.bench.lines import Line
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import Batch, short_rows, task_rows, whole_lines, whole_rows
from benchmarks.bench.timing import Contender, agree, in_turns
from spot.models import DecoderConfig, Network
from spot.training import LAYOUTS, cross_entropy, init_state, train_step

if TYPE_CHECKING:
    from benchmarks.bench.backbones import Backbone

RATE = 0.006
BATCHES = 2  # that steps take in turns
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
            data[number % len(data)],
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
        return cross_entropy(logits, targets)[1].sum()

    return float(summed(network, *map(jnp.asarray, batch))) / int((batch[1] > 0).sum())


def our_contender(
    model: spot.Model, prompt: np.ndarray, data: Sequence[Batch], what: str
) -> Contender:
    """Our step with its first losses, of the prompt and of the bare model; every shape is compiled."""
    first = our_step(model.network, prompt[None], data)(0)
    start = {"prompt": first, "bare": bare_loss(model.network, data[0])}
    step = our_step(model.network, prompt[None], data)
    return Contender(f"spot, {what}", step, start, warm=len(data))


def beside_peft(
    what: str, backbone: Backbone, data: Sequence[Batch], sizes: Sizes, rounds: int
) -> list[Line]:
    """A line for each dtype beside PEFT's prompt tuning in it, and one for each method of PEFT in the faster
    dtype of either side. Attention is the one that is quicker there in a trial.
    """
    from benchmarks.bench.adapters import ADAPTERS, quickest_forms, their_step

    models = {precision: backbone.model(precision) for precision in sizes.precisions}
    prompt = start_prompt(next(iter(models.values())).width, sizes.prompt)
    ours = {
        precision: our_contender(model, prompt, data, precision)
        for precision, model in models.items()
    }
    forms = quickest_forms(backbone, prompt, data, sizes.precisions)
    chosen = [("prompt tuning", *_first(forms, precision)) for precision in sizes.precisions]
    chosen += [(name, *forms[0]) for name in ADAPTERS if name != "prompt tuning"]
    theirs = [
        (name, dtype, their_step(backbone, name, dtype, attention, prompt, data))
        for name, dtype, attention in chosen
    ]
    for name, dtype, contender in theirs:
        start = ours[dtype].start["prompt" if ADAPTERS[name].start == "prompt" else "bare"]
        agree(f"{what}: first loss, {contender.name}", start, contender.start, TOLERANCES[dtype])
    seconds = in_turns([*ours.values(), *(each[-1] for each in theirs)], rounds)
    mine = {precision: seconds[ours[precision].name] for precision in sizes.precisions}
    best = min(mine.values(), key=lambda measured: measured.median)
    lines = [
        Line(f"{what}: a step, {dtype}", "s", mine[dtype], seconds[contender.name])
        for name, dtype, contender in theirs
        if name == "prompt tuning"
    ]
    for method in ADAPTERS:
        others = [seconds[each.name] for name, _, each in theirs if name == method]
        other = min(others, key=lambda measured: measured.median)
        lines.append(Line(f"{what}: a step, each in its faster dtype", "s", best, other))
    return lines


def _first(forms: Sequence[tuple[str, str]], dtype: str) -> tuple[str, str]:
    """The quickest form of a dtype."""
    return next(form for form in forms if form[0] == dtype)


def t5_whole(sizes: Sizes) -> list[Line]:
    """Whole rows on T5 1.1 small."""
    return _on_t5("T5 small, whole rows", whole_rows(sizes, BATCHES), sizes)


def t5_short(sizes: Sizes) -> list[Line]:
    """Short rows on T5 1.1 small."""
    least, most = sizes.short_texts
    title = f"T5 small, texts of {least} to {most} tokens"
    return _on_t5(title, short_rows(sizes, BATCHES), sizes)


def _on_t5(what: str, data: Sequence[Batch], sizes: Sizes) -> list[Line]:
    from benchmarks.bench.backbones import random_t5

    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 1.1 small", sizes.t5, Path(folder))
        return beside_peft(what, backbone, data, sizes, sizes.rounds)


def smollm2_whole(sizes: Sizes) -> list[Line]:
    """Whole lines on SmolLM2-135M."""
    return _on_smollm2("whole lines", partial(whole_lines, sizes, BATCHES), sizes)


def smollm2_sst2(sizes: Sizes) -> list[Line]:
    """The rows of sst2 on SmolLM2-135M."""
    return _on_smollm2("sst2", partial(task_rows, "sst2", sizes, BATCHES), sizes)


def _on_smollm2(
    rows: str, read: Callable[[spot.Model], Sequence[Batch]], sizes: Sizes
) -> list[Line]:
    from benchmarks.bench.backbones import smollm2

    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        data = read(backbone.model("float32"))
        return beside_peft(f"SmolLM2, {rows}", backbone, data, sizes, sizes.decoder_rounds)
