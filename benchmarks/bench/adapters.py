"""A training step of PEFT, as its users write it, by method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import peft
import torch

import spot
from benchmarks.bench.backbones import Backbone
from benchmarks.bench.text import Batch
from benchmarks.bench.timing import Contender, quickest

RATE = 0.006
ATTENTIONS = ("sdpa", "eager")


class Adapter(NamedTuple):
    """A method of PEFT: its configuration for a backbone by P, and what its loss is before the first update:
    that of the prompt both sides begin with, that of the bare model, or, where neither is, that of the
    bare model once it is switched off.
    """

    config: Callable[[Backbone, int], Any]
    start: Literal["prompt", "bare", "off"]


def _task(causal: bool) -> str:
    return "CAUSAL_LM" if causal else "SEQ_2_SEQ_LM"


def _prompt(backbone: Backbone, length: int) -> Any:
    return peft.PromptTuningConfig(task_type=_task(backbone.causal), num_virtual_tokens=length)


def _prefix(backbone: Backbone, length: int) -> Any:
    config = spot.load_model(backbone.ours).config
    # PEFT takes a model's width for that of its heads, which differ in T5 1.1 small.
    width = None if backbone.causal else config.num_heads * config.d_kv
    return peft.PrefixTuningConfig(
        task_type=_task(backbone.causal), num_virtual_tokens=length, token_dim=width
    )


def _lora(backbone: Backbone, length: int) -> Any:
    modules = ["q_proj", "v_proj"] if backbone.causal else ["q", "v"]
    return peft.LoraConfig(task_type=_task(backbone.causal), r=8, target_modules=modules)


ADAPTERS = {
    "prompt tuning": Adapter(_prompt, "prompt"),
    "prefix tuning": Adapter(_prefix, "off"),
    "LoRA": Adapter(_lora, "bare"),
}


def padded(rows: Sequence[np.ndarray], value: int) -> torch.Tensor:
    """Rows of ids [B, longest], padded as users of PEFT pad them."""
    each = [torch.tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(each, batch_first=True, padding_value=value)


def their_batch(batch: Batch, causal: bool) -> dict[str, torch.Tensor]:
    """A batch as their model takes it, padded to its longest row; a decoder's ids count from one here."""
    pairs = [
        (text[text > 0] - causal, target[target > 0] - causal)
        for text, target in zip(*batch, strict=True)
    ]
    if causal:
        ids = [np.concatenate(pair) for pair in pairs]
        labels = [np.concatenate([np.full(len(text), -100), target]) for text, target in pairs]
    else:
        ids, labels = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        "input_ids": padded(ids, 0),
        "attention_mask": padded([np.ones(len(row)) for row in ids], 0),
        "labels": padded(labels, -100),
    }


def adapted(backbone: Backbone, name: str, dtype: str, attention: str, prompt: np.ndarray) -> Any:
    """Their model with an adapter; prompt tuning begins with the rows `prompt` [P, H]."""
    model = backbone.their_model(dtype, attention)
    model.config.use_cache = False
    adapter = ADAPTERS[name]
    result: Any = peft.get_peft_model(model, adapter.config(backbone, len(prompt)))
    if adapter.start == "prompt":
        rows = result.prompt_encoder["default"].embedding.weight
        rows.data[: len(prompt)] = torch.from_numpy(prompt)
    return result


def their_step(
    backbone: Backbone,
    name: str,
    dtype: str,
    attention: str,
    prompt: np.ndarray,
    data: Sequence[Batch],
) -> Contender:
    """A step of PEFT: its model's own loss, its parameters in torch's AdamW. One step is made at once."""
    model = adapted(backbone, name, dtype, attention, prompt)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    batches = [their_batch(batch, backbone.causal) for batch in data]

    def step(number: int) -> float:
        loss = model(**batches[number % len(batches)]).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    start = step(0)
    if ADAPTERS[name].start == "off":
        with torch.no_grad(), model.disable_adapter():
            start = float(model(**batches[0]).loss)
    return Contender(f"PEFT {name}, {dtype}, {attention}", step, start, warm=0)


def quickest_forms(
    backbone: Backbone, prompt: np.ndarray, data: Sequence[Batch], dtypes: Sequence[str]
) -> list[tuple[str, str]]:
    """(dtype, attention), the quickest first, by steps of prompt tuning."""
    return quickest(
        {
            (dtype, attention): partial(
                their_step, backbone, "prompt tuning", dtype, attention, prompt, data
            )
            for dtype in dtypes
            for attention in ATTENTIONS
        }
    )
