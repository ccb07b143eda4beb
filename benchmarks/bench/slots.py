"""S prompts trained at once: time of a step by prompt, beside one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import spot
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import Batch, whole_rows
from benchmarks.bench.timing import Contender, in_turns
from benchmarks.bench.training import our_step
from spot.models import Network, random_network

NANO = (32, 20, 4)  # T, P and target tokens of the embedded model's rows


def by_prompt(what: str, network: Network, sizes: Sizes) -> list[Line]:
    """A line for every S: milliseconds of a step and prompt."""
    contenders = []
    for slots in sizes.slots:
        data: list[Batch] = whole_rows(replace(sizes, batch=sizes.batch * slots), sizes.slot_rounds)
        rows = np.random.default_rng(3).normal(size=(slots, sizes.prompt, network.config.d_model))
        step = our_step(network, rows.astype(np.float32), data)
        contenders.append(Contender(f"S {slots}", step))
    seconds = in_turns(contenders, sizes.slot_rounds)
    each = [
        Measured(name, tuple(1000 * value / slots for value in measured.values))
        for slots, (name, measured) in zip(sizes.slots, seconds.items(), strict=True)
    ]
    title = f"{what}: a step and prompt, bfloat16"
    return [Line(title, "ms", measured, each[0]) for measured in each[1:]]


def on_nano(sizes: Sizes) -> list[Line]:
    """The embedded model in bfloat16."""
    text, prompt, target = NANO
    network = spot.load_model().with_dropout(0.0).network
    vocab = replace(sizes.t5, vocab_size=network.config.vocab_size)
    shape = replace(sizes, t5=vocab, t5_text=text, prompt=prompt, t5_target=target)
    return by_prompt("spot-nano", network, shape)


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small with random weights in bfloat16."""
    return by_prompt("T5 small, whole rows", random_network(sizes.t5, "bfloat16"), sizes)
