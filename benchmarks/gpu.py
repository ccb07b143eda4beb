"""A training step on one GPU, with random weights: tokens a second, share of the peak, memory, beside PEFT.

    python -m benchmarks.gpu [--budget 360] [--json FILE] [CASE ...]

Needs the extra `cuda`; PEFT stands beside it where torch with CUDA, transformers and peft are installed.
Every measurement has a process of its own and is printed as soon as it is there; what does not fit into
memory, or into the seconds of `--budget`, is left out with the reason. The peak is that of a large
bfloat16 product in the same process. `--dry-run` runs tiny shapes on the CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.bench.apart import Failed, apart
from benchmarks.bench.flops import Step, step_flops
from spot.models import DecoderConfig, T5Config

Config = T5Config | DecoderConfig


class Case(NamedTuple):
    """A shape of a model and of its step."""

    config: Config
    step: Step


def _llama(width: int, depth: int, layers: int, d_ff: int, tied: bool) -> DecoderConfig:
    heads = width // depth
    return DecoderConfig(
        128257, width, depth, heads, 8, d_ff, layers, 8192, tied_head=tied, rope_theta=500000.0
    )


def _t5(width: int, heads: int, d_ff: int, layers: int) -> T5Config:
    return T5Config(32128, width, 64, heads, d_ff, layers, layers, dropout=0.0)


T5_STEP, DECODER_STEP = Step(1, 32, 100, 512, 16), Step(1, 16, 100, 512, 8)
CASES = {
    "t5-base": Case(_t5(768, 12, 2048, 12), T5_STEP),
    "llama-1b": Case(_llama(2048, 64, 16, 8192, True), DECODER_STEP),
    "t5-xl": Case(_t5(2048, 32, 5120, 24), T5_STEP),
    "llama-8b": Case(_llama(4096, 128, 32, 14336, False), DECODER_STEP),
}
DRY = {
    "t5-tiny": Case(T5Config(200, 16, 4, 4, 32, 1, 1, dropout=0.0), Step(1, 4, 4, 8, 2)),
    "llama-tiny": Case(DecoderConfig(200, 16, 4, 4, 2, 32, 2, 64), Step(1, 4, 4, 8, 2)),
}
EVERY = {**CASES, **DRY}
LEAST = 20.0  # seconds: less is not worth starting a measurement
ROUNDS, LONGEST = 5, 12.0  # steps that are timed, and the seconds after which no more are
HEAD = (
    "| model | who | s a step (least to most) | tokens a second | share of peak | memory, GB | rows at "
    "once | first step, s |\n|---|---|---:|---:|---:|---:|---:|---:|"
)


def row_bytes(config: Config, step: Step) -> int:
    """About the bytes of activations that a row keeps for the backward pass, in float32: ten vectors of the
    width, four of attention's and of the feed-forward's width a layer and token, and three arrays of
    attention weights.
    """
    inner, length = config.num_heads * config.d_kv, step.prompt + step.text
    token = 10 * config.d_model + 4 * inner + 4 * config.d_ff
    layers = sum(config.stacks) if isinstance(config, DecoderConfig) else config.stacks[0]
    return 4 * layers * (length * token + 3 * config.num_heads * length * length)


def rows_at_once(config: Config, step: Step, free: float) -> int:
    """Rows of a micro-batch, the batch or a half of it again and again, that about fit into `free` bytes."""
    rows = step.rows
    while rows > 1 and rows * row_bytes(config, step) > free:
        rows = -(-rows // 2)
    return rows


def _data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Random texts [B, T] and targets [B, T']."""
    rng, step, vocab = np.random.default_rng(0), case.step, case.config.vocab_size
    texts = rng.integers(3, vocab, (step.rows, step.text), dtype=np.int32)
    return texts, rng.integers(3, vocab, (step.rows, step.target), dtype=np.int32)


def _timed(step: Callable[[], object]) -> tuple[float, list[float]]:
    """Seconds of the first run, and of ROUNDS more or those within LONGEST seconds."""
    seconds: list[float] = []
    while len(seconds) < 1 + ROUNDS and sum(seconds[1:]) < LONGEST:
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    return seconds[0], seconds[1:]


def _halving(
    rows: int, run: Callable[[int], tuple[float, list[float]]], short: Callable[[Exception], bool]
) -> tuple[int, tuple[float, list[float]]]:
    """`run` with so many rows at once, or half as many again and again while memory is short."""
    while True:
        try:
            return rows, run(rows)
        except Exception as error:
            if rows == 1 or not short(error):
                raise
        rows = -(-rows // 2)


def ours(name: str, size: int) -> dict[str, Any]:
    """A step of ours on a case; `size` is the width of the product that shows the peak. Called in a
    process of its own. `skipped` holds the reason where the weights do not fit.
    """
    import jax
    import jax.numpy as jnp

    from benchmarks.bench.training import our_step, start_prompt
    from spot.models import random_network
    from spot.training import LAYOUTS

    case = EVERY[name]
    device = jax.devices()[0]
    stats = device.memory_stats() or {}
    limit, weights = stats.get("bytes_limit", float("inf")), 2 * case.config.count()
    if weights + row_bytes(*case) > limit:
        return {
            "skipped": f"weights and a row need about {(weights + row_bytes(*case)) / 1e9:.0f} GB, the "
            f"device has {limit / 1e9:.0f}"
        }
    square = jnp.ones((size, size), jnp.bfloat16)
    multiply = jax.jit(lambda left, right: left @ right)
    products = _timed(lambda: jax.block_until_ready(multiply(square, square)))[1]
    network = random_network(case.config, "bfloat16")
    prompt = start_prompt(case.config.d_model, case.step.prompt)[None]
    base = LAYOUTS["packed" if isinstance(case.config, DecoderConfig) else "by length"]

    def run(rows: int) -> tuple[float, list[float]]:
        def divide(batch: Any, slots: int) -> list[Any]:
            starts = range(0, case.step.rows, rows)
            chunks = [tuple(array[start : start + rows] for array in batch) for start in starts]
            return [part for chunk in chunks for part in base(chunk, slots)]

        step = our_step(network, prompt, [_data(case)], divide)
        return _timed(lambda: step(0))

    rows, (first, seconds) = _halving(
        rows_at_once(*case, 0.8 * (limit - weights)),
        run,
        lambda error: "RESOURCE_EXHAUSTED" in str(error),
    )
    speed = step_flops(*case) / statistics.median(seconds)
    return {
        "device": device.device_kind,
        "first": first,
        "seconds": seconds,
        "rows": rows,
        "share": speed / (2 * size**3 / min(products)),
        "peak_tflops": 2 * size**3 / min(products) / 1e12,
        "memory_gb": stats and device.memory_stats()["peak_bytes_in_use"] / 1e9,
    }


def theirs(name: str, where: str) -> dict[str, Any]:
    """A step of PEFT's prompt tuning, bfloat16 and sdpa, on `where` (cuda or cpu); otherwise as `ours`."""
    import peft
    import torch
    import transformers

    from benchmarks.bench.adapters import RATE, their_batch
    from benchmarks.bench.backbones import their_t5

    case = EVERY[name]
    causal, config = isinstance(case.config, DecoderConfig), case.config
    if isinstance(config, DecoderConfig):
        stated: Any = transformers.LlamaConfig(
            vocab_size=config.vocab_size - 1,  # ours has padding as well
            torch_dtype=torch.bfloat16,
            hidden_size=config.d_model,
            intermediate_size=config.d_ff,
            num_hidden_layers=config.layers,
            num_attention_heads=config.num_heads,
            num_key_value_heads=config.num_kv_heads,
            head_dim=config.d_kv,
            tie_word_embeddings=config.tied_head,
        )
        kind = transformers.AutoModelForCausalLM
    else:
        stated = their_t5(config, torch_dtype=torch.bfloat16)
        kind = transformers.AutoModelForSeq2SeqLM
    with torch.device(where):
        model: Any = kind.from_config(stated, dtype=torch.bfloat16, attn_implementation="sdpa")
    model.config.use_cache = False
    task = "CAUSAL_LM" if causal else "SEQ_2_SEQ_LM"
    prompts = peft.PromptTuningConfig(task_type=task, num_virtual_tokens=case.step.prompt)
    adapted: Any = peft.get_peft_model(model, prompts).to(where)
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    texts, targets = _data(case)
    cuda = where == "cuda"

    def run(rows: int) -> tuple[float, list[float]]:
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        parts = [
            {
                name: array.to(where)
                for name, array in their_batch(
                    (texts[start : start + rows], targets[start : start + rows]), causal
                ).items()
            }
            for start in range(0, case.step.rows, rows)
        ]

        def step() -> None:
            optimiser.zero_grad()
            for part in parts:
                (adapted(**part).loss * (rows / case.step.rows)).backward()
            optimiser.step()
            if cuda:
                torch.cuda.synchronize()

        return _timed(step)

    rows, (first, seconds) = _halving(
        case.step.rows, run, lambda error: isinstance(error, torch.cuda.OutOfMemoryError)
    )
    memory = torch.cuda.max_memory_allocated() / 1e9 if cuda else None
    return {"first": first, "seconds": seconds, "rows": rows, "memory_gb": memory}


def cuda_of_torch() -> bool:
    """True if torch sees a GPU; called in a process of its own."""
    import torch

    return torch.cuda.is_available()


def why_not_peft(dry: bool) -> str | None:
    """The reason that PEFT cannot stand beside; None if it can."""
    absent = [
        name for name in ("torch", "transformers", "peft") if not importlib.util.find_spec(name)
    ]
    if absent:
        return f"without {', '.join(absent)}"
    try:
        seen = dry or apart("benchmarks.gpu", "cuda_of_torch")
    except Failed as error:
        return f"torch cannot be imported ({error})"
    return None if seen else "this torch sees no GPU"


def row(name: str, who: str, case: Case, result: dict[str, Any]) -> str:
    """A line of the table."""
    seconds = result["seconds"]
    middle = statistics.median(seconds)
    tokens = case.step.rows * (case.step.text + case.step.target)
    share = f"{100 * result['share']:.0f} %" if "share" in result else ""
    memory = f"{result['memory_gb']:.1f}" if result["memory_gb"] else ""
    return (
        f"| {name} | {who} | {middle:.3g} ({min(seconds):.3g} to {max(seconds):.3g}) | "
        f"{tokens / middle:.0f} | {share} | {memory} | {result['rows']} | {result['first']:.0f} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, a line as soon as it is measured."""
    begun = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="A training step on one GPU with random weights, beside PEFT's prompt tuning.",
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"all without any: {', '.join(CASES)}"
    )
    parser.add_argument("--budget", type=float, default=360, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every value")
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes on the CPU")
    args = parser.parse_args(arguments)
    cases = DRY if args.dry_run else CASES
    unknown = [name for name in args.cases if name not in cases]
    if unknown:
        parser.error(f"expected {', '.join(cases)}; found {', '.join(unknown)}")
    environment = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"}
    if args.dry_run:
        environment["JAX_PLATFORMS"] = "cpu"
    where, size = ("cpu", 256) if args.dry_run else ("cuda", 8192)
    kept: list[dict[str, Any]] = []
    notes: list[str] = []

    def measure(name: str, who: str, function: str, option: Any) -> dict[str, Any] | None:
        """One measurement, printed; None and a note where there is none."""
        left = args.budget - (time.monotonic() - begun)
        if left < LEAST:
            notes.append(f"{name}, {who}: left out, the {args.budget:.0f} s are used up")
            return None
        try:
            result: dict[str, Any] = apart(
                *("benchmarks.gpu", function, name, option),
                environment=environment,
                timeout=left,
            )
        except Failed as error:
            notes.append(f"{name}, {who}: {error}")
            return None
        if "skipped" in result:
            notes.append(f"{name}, {who}: left out, {result['skipped']}")
            return None
        kept.append({"model": name, "who": who, **result})
        print(row(name, who, cases[name], result), flush=True)
        return result

    steps = dict.fromkeys(case.step for case in cases.values())
    print("; ".join(f"B {s.rows}, P {s.prompt}, T {s.text}, {s.target} targets" for s in steps))
    print(f"\n{HEAD}", flush=True)
    reason = why_not_peft(args.dry_run)
    if reason:
        notes.append(f"PEFT was left out: {reason}")
    for name in args.cases or cases:
        mine = measure(name, "spot", "ours", size)
        other = None if reason else measure(name, "PEFT", "theirs", where)
        if mine and other:
            ratio = statistics.median(other["seconds"]) / statistics.median(mine["seconds"])
            notes.append(f"{name}: PEFT takes {ratio:.2f} times as long")
    if found := next((each for each in kept if "device" in each), None):
        peak = max(each.get("peak_tflops", 0) for each in kept)
        notes.append(f"{found['device']}; a bfloat16 product of {size}³: {peak:.3g} TFLOP/s")
    notes.append(f"{time.monotonic() - begun:.0f} s in all")
    print("\n" + "\n".join(f"- {note}" for note in notes))
    if args.json:
        args.json.write_text(json.dumps({"rows": kept, "notes": notes}, indent=1), "utf-8")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
