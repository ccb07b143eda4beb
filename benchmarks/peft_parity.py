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
import transformers

from bank.peft import read_adapter, write_adapter
from benchmarks.model_parity import LIMIT, batch, our_logits, relative, small_model, their_logits
from spot.config import ModelSettings
from spot.models.backbone import Backbone, load

LENGTH, WIDTH = 5, 32


class Line(NamedTuple):
    """One check: the largest difference, relative to the largest number."""

    architecture: str
    check: str
    difference: float


def difference(backbone: Backbone, prompt: np.ndarray, adapted: Any) -> float:
    """Of our logits behind a prompt [P, H] and those of a model inside PEFT, relative."""
    with torch.no_grad():
        theirs = their_logits(adapted).numpy()
    return relative(np.asarray(our_logits(backbone, prompt)), theirs)


def seq2seq_lines(folder: Path, tied: bool) -> list[Line]:
    """Both directions for an encoder-decoder, with one set of rows and with PEFT's default two."""
    name = "T5 1.0" if tied else "T5 1.1"
    model = small_model(name, folder / "model")
    backbone = load(ModelSettings(name=str(folder / "model"), precision="float32"))
    prompt = np.random.default_rng(2).normal(size=(LENGTH, WIDTH)).astype(np.float32)
    write_adapter(folder / "ours", prompt, str(folder / "model"), "SEQ_2_SEQ_LM")
    theirs = peft.PeftModel.from_pretrained(copy.deepcopy(model), folder / "ours").eval()
    lines = [Line(name, "export", difference(backbone, prompt, theirs))]
    for copies in (1, None):
        config = peft.PromptTuningConfig(
            task_type="SEQ_2_SEQ_LM", num_virtual_tokens=LENGTH, num_transformer_submodules=copies
        )
        adapted = peft.get_peft_model(copy.deepcopy(model), config).eval()
        place = folder / f"theirs-{copies}"
        adapted.save_pretrained(place)
        check = f"import, num_transformer_submodules {copies or 'default (2)'}"
        lines.append(Line(name, check, difference(backbone, read_adapter(place).prompt, adapted)))
    return lines


def causal_line(folder: Path) -> Line:
    """An exported adapter of a decoder against the same rows put in front of the text by hand."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=1000, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    prompt = np.random.default_rng(2).normal(size=(LENGTH, WIDTH)).astype(np.float32)
    write_adapter(folder / "causal", prompt, "tiny", "CAUSAL_LM")
    tokens = torch.tensor(batch()[0], dtype=torch.long)
    seen = torch.cat([torch.ones(len(tokens), LENGTH), tokens > 0], dim=1).long()
    with torch.no_grad():
        rows = torch.from_numpy(prompt).expand(len(tokens), -1, -1)
        inputs = torch.cat([rows, model.get_input_embeddings()(tokens)], dim=1)
        by_hand = model(inputs_embeds=inputs, attention_mask=seen).logits.numpy()
        adapted = peft.PeftModel.from_pretrained(model, folder / "causal").eval()
        found = adapted(input_ids=tokens, attention_mask=(tokens > 0).long()).logits.numpy()
    real = np.asarray(seen, bool)
    return Line("Llama", "export", relative(found[real], by_hand[real]))


def unknown_keys(folder: Path) -> list[str]:
    """The keys of our adapter_config.json that PEFT's own file has not."""
    write_adapter(folder / "ours", np.ones((2, 3), np.float32), "m", "CAUSAL_LM")
    peft.PromptTuningConfig(task_type="CAUSAL_LM").save_pretrained(folder / "theirs")
    ours, theirs = (
        json.loads((folder / name / "adapter_config.json").read_text())
        for name in ("ours", "theirs")
    )
    return sorted(set(ours) - set(theirs))


def main() -> None:
    """Prints a line a check; fails when one is beyond the limit."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        lines = [line for tied in (True, False) for line in seq2seq_lines(root / str(tied), tied)]
        lines.append(causal_line(root))
    print(f"| architecture | check (PEFT {peft.__version__}) | largest relative difference |")
    print("| --- | --- | --- |")
    for line in lines:
        print(f"| {line.architecture} | {line.check} | {line.difference:.1e} |")
    if any(line.difference > LIMIT for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
