"""Peak memory of a step above the weights, each measured in a process of its own.

Linux only: the peak of a process is set back through /proc/self/clear_refs before its first step. Programs
that are compiled already are loaded from the cache, which the number includes; compiling is not in it.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.bench.apart import apart
from benchmarks.bench.backbones import Backbone, random_t5, smollm2
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.text import Batch, whole_lines, whole_rows
from benchmarks.bench.training import our_step, start_prompt

ADAPTERS = ("prompt tuning", "LoRA")


def peak_of(step: Callable[[int], object]) -> float:
    """Megabytes by which this process grows at most during two steps."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is in use
    before = _status("VmRSS")
    step(0)
    step(1)
    return (_status("VmHWM") - before) / 1e3


def resident() -> float:
    """Megabytes of this process in memory."""
    return _status("VmRSS") / 1e3


def _status(name: str) -> float:
    """Kilobytes of a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(name)))


def ours(backbone: Backbone, precision: str, data: list[Batch], length: int) -> float:
    """Of a step of ours; called in a process of its own."""
    model = backbone.model(precision)
    prompt = start_prompt(model.width, length)
    return peak_of(our_step(model.network, prompt[None], data))


def theirs(
    backbone: Backbone, name: str, dtype: str, data: list[Batch], prompt: np.ndarray
) -> float:
    """Of a step of PEFT with sdpa, which needs less memory than eager; likewise."""
    import torch

    from benchmarks.bench.adapters import RATE, adapted, their_batch

    model = adapted(backbone, name, dtype, "sdpa", prompt)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    batches = [their_batch(batch, backbone.causal) for batch in data]

    def step(number: int) -> None:
        optimiser.zero_grad()
        model(**batches[number]).loss.backward()
        optimiser.step()

    return peak_of(step)


def beside_peft(what: str, backbone: Backbone, data: list[Batch], sizes: Sizes) -> list[Line]:
    """A line for every method and dtype, in megabytes."""
    module, mine = "benchmarks.bench.memory", {}
    for precision in sizes.precisions:
        arguments = (backbone, precision, data, sizes.prompt)
        apart(module, "ours", *arguments)  # compiles; the second call finds the programs
        mine[precision] = Measured(f"spot, {precision}", (apart(module, "ours", *arguments),))
    prompt = start_prompt(backbone.model(sizes.precisions[0]).width, sizes.prompt)
    lines = []
    for name in ADAPTERS:
        for precision in sizes.precisions:
            peak = apart(module, "theirs", backbone, name, precision, data, prompt)
            other = Measured(f"PEFT {name}, {precision}, sdpa", (peak,))
            title = f"{what}: memory of a step above the weights, {precision}"
            lines.append(Line(title, "MB", mine[precision], other))
    return lines


def on_t5(sizes: Sizes) -> list[Line]:
    """T5 1.1 small, whole rows."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 1.1 small", sizes.t5, Path(folder))
        return beside_peft("T5 small, whole rows", backbone, whole_rows(sizes, 2), sizes)


def on_smollm2(sizes: Sizes) -> list[Line]:
    """SmolLM2-135M, whole lines."""
    with tempfile.TemporaryDirectory() as folder:
        backbone = smollm2(Path(folder))
        data = whole_lines(sizes, 2, backbone.model("float32"))
        return beside_peft("SmolLM2, whole lines", backbone, data, sizes)
