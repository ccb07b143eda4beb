"""GGUF files of llama.cpp, through the `gguf` package: sizes, arrays and the tokenizer in them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bank.errors import BankError
from bank.files import replace_file, sha256_hex, stamp
from bank.reading import read_json
from spot.errors import SpotError
from spot.fields import Fields
from spot.models.config import DecoderConfig
from spot.models.fingerprint import Piece, mapped
from spot.models.settings import ModelSettings
from spot.models.weights.gguf_header import Tensor, read_header
from spot.models.weights.gguf_tokenizer import stated_list, tokenizer_json
from spot.models.weights.hf_decoder import fitted
from spot.models.weights.lazy import LazyArray
from spot.models.weights.reader import Format
from spot.settings import cache_dir
from spot.tasks.tokenizer import TokenizerVocabulary, folder_tokenizer
from spot.tasks.vocabulary import Vocabulary

ARCHITECTURES = ("llama", "qwen2")
_PARTS = {
    "attn_q.weight": "query/kernel",
    "attn_k.weight": "key/kernel",
    "attn_v.weight": "value/kernel",
    "attn_output.weight": "out/kernel",
    "attn_q.bias": "query_bias",
    "attn_k.bias": "key_bias",
    "attn_v.bias": "value_bias",
    "ffn_gate.weight": "gate/kernel",
    "ffn_up.weight": "up/kernel",
    "ffn_down.weight": "down/kernel",
    "attn_norm.weight": "attention_norm/scale",
    "ffn_norm.weight": "mlp_norm/scale",
}
_WHOLE = {
    "token_embd.weight": "token_embedder/embedding",
    "output_norm.weight": "final_norm/scale",
    "output.weight": "lm_head/kernel",
}


@dataclass(frozen=True)
class GgufModel:
    """A GGUF file as a model."""

    file: Path
    vocabulary_file: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The tokenizer in the file, unless another is named."""
        if self.vocabulary_file:
            return folder_tokenizer(self.file.parent, self.vocabulary_file)
        return vocabulary(self.file)

    def config(self) -> DecoderConfig:
        """The architecture in the metadata."""
        return opened(self.file).config()

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the file."""
        return opened(self.file).pieces()

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the file, read one by one."""
        return opened(self.file).arrays(self.config())


GGUF = Format(
    "GGUF", "a GGUF file of a Llama or Qwen2", lambda path: path.suffix == ".gguf", GgufModel
)


class GgufFile:
    """An opened file. Raises SpotError when it is none, is cut short or one part of several, or the
    package is absent.
    """

    def __init__(self, path: Path) -> None:
        try:
            from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
        except ImportError:
            raise SpotError(
                f"{path}: expected the package gguf, which reads this file, found none",
                'install it: pip install "spot-transfer[decoders]"',
            ) from None
        self.path, self.kinds = path, GGMLQuantizationType
        blocks = {int(kind): sizes for kind, sizes in GGML_QUANT_SIZES.items()}
        try:
            self.content = mapped(path)
            self.metadata, self.tensors = read_header(self.content, blocks)
        except (ValueError, OSError) as error:
            raise SpotError(
                f"{path}: expected a whole GGUF file ({error})", "copy or download it again"
            ) from error
        self.fields = Fields(str(path), self.metadata)
        _check_whole(path, self.fields)
        self.kind = self.fields.text("general.architecture")
        if self.kind not in ARCHITECTURES:
            raise SpotError(
                f"{path}: expected the architecture {' or '.join(ARCHITECTURES)}, found {self.kind[:60]}",
                "this kind of model cannot be read here",
            )

    def stated(self, key: str, default: Any = None) -> Any:
        """A metadata value of the file; SpotError without one and without a default."""
        value = self.metadata.get(key, default)
        if value is None:
            raise SpotError(f"{self.path}: expected {key}, found none", "convert the model again")
        return value

    def config(self) -> DecoderConfig:
        """The architecture; SpotError for rotary positions that are stretched in another way."""
        names, kind, fields = {tensor.name for tensor in self.tensors}, self.kind, self.fields
        scaling = fields.text(f"{kind}.rope.scaling.type", "none")
        if scaling not in ("none", "linear") or "rope_freqs.weight" in names:
            raise SpotError(
                f"{self.path}: expected rotary positions as they are or stretched linearly, found "
                f"{scaling if scaling != 'none' else 'rope_freqs.weight'}",
                "use the model's safetensors",
            )
        heads = fields.size(f"{kind}.attention.head_count")
        width = fields.size(f"{kind}.embedding_length")
        depth = fields.size(f"{kind}.attention.key_length", width // heads)
        for key in ("attention.value_length", "rope.dimension_count"):
            if fields.size(f"{kind}.{key}", depth) != depth:
                raise SpotError(
                    f"{self.path}: expected {kind}.{key} to be {depth}, as {kind}.attention.key_length, "
                    f"found {fields.size(f'{kind}.{key}')}",
                    "this kind of decoder cannot be read here",
                )
        epsilon = fields.number(f"{kind}.attention.layer_norm_rms_epsilon")
        try:
            return DecoderConfig(
                vocab_size=len(stated_list(self.stated, self.path, "tokens", str)) + 1,
                d_model=width,
                d_kv=depth,
                num_heads=heads,
                num_kv_heads=fields.size(f"{kind}.attention.head_count_kv", heads),
                d_ff=fields.size(f"{kind}.feed_forward_length"),
                layers=fields.size(f"{kind}.block_count"),
                context=fields.size(f"{kind}.context_length"),
                tied_head="output.weight" not in names,
                biases="blk.0.attn_q.bias" in names,
                # float32 in the file: its shortest decimal is what was meant
                epsilon=float(str(np.float32(epsilon))),
                rope_theta=float(fields.number(f"{kind}.rope.freq_base", 10000.0)),
                rope_scaling="linear" if scaling == "linear" else "none",
                rope_factor=float(fields.number(f"{kind}.rope.scaling.factor", 1.0)),
            )
        except ValueError as error:
            raise SpotError(f"{self.path}: {error}", "convert the model again") from error

    def pieces(self) -> Iterator[Piece]:
        """The fingerprint's pieces: every array as it is stored, by name."""
        for tensor in sorted(self.tensors):
            kind = self.kinds(tensor.kind).name
            yield tensor.name, kind, tensor.shape, self.content[tensor.begin : tensor.end]

    def arrays(self, config: DecoderConfig) -> Mapping[str, LazyArray]:
        """The arrays by our names, each converted to float32 when it is needed; SpotError for an array
        that no such decoder has.
        """
        heads = {"query": config.num_heads, "key": config.num_kv_heads}
        arrays = {}
        for tensor in self.tensors:
            name = _our_name(tensor.name)
            if name is None:
                raise SpotError(
                    f"{self.path}: expected the arrays of a Llama or Qwen2, found {tensor.name}",
                    "nothing is dropped: choose the plain model",
                )
            shape = tensor.shape[::-1]
            stored = LazyArray(shape, partial(self._read, tensor))
            part = name.split("/")[1]
            if self.kind == "llama" and part in heads:
                stored = LazyArray(shape, partial(_unpermuted, stored.read, heads[part]))
            arrays[name] = fitted(name, stored)
        return arrays

    def _read(self, tensor: Tensor) -> np.ndarray:
        from gguf.quants import dequantize

        kind = self.kinds(tensor.kind)
        stored = np.frombuffer(self.content[tensor.begin : tensor.end], np.uint8)
        try:
            rows = dequantize(stored.reshape(*tensor.shape[:0:-1], -1), kind)
        except NotImplementedError as error:
            raise SpotError(
                f"{self.path}: expected a quantisation such as Q4_1, Q4_K, Q6_K, Q8_0, F16 or F32, "
                f"found {kind.name} in {tensor.name}",
                "choose another file of this model",
            ) from error
        return np.asarray(rows, np.float32).reshape(tensor.shape[::-1])

    def tokenizer_json(self) -> tuple[str, str]:
        """The file's tokenizer as the text of a tokenizer.json, and the token that ends a text."""
        return tokenizer_json(self.stated, self.path)


def _check_whole(path: Path, fields: Fields) -> None:
    """Raises SpotError, with the command that joins them, for one part of a split model."""
    parts = fields.size("split.count", 1, least=0, most=65535)
    if parts > 1:
        number = fields.size("split.no", 0, least=0, most=65535) + 1
        first = path.name.replace(f"-{number:05d}-of-", "-00001-of-")
        raise SpotError(
            f"{path}: expected a whole model, found part {number} of {parts}",
            f"join them with llama.cpp: llama-gguf-split --merge {first} joined.gguf; then name that",
        )


def opened(path: Path) -> GgufFile:
    """The file, opened once while it stays as it is: its metadata take seconds to read."""
    return _opened(path, stamp(path))


@lru_cache(maxsize=2)
def _opened(path: Path, _stamp: tuple[int, ...]) -> GgufFile:
    return GgufFile(path)


def _our_name(name: str) -> str | None:
    if name in _WHOLE:
        return _WHOLE[name]
    block, _, part = name.removeprefix("blk.").partition(".")
    return f"layers_{block}/{_PARTS[part]}" if block.isdigit() and part in _PARTS else None


def _unpermuted(read: Any, heads: int) -> np.ndarray:
    """Rows [heads*D, H] with the two halves of each head apart; llama.cpp interleaves them."""
    stored = read()
    parted = stored.reshape(heads, -1, 2, *stored.shape[1:])
    return np.ascontiguousarray(parted.swapaxes(1, 2)).reshape(stored.shape)


def vocabulary(path: Path) -> TokenizerVocabulary:
    """The file's tokenizer, cached, because writing it out takes most of a second."""
    facts = f"4 {path.resolve()} {' '.join(map(str, stamp(path)))}"
    cached = cache_dir() / "tokenizers" / f"{sha256_hex(os.fsencode(facts))[:32]}.json"
    try:
        content, eos = _checked(read_json(cached))
    except (OSError, ValueError):
        content, eos = opened(path).tokenizer_json()
        with contextlib.suppress(BankError):  # read again next time
            note = [content, eos, sha256_hex(content + eos)]
            replace_file(cached, json.dumps(note).encode())
    return TokenizerVocabulary(str(path), content, eos)


def _checked(note: Any) -> tuple[str, str]:
    """Tokenizer and end of a text from the cache; ValueError where a bit has changed since."""
    if isinstance(note, list) and len(note) == 3 and all(isinstance(each, str) for each in note):
        content, eos, digest = note
        if sha256_hex(content + eos) == digest:
            return content, eos
    raise ValueError("not what was written")
