"""Adapters against PEFT itself: what we write it loads, what it writes we read, outputs agree; of prompt
tuning and of prefix tuning.

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

import jax.numpy as jnp
import numpy as np
import peft
import torch

from bank import Export, PromptFile, export_prompt, read_prompt_file
from benchmarks.model_parity import (
    KINDS,
    LIMIT,
    batch,
    our_logits,
    relative,
    small_model,
    their_logits,
)
from spot import Model, load_model
from spot.models import DecoderConfig
from spot.prompts import SoftPrompt, as_prefix_tuning, find_kind, read_prompt

LENGTH, WIDTH = 5, 32
# Kinds of prompts that prefix tuning can hold, on a T5 and on a decoder.
AS_PREFIX = {
    True: ("decoder-keys-values", "decoder-keys-values:sink=1"),
    False: ("prefix", "every-layer", "every-layer:change=add", "keys-values:rows=2,sink=1"),
}


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


def prefix_both_ways(name: str, folder: Path) -> list[Line]:
    """Prefix tuning: prompts of several kinds exported, and an adapter of PEFT's own imported, with its
    projection and without; every number is drawn anew, so that each is felt.
    """
    model = small_model(name, folder / "model")
    several = model.config.is_encoder_decoder
    backbone = load_model(folder / "model", precision="float32")
    lines = []
    for number, kind in enumerate(AS_PREFIX[several]):
        prompt = drawn(kind, backbone)
        held, place = as_prefix_tuning(prompt, backbone), folder / f"ours-{number}"
        file = PromptFile(held.key, held.kind.name, held.named)
        export = Export(model=str(folder / "model"), causal=not several)
        theirs = peft.PeftModel.from_pretrained(
            copy.deepcopy(model), export_prompt(place, file, "peft-prefix", export)
        ).eval()
        lines.append(
            Line(name, f"prefix tuning, export of {kind}", apart(backbone, prompt, theirs))
        )
    layers = backbone.config.stacks[-1]  # PEFT itself takes those of the encoder
    for projection in (False, True):
        config = peft.PrefixTuningConfig(
            task_type="SEQ_2_SEQ_LM" if several else "CAUSAL_LM", num_virtual_tokens=LENGTH,
            num_layers=layers, prefix_projection=projection,
            **{"token_dim": backbone.config.kv_heads * backbone.config.d_kv} if several else {},
        )  # fmt: skip
        adapted = peft.get_peft_model(copy.deepcopy(model), config).eval()
        for parameter in adapted.prompt_encoder.parameters():
            torch.nn.init.normal_(parameter)
        place = folder / f"theirs-prefix-{projection}"
        adapted.save_pretrained(place)
        check = f"prefix tuning, import{' with a projection' if projection else ''}"
        lines.append(Line(name, check, apart(backbone, read_prompt(place, backbone), adapted)))
    return lines


def drawn(kind: str, backbone: Model) -> SoftPrompt:
    """A prompt all of whose numbers are drawn."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(LENGTH, backbone.width)).astype(np.float32)
    prompt = SoftPrompt.of(find_kind(kind), rows, backbone)
    arrays = {
        name: array if name == "scale" else rng.normal(size=array.shape).astype(np.float32)
        for name, array in prompt.arrays.items()
    }
    return SoftPrompt(prompt.kind, arrays)


def apart(backbone: Model, prompt: SoftPrompt, adapted: Any) -> float:
    """As `difference`, of a prompt of any kind."""
    texts, targets = (jnp.asarray(ids) for ids in batch())
    shift = int(isinstance(backbone.config, DecoderConfig))  # as in `our_logits`
    network = backbone.network
    read = network.encode(jnp.where(texts > 0, texts + shift, 0), prompt.stacked())
    with torch.no_grad():
        theirs = their_logits(adapted).numpy()
    return relative(np.asarray(network.decode(read, targets + shift)[..., shift:]), theirs)


def unknown_keys(folder: Path) -> list[str]:
    """The keys of our adapter_config.json files that PEFT's own files have not."""
    arrays = {"keys_values": np.ones((1, 2, 1, 2, 3)), "scale": np.ones((1, 2, 1, 1, 1))}
    prefix = PromptFile(np.ones((2, 3), np.float32), "keys-values", arrays)
    rows = np.ones((2, 3), np.float32)
    unknown = []
    for form, prompt, config in (
        ("peft", rows, peft.PromptTuningConfig(task_type="CAUSAL_LM")),
        ("peft-prefix", prefix, peft.PrefixTuningConfig(task_type="CAUSAL_LM")),
    ):
        ours = export_prompt(folder / form, prompt, form, Export(model="m", causal=True))
        config.save_pretrained(folder / "theirs")
        known = json.loads((folder / "theirs" / "adapter_config.json").read_text())
        own = json.loads((ours / "adapter_config.json").read_text())
        unknown += sorted(set(own) - set(known))
    return unknown


def main() -> None:
    """Print a line a check; fail when one is beyond the limit."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        lines = [
            line
            for name in KINDS
            for check in (both_ways, prefix_both_ways)
            for line in check(name, Path(place, name))
        ]
    print(f"| architecture | check (PEFT {peft.__version__}) | largest relative difference |")
    print("| --- | --- | --- |")
    for line in lines:
        print(f"| {line.architecture} | {line.check} | {line.difference:.1e} |")
    if any(line.difference > LIMIT for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
