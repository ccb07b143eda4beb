"""T5 models as Hugging Face keeps them: config.json, and weights in one file or in shards.

Reads T5 1.0, T5 1.1, LM-adapted, Flan-T5, mT5 and ByT5; torch is needed for pickles only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bank.reading import check_regular, read_json
from spot.errors import SpotError
from spot.fields import COPY, Fields, is_file_name, read_fields
from spot.models.config import Activation, T5Config
from spot.models.fingerprint import Piece, mapped, safetensors_pieces
from spot.models.settings import ModelSettings
from spot.models.weights.lazy import LazyArray
from spot.models.weights.reader import Format
from spot.models.weights.tensors import safetensors_arrays
from spot.settings import shown
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
DECODERS = ("llama", "qwen2")  # model types that hf_decoder.py reads
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_ACTIVATIONS: dict[str, Activation] = {"relu": "relu", "gated-gelu": "gated-gelu"}
# Written by old releases of transformers and read by none: these layers have no relative bias.
_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of shared.weight


@dataclass(frozen=True)
class HuggingFaceT5:
    """The folder of a T5 from Hugging Face."""

    folder: Path
    vocabulary_file: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The folder's vocabulary."""
        return folder_vocabulary(self.folder, self.vocabulary_file)

    def config(self) -> T5Config:
        """The architecture in config.json."""
        return read_config(self.folder)

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the files."""
        return raw_pieces(self.folder)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the files, read one by one."""
        return read_arrays(self.folder, self.config())


def is_hf_folder(folder: Path) -> bool:
    """True for a folder with a config.json as transformers writes it, or with its weights and a
    config.json that cannot be read, so that reading it says why.
    """
    path = folder / "config.json"
    try:
        stated = read_json(path)
    except (OSError, ValueError):
        weights = (SINGLE, INDEX, PICKLE, PICKLE_INDEX)
        return os.path.isfile(path) and any(map(os.path.isfile, map(folder.joinpath, weights)))
    return isinstance(stated, dict) and "model_type" in stated


def _hugging_face(folder: Path, vocabulary: Path | None, settings: ModelSettings) -> HuggingFaceT5:
    """The reader of a folder of any model type that no other format reads, so that those are refused by
    their names, and not for the lack of a vocabulary.
    """
    stated_t5(folder)
    return HuggingFaceT5(folder, vocabulary, settings)


HUGGING_FACE_T5 = Format("Hugging Face T5", "a T5 from Hugging Face", is_hf_folder, _hugging_face)


def stated_config(folder: Path) -> Fields:
    """The content of config.json. Raises SpotError when it is no JSON object, or is that of quantised
    weights.
    """
    stated = read_fields(folder / "config.json")
    if stated.has("quantization_config"):
        method = stated.inner("quantization_config").values.get("quant_method", "unknown")
        raise SpotError(
            f"{stated.origin}: expected a model of plain numbers, found quantised weights "
            f"(quant_method {shown(method)})",
            "choose the model that these were made of",
        )
    return stated


def stated_t5(folder: Path) -> Fields:
    """As `stated_config`; SpotError, with the kinds that are read, for another kind than T5."""
    stated = stated_config(folder)
    kind = stated.values.get("model_type")
    if kind in ("t5", "mt5"):
        return stated
    classes = stated.values.get("architectures")
    named = f" ({', '.join(map(str, classes))})" if isinstance(classes, list) and classes else ""
    raise SpotError(
        f"{stated.origin}: expected the model_type t5, mt5, llama or qwen2, found "
        f"{kind if isinstance(kind, str) else shown(kind)}{named}",
        "only T5, T5 1.1, LM-adapted, Flan-T5, mT5, ByT5, Llama and Qwen2 can be read here",
    )


def read_config(folder: Path) -> T5Config:
    """The architecture in config.json; raises SpotError for one that is not a supported T5."""
    stated = stated_t5(folder)
    kind = stated.text("feed_forward_proj", "relu")
    if kind not in _ACTIVATIONS:
        raise SpotError(
            f"{stated.origin}: expected feed_forward_proj relu or gated-gelu, found {kind}",
            "this is not one of the published T5 models",
        )
    layers = stated.size("num_layers")
    try:
        return T5Config(
            vocab_size=stated.size("vocab_size"),
            d_model=stated.size("d_model"),
            d_kv=stated.size("d_kv"),
            num_heads=stated.size("num_heads"),
            d_ff=stated.size("d_ff"),
            encoder_layers=layers,
            decoder_layers=stated.size("num_decoder_layers", layers),
            activation=_ACTIVATIONS[kind],
            tied_head=_tied(stated),
            relative_buckets=stated.size("relative_attention_num_buckets", 32),
            relative_max_distance=stated.size("relative_attention_max_distance", 128),
            dropout=stated.number("dropout_rate", 0.1),
            epsilon=stated.number("layer_norm_epsilon", 1e-6),
        )
    except ValueError as error:
        raise SpotError(f"{stated.origin}: {error}", COPY) from error


def _tied(stated: Fields) -> bool:
    """True if the head is the embedding, rescaled. transformers 5 calls every T5 tied and states
    separately whether the head's input is rescaled; older releases state both at once. The head of an
    mT5 is never rescaled, though transformers 5 writes that it is tied.
    """
    tied = stated.flag("tie_word_embeddings", True)
    return stated.text("model_type") != "mt5" and stated.flag("scale_decoder_outputs", tied)


def _shares_embedding(stated: Fields) -> bool:
    """True if a head that is not rescaled is still the embedding wherever the files have no other, as
    transformers 5 states it.
    """
    return not _tied(stated) and stated.flag("tie_word_embeddings", True)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files of the model, in order: safetensors or, without any, PyTorch's pickles.

    Raises SpotError when there are none or one is missing.
    """
    for single, index in ((SINGLE, INDEX), (PICKLE, PICKLE_INDEX)):
        if os.path.isfile(folder / single):
            return (folder / single,)
        if os.path.isfile(folder / index):
            return _shards(folder, folder / index)
    raise SpotError(
        f"{folder}: expected {SINGLE}, {INDEX} or {PICKLE}, found none",
        "download the model's weights; many repositories keep safetensors in a pull request, the "
        "revision refs/pr/<n>",
    )


def _shards(folder: Path, index: Path) -> tuple[Path, ...]:
    named = read_fields(index).inner("weight_map").values.values()
    if not named:
        raise SpotError(f"{index}: expected a weight_map, found none", COPY)
    for name in named:
        if not is_file_name(name):
            raise SpotError(
                f"{index}: expected names of files in its own folder, found {shown(name)}", COPY
            )
    files = tuple(folder / name for name in sorted(set(named)))
    missing = [file.name for file in files if not os.path.isfile(file)]
    if missing:
        raise SpotError(
            f"{folder}: expected the {len(files)} files that {index.name} names, found none called "
            f"{', '.join(missing)}",
            "download these too",
        )
    return files


def raw_pieces(folder: Path) -> Iterator[Piece]:
    """The fingerprint's pieces: every array of the safetensors files, or the bytes of the pickles."""
    for file in weight_files(folder):
        if file.suffix == ".safetensors":
            yield from safetensors_pieces(file)
        else:
            try:
                content = mapped(file)
            except (OSError, ValueError) as error:
                raise _no_pickle(file, error) from error
            yield file.name, "pickle", (len(content),), content


def named_arrays(folder: Path) -> Iterator[tuple[Path, str, LazyArray]]:
    """(file, name, array) of everything in a folder's weight files; SpotError for a damaged file and for
    two arrays of one name.
    """
    known: dict[str, Path] = {}
    for file in weight_files(folder):
        for name, stored in _stored_arrays(file):
            if name in known:
                raise SpotError(
                    f"{file}: expected every array once, found {name}, which is in {known[name].name} too",
                    "download the model again, into an empty folder",
                )
            known[name] = file
            yield file, name, stored


def read_arrays(folder: Path, config: T5Config) -> Mapping[str, LazyArray]:
    """The model's arrays by T5X name, each read from its file only when it is needed.

    Raises SpotError for a missing or damaged file and for an array that no T5 has.
    """
    found: dict[str, LazyArray] = {}
    copies: dict[str, LazyArray] = {}  # of the embedding
    for file, name, stored in named_arrays(folder):
        if name == _UNUSED:
            continue
        if name in _COPIES or (config.tied_head and name == "lm_head.weight"):
            copies[name] = stored
            continue
        known = t5x_name(name)
        if known is None:
            raise SpotError(
                f"{file}: expected the arrays of a T5, found {name}",
                "nothing is dropped: choose a folder with the plain model",
            )
        found[known] = turned(stored) if _is_turned(known) else stored
    if copies:
        embedding = found.setdefault("token_embedder/embedding", next(iter(copies.values())))
        check_copies(folder, embedding, copies)
    if _shares_embedding(stated_t5(folder)) and "token_embedder/embedding" in found:
        found.setdefault("decoder/logits_dense/kernel", turned(found["token_embedder/embedding"]))
    return found


def check_copies(folder: Path, embedding: LazyArray, copies: Mapping[str, LazyArray]) -> None:
    """Raises SpotError for an array that should be the embedding and has other numbers."""
    table = np.asarray(embedding.read())
    for name, copy in copies.items():
        if not np.array_equal(table, np.asarray(copy.read())):
            raise SpotError(
                f"{folder}: expected {name} to be the embedding, found other numbers",
                "a model with several embeddings, or with another head than config.json says, "
                "cannot be read here",
            )


def _stored_arrays(file: Path) -> Iterator[tuple[str, LazyArray]]:
    return safetensors_arrays(file) if file.suffix == ".safetensors" else _pickled(file)


def _pickled(file: Path) -> Iterator[tuple[str, LazyArray]]:
    """A pickle's arrays, by PyTorch's reader that runs no code in it."""
    try:
        import torch
    except ImportError:
        raise SpotError(
            f"{file}: expected safetensors, found a pickle, which only PyTorch reads safely",
            "download safetensors (many repositories keep them in a pull request, the revision "
            "refs/pr/<n>), or install torch",
        ) from None
    try:
        check_regular(file)
        tensors = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # what the reader raises at a damaged pickle has no common class
        raise _no_pickle(file, error) from error
    if not isinstance(tensors, dict):
        raise _no_pickle(file, f"found {type(tensors).__name__}, no arrays by name")
    for name, tensor in tensors.items():
        if not (isinstance(name, str) and torch.is_tensor(tensor)):
            raise _no_pickle(file, f"found {shown(name)}: {type(tensor).__name__}")
        if not tensor.is_floating_point() or tensor.element_size() < 2:
            raise SpotError(
                f"{file}: expected floats of 16 bits or more, found {tensor.dtype} in {name}",
                "quantised weights cannot be read here: choose the plain model",
            )
        yield name, LazyArray(tuple(tensor.shape), partial(_from_torch, tensor))


def _no_pickle(file: Path, found: Exception | str) -> SpotError:
    return SpotError(
        f"{file}: expected a pickle of weights and nothing else ({found})",
        "download it again; a file with other objects in it is refused, it could run code",
    )


def _from_torch(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.float().numpy())


def turned(stored: LazyArray) -> LazyArray:
    """The transpose of an array."""
    return LazyArray(stored.shape[::-1], lambda: stored.read().T)


def _is_turned(name: str) -> bool:
    """torch keeps [outputs, inputs] and [buckets, heads], T5X the other way."""
    return name.endswith(("/kernel", "/rel_embedding"))


_ATTENTION = {"q": "query", "k": "key", "v": "value", "o": "out"}
_LAYERS = {
    ("encoder", "0", "SelfAttention"): "attention",
    ("decoder", "0", "SelfAttention"): "self_attention",
    ("decoder", "1", "EncDecAttention"): "encoder_decoder_attention",
    ("encoder", "1", "DenseReluDense"): "mlp",
    ("decoder", "2", "DenseReluDense"): "mlp",
}
_NORMS = {
    ("encoder", "0"): "pre_attention_layer_norm",
    ("encoder", "1"): "pre_mlp_layer_norm",
    ("decoder", "0"): "pre_self_attention_layer_norm",
    ("decoder", "1"): "pre_cross_attention_layer_norm",
    ("decoder", "2"): "pre_mlp_layer_norm",
}
_WHOLE = {
    "shared.weight": "token_embedder/embedding",
    "lm_head.weight": "decoder/logits_dense/kernel",
    "encoder.final_layer_norm.weight": "encoder/encoder_norm/scale",
    "decoder.final_layer_norm.weight": "decoder/decoder_norm/scale",
}


def t5x_name(name: str) -> str | None:
    """The T5X name of an array of transformers' T5; None when T5 has no such array.

    >>> t5x_name("decoder.block.3.layer.1.EncDecAttention.q.weight")
    'decoder/layers_3/encoder_decoder_attention/query/kernel'
    """
    if name in _WHOLE:
        return _WHOLE[name]
    found = re.fullmatch(r"(encoder|decoder)\.block\.(\d+)\.layer\.(\d)\.(.+)\.weight", name)
    if found is None:
        return None
    stack, block, layer, rest = found.groups()
    if rest == "layer_norm" and (stack, layer) in _NORMS:
        return f"{stack}/layers_{block}/{_NORMS[stack, layer]}/scale"
    part, _, array = rest.partition(".")
    if array == "relative_attention_bias" and (block, part) == ("0", "SelfAttention"):
        return f"{stack}/relpos_bias/rel_embedding"
    module = _LAYERS.get((stack, layer, part))
    if module == "mlp" and array in ("wi", "wi_0", "wi_1", "wo"):
        return f"{stack}/layers_{block}/mlp/{array}/kernel"
    if module not in (None, "mlp") and array in _ATTENTION:
        return f"{stack}/layers_{block}/{module}/{_ATTENTION[array]}/kernel"
    return None
