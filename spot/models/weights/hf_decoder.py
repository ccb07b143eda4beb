"""Llama-like decoders as Hugging Face keeps them: Llama, SmolLM2, Qwen2 and Qwen2.5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot.errors import SpotError
from spot.fields import COPY, Fields
from spot.models.config import DecoderConfig
from spot.models.fingerprint import Piece
from spot.models.settings import ModelSettings
from spot.models.weights import hf
from spot.models.weights.lazy import LazyArray
from spot.models.weights.reader import Format
from spot.settings import shown
from spot.tasks.tokenizer import folder_tokenizer
from spot.tasks.vocabulary import Vocabulary

_PARTS = {
    "self_attn.q_proj.weight": "query/kernel",
    "self_attn.k_proj.weight": "key/kernel",
    "self_attn.v_proj.weight": "value/kernel",
    "self_attn.o_proj.weight": "out/kernel",
    "self_attn.q_proj.bias": "query_bias",
    "self_attn.k_proj.bias": "key_bias",
    "self_attn.v_proj.bias": "value_bias",
    "mlp.gate_proj.weight": "gate/kernel",
    "mlp.up_proj.weight": "up/kernel",
    "mlp.down_proj.weight": "down/kernel",
    "input_layernorm.weight": "attention_norm/scale",
    "post_attention_layernorm.weight": "mlp_norm/scale",
}
_WHOLE = {
    "model.embed_tokens.weight": "token_embedder/embedding",
    "model.norm.weight": "final_norm/scale",
    "lm_head.weight": "lm_head/kernel",
}


@dataclass(frozen=True)
class HuggingFaceDecoder:
    """The folder of a decoder from Hugging Face."""

    folder: Path
    vocabulary_file: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The folder's tokenizer."""
        return folder_tokenizer(self.folder, self.vocabulary_file)

    def config(self) -> DecoderConfig:
        """The architecture in config.json."""
        return read_config(self.folder)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the files."""
        return hf.raw_pieces(self.folder)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the files, read one by one."""
        return read_arrays(self.folder, self.config())


def _is_decoder(folder: Path) -> bool:
    """True for a folder of transformers whose model type is read here."""
    try:
        return hf.is_hf_folder(folder) and (
            hf.stated_config(folder).values.get("model_type") in hf.DECODERS
        )
    except SpotError:
        return False  # the T5 format, which takes every other folder, says what is wrong


HUGGING_FACE_DECODER = Format(
    "Hugging Face decoder",
    "a Llama or Qwen2 from Hugging Face",
    _is_decoder,
    HuggingFaceDecoder,
)


def read_arrays(folder: Path, config: DecoderConfig) -> Mapping[str, LazyArray]:
    """The model's arrays by our names, each read from its file only when it is needed.

    Raises SpotError for a missing or damaged file and for an array that no such decoder has.
    """
    arrays: dict[str, LazyArray] = {}
    copies: dict[str, LazyArray] = {}  # of the embedding
    for file, name, stored in hf.named_arrays(folder):
        if name.endswith("rotary_emb.inv_freq"):
            continue
        ours = our_name(name)
        if ours is None:
            raise SpotError(
                f"{file}: expected the arrays of a Llama or Qwen2, found {name}",
                "nothing is dropped: choose a folder with the plain model",
            )
        if config.tied_head and name == "lm_head.weight":
            copies[name] = stored
        else:
            arrays[ours] = stored
    if copies and "token_embedder/embedding" in arrays:
        hf.check_copies(folder, arrays["token_embedder/embedding"], copies)
    return {name: fitted(name, stored) for name, stored in arrays.items()}


def our_name(name: str) -> str | None:
    """Our name of an array of transformers' Llama and Qwen2; None when they have no such array.

    >>> our_name("model.layers.3.self_attn.q_proj.weight")
    'layers_3/query/kernel'
    """
    if name in _WHOLE:
        return _WHOLE[name]
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name)
    part = _PARTS.get(match[2]) if match else None
    return f"layers_{match[1]}/{part}" if match and part else None


def fitted(name: str, stored: LazyArray) -> LazyArray:
    """An array as this network has it: kernels turned to [inputs, outputs], and a row of zeros for
    padding in front of embedding and head.
    """
    padded = stored
    if name in ("token_embedder/embedding", "lm_head/kernel") and len(stored.shape) == 2:
        rows, width = stored.shape
        padded = LazyArray((rows + 1, width), lambda: _with_padding(stored.read()))
    return hf.turned(padded) if name.endswith("/kernel") else padded


def _with_padding(array: Any) -> Any:
    import jax.numpy as jnp

    return jnp.pad(array, ((1, 0), (0, 0)))


def read_config(folder: Path) -> DecoderConfig:
    """The architecture in config.json; raises SpotError for one that is not supported."""
    stated = hf.stated_config(folder)
    _check(stated, "hidden_act", stated.text("hidden_act", "silu"), ("silu",))
    _check(stated, "use_sliding_window", stated.flag("use_sliding_window", False), (False,))
    rope = stated.inner("rope_parameters")
    scaling = stated.inner("rope_scaling") if stated.values.get("rope_scaling") else rope
    kind = scaling.text("rope_type", scaling.text("type", "default"))
    _check(stated, "rope_type", kind, ("default", "linear", "llama3"))
    for fields in (stated, rope):  # only a part of a head's numbers turned
        partly = fields.number("partial_rotary_factor", 1.0)
        _check(stated, "partial_rotary_factor", partly, (1.0,))
    heads, width = stated.size("num_attention_heads"), stated.size("hidden_size")
    theta = rope.number("rope_theta", stated.number("rope_theta", 10000.0))
    try:
        return DecoderConfig(
            vocab_size=stated.size("vocab_size") + 1,
            d_model=width,
            d_kv=stated.size("head_dim", width // heads),
            num_heads=heads,
            num_kv_heads=stated.size("num_key_value_heads", heads),
            d_ff=stated.size("intermediate_size"),
            layers=stated.size("num_hidden_layers"),
            context=stated.size("max_position_embeddings"),
            tied_head=stated.flag("tie_word_embeddings", False),
            biases=stated.text("model_type") == "qwen2" or stated.flag("attention_bias", False),
            epsilon=stated.number("rms_norm_eps", 1e-6),
            rope_theta=float(theta),
            **_stretched(kind, scaling),
        )
    except ValueError as error:
        raise SpotError(f"{stated.origin}: {error}", COPY) from error


def _stretched(kind: str, scaling: Fields) -> dict[str, Any]:
    """The fields of DecoderConfig for stretched rotary positions."""
    if kind == "default":
        return {}
    fields: dict[str, Any] = {"rope_scaling": kind, "rope_factor": float(scaling.number("factor"))}
    if kind == "llama3":
        fields |= {
            "rope_low_frequency": float(scaling.number("low_freq_factor")),
            "rope_high_frequency": float(scaling.number("high_freq_factor")),
            "rope_context": scaling.size("original_max_position_embeddings"),
        }
    return fields


def _check(stated: Fields, key: str, value: Any, supported: tuple[Any, ...]) -> None:
    if value not in supported:
        expected = " or ".join(map(json.dumps, supported))
        raise SpotError(
            f"{stated.origin}: expected {key} {expected}, found {shown(value)}",
            "this kind of decoder cannot be read here",
        )
