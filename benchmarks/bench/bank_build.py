"""A bank of several tasks and seeds, beside the same prompts trained one after another by PEFT's Trainer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import spot
from benchmarks.bench.apart import apart
from benchmarks.bench.backbones import Backbone, random_t5
from benchmarks.bench.lines import Line, Measured
from benchmarks.bench.sizes import Sizes
from benchmarks.bench.timing import agree
from benchmarks.bench.training import TOLERANCES, bare_loss
from spot.tasks import TokenizedSplit, mini_task_names
from spot.training import batch_of, source_of

SEEDS = (0, 1)
PROMPT, RATE = 20, 0.3


def recipe_of(sizes: Sizes) -> spot.Recipe:
    """A recipe that both sides can follow; ours also checks each prompt on validation, at the end."""
    return spot.Recipe(
        length=PROMPT,
        init="random",
        optimizer="adamw",
        learning_rate=RATE,
        weight_decay=0.0,
        warmup_steps=0,
        batch_size=sizes.batch,
        steps=sizes.bank_steps,
        key_step=sizes.bank_steps,
        check_every=sizes.bank_steps,
        patience=0,
    )


def ours(backbone: Backbone, sizes: Sizes) -> tuple[float, float]:
    """Seconds of building the bank in a new process with an empty cache, and of building it once more, with
    nothing left to compile or to tokenise.
    """
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            report = spot.build_bank(
                spot.Bank(Path(folder, "bank")),
                backbone.model("bfloat16"),
                [spot.load_task(name) for name in mini_task_names()[: sizes.bank_tasks]],
                recipe_of(sizes),
                seeds=SEEDS,
                runs=spot.Runs(Path(folder, "runs")),
            )
            seconds.append(time.perf_counter() - begin)
        if len(report.added) != sizes.bank_tasks * len(SEEDS):
            raise ValueError(f"{len(report.failed)} prompts failed")
    return seconds[0], seconds[1]


def training_rows(backbone: Backbone, sizes: Sizes) -> list[TokenizedSplit]:
    """The training rows of every task as token arrays."""
    model, recipe = backbone.model("float32"), recipe_of(sizes)
    names = mini_task_names()[: sizes.bank_tasks]
    return [source_of(spot.load_task(name), model, recipe).members[0].train for name in names]


def trained_by_peft(
    base: Any, split: TokenizedSplit, seed: int, sizes: Sizes, folder: Path
) -> float:
    """Seconds of one prompt by PEFT and transformers.Trainer, from token arrays to the stored adapter."""
    import peft
    import transformers

    from benchmarks.bench.adapters import their_batch

    begin = time.perf_counter()
    rows = [(split.inputs[row], split.targets[row]) for row in range(len(split))]

    def collate(batch: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
        texts, targets = zip(*batch, strict=True)
        return their_batch(batch_of(texts, targets), causal=False)

    config = peft.PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=PROMPT)
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=sizes.bank_steps,
        per_device_train_batch_size=sizes.batch,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        optim="adamw_torch",
        seed=seed,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=True,
    )
    model: Any = peft.get_peft_model(base, config)
    trainer = transformers.Trainer(
        model=model, args=arguments, train_dataset=rows, data_collator=collate
    )
    trainer.train()
    model.save_pretrained(folder / "adapter")
    return time.perf_counter() - begin


def theirs(backbone: Backbone, sizes: Sizes) -> tuple[str, float]:
    """The dtype in which their first prompt is trained faster, and the seconds of all prompts in it. The
    base model is loaded once, and its loading is not counted.
    """
    data = training_rows(backbone, sizes)
    with tempfile.TemporaryDirectory() as folder:
        trials = {}
        for dtype in sizes.precisions:
            base = backbone.their_model(dtype, "sdpa")
            trials[dtype] = trained_by_peft(base, data[0], 0, sizes, Path(folder))
        dtype = min(trials, key=lambda each: trials[each])
        base = backbone.their_model(dtype, "sdpa")
        seconds = [
            trained_by_peft(base, each, seed, sizes, Path(folder))
            for seed in SEEDS
            for each in data
        ]
    return dtype, sum(seconds)


def first_losses(backbone: Backbone, sizes: Sizes) -> tuple[float, float]:
    """Losses of our bare model and of theirs on the first rows of the first task."""
    from benchmarks.bench.adapters import their_batch

    split = training_rows(backbone, sizes)[0]
    rows = range(sizes.batch)
    batch = batch_of([split.inputs[row] for row in rows], [split.targets[row] for row in rows])
    model = backbone.their_model("float32", "sdpa")
    loss = float(model(**their_batch(batch, causal=False)).loss)
    return bare_loss(backbone.model("float32").network, batch), loss


def bank_build(sizes: Sizes) -> list[Line]:
    """With our compilation and without; every side in a process of its own."""
    module = "benchmarks.bench.bank_build"
    with tempfile.TemporaryDirectory() as folder:
        backbone = random_t5("T5 of spot-nano's shape", sizes.nano, Path(folder, "model"))
        losses = apart(module, "first_losses", backbone, sizes)
        agree(
            "the bare model's loss on rows of the bank", losses[0], losses[1], TOLERANCES["float32"]
        )
        cache = {"SPOT_CACHE_DIR": str(Path(folder, "cache"))}
        cold, warm = apart(module, "ours", backbone, sizes, environment=cache)
        dtype, seconds = apart(module, "theirs", backbone, sizes)
    other = Measured(f"PEFT's Trainer, {dtype}, one after another", (seconds,))
    what = f"a bank of {sizes.bank_tasks} tasks × {len(SEEDS)} seeds, {sizes.bank_steps} steps"
    return [
        Line(f"{what}, all included", "s", Measured("spot, bfloat16, cold", (cold,)), other),
        Line(f"{what}, compiled before", "s", Measured("spot, bfloat16, warm", (warm,)), other),
    ]
