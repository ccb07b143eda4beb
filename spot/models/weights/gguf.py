"""GGUF files of llama.cpp, through the `gguf` package: sizes, arrays and the tokenizer in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bank.errors import BankError
from bank.files import replace_file, stamp
from spot.errors import SpotError
from spot.models.config import DecoderConfig
from spot.models.fingerprint import Piece
from spot.models.settings import ModelSettings
from spot.models.weights.gguf_tokenizer import tokenizer_json
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
    """An opened file. Raises SpotError when it is none, is cut short, or the package is absent."""

    def __init__(self, path: Path) -> None:
        try:
            from gguf import GGUFReader
        except ImportError:
            raise SpotError(
                f"{path}: expected the package gguf, which reads this file, found none",
                'install it: pip install "spot-transfer[decoders]"',
            ) from None
        self.path = path
        try:
            self.reader = GGUFReader(path)
        except (ValueError, IndexError, KeyError, OSError, UnicodeDecodeError) as error:
            raise SpotError(
                f"{path}: expected a whole GGUF file ({error})", "copy or download it again"
            ) from error
        self.kind = str(self.stated("general.architecture"))
        if self.kind not in ARCHITECTURES:
            raise SpotError(
                f"{path}: expected the architecture {' or '.join(ARCHITECTURES)}, found {self.kind}",
                "this kind of model cannot be read here",
            )

    def stated(self, key: str, default: Any = None) -> Any:
        """A metadata value of the file; SpotError without one and without a default."""
        field = self.reader.get_field(key)
        if field is not None:
            return field.contents()
        if default is None:
            raise SpotError(f"{self.path}: expected {key}, found none", "convert the model again")
        return default

    def config(self) -> DecoderConfig:
        """The architecture; SpotError for rotary positions that are stretched in another way."""
        names, kind = {tensor.name for tensor in self.reader.tensors}, self.kind
        scaling = self.stated(f"{kind}.rope.scaling.type", "none")
        if scaling not in ("none", "linear") or "rope_freqs.weight" in names:
            raise SpotError(
                f"{self.path}: expected rotary positions as they are or stretched linearly, found "
                f"{scaling if scaling != 'none' else 'rope_freqs.weight'}",
                "use the model's safetensors",
            )
        heads, width = (
            self.stated(f"{kind}.attention.head_count"),
            self.stated(f"{kind}.embedding_length"),
        )
        return DecoderConfig(
            vocab_size=len(self.stated("tokenizer.ggml.tokens")) + 1,
            d_model=width,
            d_kv=self.stated(f"{kind}.attention.key_length", width // heads),
            num_heads=heads,
            num_kv_heads=self.stated(f"{kind}.attention.head_count_kv", heads),
            d_ff=self.stated(f"{kind}.feed_forward_length"),
            layers=self.stated(f"{kind}.block_count"),
            context=self.stated(f"{kind}.context_length"),
            tied_head="output.weight" not in names,
            biases="blk.0.attn_q.bias" in names,
            # float32 in the file: its shortest decimal is what was meant
            epsilon=float(str(np.float32(self.stated(f"{kind}.attention.layer_norm_rms_epsilon")))),
            rope_theta=float(self.stated(f"{kind}.rope.freq_base", 10000.0)),
            rope_scaling=scaling,
            rope_factor=float(self.stated(f"{kind}.rope.scaling.factor", 1.0)),
        )

    def pieces(self) -> Iterator[Piece]:
        """The fingerprint's pieces: every array as it is stored, by name."""
        for tensor in sorted(self.reader.tensors, key=lambda tensor: tensor.name):
            shape = tuple(int(size) for size in tensor.shape)
            yield tensor.name, tensor.tensor_type.name, shape, tensor.data.tobytes()

    def arrays(self, config: DecoderConfig) -> Mapping[str, LazyArray]:
        """The arrays by our names, each converted to float32 when it is needed; SpotError for an array
        that no such decoder has.
        """
        heads = {"query": config.num_heads, "key": config.num_kv_heads}
        arrays = {}
        for tensor in self.reader.tensors:
            name = _our_name(tensor.name)
            if name is None:
                raise SpotError(
                    f"{self.path}: expected the arrays of a Llama or Qwen2, found {tensor.name}",
                    "nothing is dropped: choose the plain model",
                )
            shape = tuple(int(size) for size in reversed(tensor.shape))
            stored = LazyArray(shape, partial(self._read, tensor))
            part = name.split("/")[1]
            if self.kind == "llama" and part in heads:
                stored = LazyArray(shape, partial(_unpermuted, stored.read, heads[part]))
            arrays[name] = fitted(name, stored)
        return arrays

    def _read(self, tensor: Any) -> np.ndarray:
        from gguf.quants import dequantize

        try:
            return np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
        except NotImplementedError as error:
            raise SpotError(
                f"{self.path}: expected a quantisation such as Q4_1, Q4_K, Q6_K, Q8_0, F16 or F32, "
                f"found {tensor.tensor_type.name} in {tensor.name}",
                "choose another file of this model",
            ) from error

    def tokenizer_json(self) -> tuple[str, str]:
        """The file's tokenizer as the text of a tokenizer.json, and the token that ends a text."""
        return tokenizer_json(self.stated, self.path)


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
    """The file's tokenizer, cached, because reading the metadata takes seconds."""
    facts = f"3 {path.resolve()} {' '.join(map(str, stamp(path)))}"
    cached = cache_dir() / "tokenizers" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
    try:
        content, eos = json.loads(cached.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content, eos = opened(path).tokenizer_json()
        with contextlib.suppress(BankError):  # read again next time
            replace_file(cached, json.dumps([content, eos]).encode())
    return TokenizerVocabulary(str(path), content, eos)
