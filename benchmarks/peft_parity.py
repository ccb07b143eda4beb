"""Adapters against PEFT itself: what we write it loads, what it writes we read, outputs agree.

Needs torch, transformers and peft (`make parity`); small models with random weights, float32.
    python -m benchmarks.peft_parity
"""

from __future__ import annotations

import copy
import json
import logging
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peft
import torch

from bank import Export, export_prompt, read_prompt_file
from benchmarks.model_parity import (
    KINDS,
    LIMIT,
    our_logits,
    relative,
    small_model,
    their_logits,
)
from spot import Model, load_model

LENGTH, WIDTH = 5, 32


class Line(NamedTuple):
    """One check: the largest difference, relative to the largest number."""

    architecture: str
    check: str
    difference: float


def difference(backbone: Model, prompt: np.ndarray, adapted: Any) -> float:
    """Of our logits behind a prompt [P, H] and those of a model inside PEFT, relative."""
    with torch.no_grad():
        theirs = their_logits(adapted).numpy()
    return relative(np.asarray(our_logits(backbone, prompt)), theirs)


def both_ways(name: str, folder: Path) -> list[Line]:
    """Export and import for a kind of model; an encoder-decoder's adapters have one set of rows or
    PEFT's default two, a decoder's have one.
    """
    model = small_model(name, folder / "model")
    several = model.config.is_encoder_decoder
    task = "SEQ_2_SEQ_LM" if several else "CAUSAL_LM"
    backbone = load_model(folder / "model", precision="float32")
    prompt = np.random.default_rng(2).normal(size=(LENGTH, WIDTH)).astype(np.float32)
    export_prompt(
        folder / "ours", prompt, "peft", Export(model=str(folder / "model"), causal=not several)
    )
    theirs = peft.PeftModel.from_pretrained(copy.deepcopy(model), folder / "ours").eval()
    lines = [Line(name, "export", difference(backbone, prompt, theirs))]
    for copies in (1, None) if several else (None,):
        config = peft.PromptTuningConfig(
            task_type=task, num_virtual_tokens=LENGTH, num_transformer_submodules=copies
        )
        adapted = peft.get_peft_model(copy.deepcopy(model), config).eval()
        place = folder / f"theirs-{copies}"
        adapted.save_pretrained(place)
        check = f"import, num_transformer_submodules {copies or f'default ({1 + several})'}"
        lines.append(
            Line(name, check, difference(backbone, read_prompt_file(place).prompt, adapted))
        )
    return lines


def unknown_keys(folder: Path) -> list[str]:
    """The keys of our adapter_config.json that PEFT's own file has not."""
    export_prompt(
        folder / "ours", np.ones((2, 3), np.float32), "peft", Export(model="m", causal=True)
    )
    peft.PromptTuningConfig(task_type="CAUSAL_LM").save_pretrained(folder / "theirs")
    ours, theirs = (
        json.loads((folder / name / "adapter_config.json").read_text())
        for name in ("ours", "theirs")
    )
    return sorted(set(ours) - set(theirs))


def main() -> None:
    """Print a line a check; fail when one is beyond the limit."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        lines = [line for name in KINDS for line in both_ways(name, Path(place, name))]
    print(f"| architecture | check (PEFT {peft.__version__}) | largest relative difference |")
    print("| --- | --- | --- |")
    for line in lines:
        print(f"| {line.architecture} | {line.check} | {line.difference:.1e} |")
    if any(line.difference > LIMIT for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
