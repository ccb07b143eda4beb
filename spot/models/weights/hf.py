"""T5 models as Hugging Face keeps them: config.json, and weights in one file or in shards.

Reads T5 1.0, T5 1.1, LM-adapted, Flan-T5, mT5 and ByT5; torch is needed for pickles only.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spot.errors import SpotError
from spot.models.config import Activation, T5Config
from spot.models.fingerprint import Piece, mapped, safetensors_pieces
from spot.models.settings import ModelSettings
from spot.models.weights.lazy import LazyArray
from spot.models.weights.reader import Format
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
    """True for a folder with a config.json as transformers writes it."""
    try:
        return "model_type" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


# Of any model type, so that `read_config` can name the ones that are read.
HUGGING_FACE_T5 = Format("Hugging Face T5", "a T5 from Hugging Face", is_hf_folder, HuggingFaceT5)


def stated_config(folder: Path) -> dict[str, Any]:
    """The content of config.json; raises SpotError when it is no JSON object."""
    path = folder / "config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SpotError(f"{path}: expected a JSON object ({error})", "copy it again") from error


def read_config(folder: Path) -> T5Config:
    """The architecture in config.json; raises SpotError for one that is not a supported T5."""
    path, stated = folder / "config.json", stated_config(folder)
    if stated.get("model_type") not in ("t5", "mt5"):
        raise SpotError(
            f"{path}: expected the model_type t5, mt5, llama or qwen2, found {stated.get('model_type')}",
            "only T5, T5 1.1, LM-adapted, Flan-T5, mT5, ByT5, Llama and Qwen2 can be read here",
        )
    kind = stated.get("feed_forward_proj", "relu")
    if kind not in _ACTIVATIONS:
        raise SpotError(
            f"{path}: expected feed_forward_proj relu or gated-gelu, found {kind}",
            "this is not one of the published T5 models",
        )
    try:
        return T5Config(
            vocab_size=stated["vocab_size"],
            d_model=stated["d_model"],
            d_kv=stated["d_kv"],
            num_heads=stated["num_heads"],
            d_ff=stated["d_ff"],
            encoder_layers=stated["num_layers"],
            decoder_layers=stated.get("num_decoder_layers") or stated["num_layers"],
            activation=_ACTIVATIONS[kind],
            tied_head=_tied(stated),
            relative_buckets=stated.get("relative_attention_num_buckets", 32),
            relative_max_distance=stated.get("relative_attention_max_distance", 128),
            dropout=stated.get("dropout_rate", 0.1),
            epsilon=stated.get("layer_norm_epsilon", 1e-6),
        )
    except KeyError as error:
        raise SpotError(f"{path}: {error} is missing", "copy it again") from error


def _tied(stated: Mapping[str, Any]) -> bool:
    """True if the head is the embedding, rescaled. transformers 5 calls every T5 tied and states
    separately whether the head's input is rescaled; older releases state both at once. The head of an
    mT5 is its own, though transformers 5 writes that it is tied.
    """
    return stated["model_type"] != "mt5" and bool(
        stated.get("scale_decoder_outputs", stated.get("tie_word_embeddings", True))
    )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files of the model, in order: safetensors or, without any, PyTorch's pickles.

    Raises SpotError when there are none or one is missing.
    """
    for single, index in ((SINGLE, INDEX), (PICKLE, PICKLE_INDEX)):
        if (folder / single).is_file():
            return (folder / single,)
        if (folder / index).is_file():
            return _shards(folder, folder / index)
    raise SpotError(
        f"{folder}: expected {SINGLE}, {INDEX} or {PICKLE}, found none",
        "download the model's weights; many repositories keep safetensors in a pull request, the "
        "revision refs/pr/<n>",
    )


def _shards(folder: Path, index: Path) -> tuple[Path, ...]:
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise SpotError(
            f"{index}: expected a JSON object with weight_map ({error})", "copy it again"
        ) from error
    files = tuple(folder / name for name in sorted(set(named.values())))
    missing = [file.name for file in files if not file.is_file()]
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
            content = mapped(file)
            yield file.name, "pickle", (len(content),), content


def read_arrays(folder: Path, config: T5Config) -> Mapping[str, LazyArray]:
    """The model's arrays by T5X name, each read from its file only when it is needed.

    Raises SpotError for a missing or damaged file and for an array that no T5 has.
    """
    found: dict[str, LazyArray] = {}
    copies: dict[str, LazyArray] = {}  # of the embedding
    for file in weight_files(folder):
        for name, stored in stored_arrays(file):
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
        _check_copies(folder, embedding, copies)
    return found


def _check_copies(folder: Path, embedding: LazyArray, copies: Mapping[str, LazyArray]) -> None:
    table = np.asarray(embedding.read())
    for name, copy in copies.items():
        if not np.array_equal(table, np.asarray(copy.read())):
            raise SpotError(
                f"{folder}: expected {name} to be the embedding, found other numbers",
                "a model with several embeddings, or with another head than config.json says, "
                "is not a T5 that can be read here",
            )


def stored_arrays(file: Path) -> Iterator[tuple[str, LazyArray]]:
    """(name, array) of everything in a weight file; SpotError when it is damaged."""
    return _stored(file) if file.suffix == ".safetensors" else _pickled(file)


def _stored(file: Path) -> Iterator[tuple[str, LazyArray]]:
    from safetensors import SafetensorError, safe_open

    try:
        opened = safe_open(file, framework="flax")
        for name in opened.keys():  # noqa: SIM118 (it is no dict)
            shape = tuple(opened.get_slice(name).get_shape())
            yield name, LazyArray(shape, partial(opened.get_tensor, name))
    except (SafetensorError, OSError) as error:
        raise SpotError(
            f"{file}: expected a whole safetensors file ({error})", "download it again"
        ) from error


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
        tensors = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, AttributeError) as error:
        raise SpotError(
            f"{file}: expected a pickle of weights and nothing else ({error})",
            "download it again; a file with other objects in it is refused, it could run code",
        ) from error
    for name, shape in shapes.items():
        yield name, LazyArray(shape, partial(_from_torch, tensors[name]))


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
