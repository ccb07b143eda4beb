"""A batch whose rows have prompts of their own beside a batch of one prompt, and memory by prompts."""

from __future__ import annotations

import gc
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bench.answers import LABELS, ROWS, Texts
from benchmarks.bench.apart import apart
from benchmarks.bench.backbones import Backbone, random_t5, smollm2
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.memory import resident
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import beginnings, random_texts
from benchmarks.bench.timing import Contender, agree, in_turns
from benchmarks.bench.training import TOLERANCES
from spot.serving import PromptSet
from spot.tasks import Ragged


def prompts(count: int, lengths: tuple[int, ...], width: int) -> list[np.ndarray]:
    """Prompts [P, H] of random numbers, their lengths in turn."""
    rng = np.random.default_rng(11)
    return [
        rng.normal(size=(lengths[number % len(lengths)], width)).astype(np.float32)
        for number in range(count)
    ]


def beside_one_prompt(backbone: Backbone, texts: Texts, sizes: Sizes, rounds: int) -> list[Line]:
    """Label words scored: of 32 prompts in a batch, and of as many of four lengths, beside one."""
    lines = []
    inputs, owner = Ragged.of(texts), np.arange(len(texts)) % ROWS
    for precision in sizes.precisions:
        model = backbone.model(precision)
        shorter = tuple(max(1, sizes.prompt * part // 4) for part in (1, 2, 3, 4))
        for what, lengths in (("one length", (sizes.prompt,)), ("four lengths", shorter)):
            every = prompts(ROWS, lengths, model.width)
            one = every[-1]  # of the longest
            placed, labels = PromptSet(model, every), [LABELS] * len(texts)
            if precision == "float32":
                rows = np.flatnonzero(owner == 1)
                alone = model.score(Ragged.of([texts[row] for row in rows]), LABELS, every[1])
                together = np.stack(placed.score(owner, inputs, labels))[rows]
                agree(what, together, alone, TOLERANCES["float32"])
            mixed = Contender(
                f"{ROWS} prompts, {precision}",
                lambda _, placed=placed, labels=labels: placed.score(owner, inputs, labels),
            )
            single = Contender(
                f"one prompt, {precision}",
                lambda _, model=model, one=one: model.score(inputs, LABELS, one),
            )
            seconds = in_turns([mixed, single], rounds)
            lines.append(
                Line(
                    f"{backbone.name}: scores of {len(texts)} rows, {ROWS} prompts of {what}, {precision}",
                    *("s", seconds[mixed.name], seconds[single.name]),
                )
            )
    return lines


def held(backbone: Backbone, count: int, length: int, texts: Texts) -> float:
    """Megabytes of a process with so many prompts after it has answered with 32 of them; called in a
    process of its own.
    """
    model = backbone.model("bfloat16")
    placed = PromptSet(model, prompts(count, (length,), model.width))
    owner = np.arange(len(texts)) % min(count, ROWS)
    placed.score(owner, Ragged.of(texts), [LABELS] * len(texts))
    gc.collect()
    return resident()


def by_prompts(backbone: Backbone, texts: Texts, sizes: Sizes) -> list[Line]:
    """Memory with 1,000 prompts beside that with one."""
    measure = partial(apart, "benchmarks.bench.mixed", "held", backbone)
    many, one = (
        Measured(
            f"{count:,} prompts of {sizes.prompt} rows", (measure(count, sizes.prompt, texts),)
        )
        for count in (sizes.many_prompts, 1)
    )
    return [Line(f"{backbone.name}: memory of the process, bfloat16", "MB", many, one)]


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small on random texts."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 small", sizes.t5, Path(folder))
        rng, vocab = np.random.default_rng(5), sizes.t5.vocab_size
        texts = random_texts(rng, sizes.mixed_rows, sizes.short_texts, vocab)
        lines = beside_one_prompt(backbone, texts, sizes, sizes.rounds)
        return lines + by_prompts(backbone, texts[:ROWS], sizes)


def on_smollm2(sizes: Sizes) -> list[Line]:
    """SmolLM2-135M on the beginnings of lines of text."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        texts = beginnings(sizes, backbone.model("float32"), sizes.mixed_rows)
        lines = beside_one_prompt(backbone, texts, sizes, sizes.decoder_rounds)
        return lines + by_prompts(backbone, texts[:ROWS], sizes)
