"""Loads a frozen backbone as one value: architecture, parameters, vocabulary, fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bank.entry import Backbone as Identity
from spot.config import ModelSettings, cache_dir
from spot.errors import SpotError, did_you_mean
from spot.models.config import T5Config
from spot.models.fingerprint import fingerprint, safetensors_pieces
from spot.models.weights import hf, hub, remote
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

EMBEDDED = {"spot-nano": Path(__file__).parent / "nano"}


@dataclass(frozen=True, eq=False)
class Backbone:
    """A model ready to run: `nnx.merge(graphdef, parameters)` is a `spot.models.t5.T5`."""

    identity: Identity
    config: T5Config
    vocabulary: Vocabulary
    graphdef: Any
    parameters: Any


def model_folder(settings: ModelSettings) -> Path:
    """The folder that a model name stands for; SpotError with the nearest name when there is none."""
    if remote.is_remote(settings.name):
        return remote.copied_checkpoint(settings.name)
    folder = EMBEDDED.get(settings.name, Path(settings.name))
    if not folder.is_dir() and hub.is_model_id(settings.name):
        return hub.fetch(settings.name)
    if not folder.is_dir():
        raise SpotError(
            f'model "{settings.name}" is neither an embedded model ({", ".join(EMBEDDED)}) nor a folder.'
            f"{did_you_mean(settings.name, EMBEDDED)}",
            "give the folder of a T5X checkpoint, of a T5 from Hugging Face, or of a tuned model; or the id "
            "owner/name of a model on the Hugging Face hub",
        )
    return folder


def vocabulary(settings: ModelSettings) -> Vocabulary:
    """The backbone's vocabulary: the SentencePiece file named, else the one in the model's folder."""
    return folder_vocabulary(model_folder(settings), remote.local_file(settings.vocabulary))


def identity(settings: ModelSettings) -> Identity:
    """Name and fingerprint, without loading the model: remembered by the files' sizes and times."""
    folder = model_folder(settings)
    vocab = vocabulary(settings)
    facts = [
        str(folder.resolve()),
        vocab.digest(),
        settings.relative_max_distance,
        settings.dropout,
    ]
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        about = file.stat()
        facts.append([file.name, about.st_size, about.st_mtime_ns])
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    remembered = cache_dir() / "fingerprints" / name
    if remembered.is_file() and len(known := remembered.read_text()) == 64:
        return Identity(settings.name, known)
    found = _fingerprint(settings, folder, vocab)
    try:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        temporary = remembered.with_suffix(".part")
        temporary.write_text(found)
        temporary.replace(remembered)
    except OSError:
        pass  # it is only a shortcut: the next call computes the fingerprint again
    return Identity(settings.name, found)


def _fingerprint(settings: ModelSettings, folder: Path, vocab: Vocabulary) -> str:
    if (folder / "weights.safetensors").is_file():
        pieces = safetensors_pieces(folder / "weights.safetensors")
        return fingerprint(_stated_config(folder), pieces, vocab.digest())
    if hf.is_hf_folder(folder):
        return fingerprint(hf.read_config(folder), hf.raw_pieces(folder), vocab.digest())
    from spot.models.weights.build import infer_config

    arrays = _t5x_arrays(folder)
    config = infer_config(arrays, settings.relative_max_distance, settings.dropout)
    kinds = (
        (name, str(array.dtype), array.shape, array.tobytes())
        for name, array in sorted(arrays.items())
    )
    return fingerprint(config, kinds, vocab.digest())


def _stated_config(folder: Path) -> T5Config:
    try:
        return T5Config(**json.loads((folder / "config.json").read_text())["architecture"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpotError(
            f"{folder / 'config.json'}: expected an `architecture` of T5Config fields ({error})",
            "weights.safetensors needs its config.json beside it",
        ) from error


def load(settings: ModelSettings) -> Backbone:
    """The backbone with weights on the default device.

    Raises SpotError for an unknown name, missing files, or weights that do not fit exactly.
    """
    from spot.models.product import choose_form
    from spot.models.weights.build import build, infer_config

    folder = model_folder(settings)
    vocab = vocabulary(settings)
    if (folder / "weights.safetensors").is_file():
        from safetensors import SafetensorError
        from safetensors.flax import load_file

        config = _stated_config(folder)
        try:
            arrays: Mapping[str, Any] = load_file(folder / "weights.safetensors")
        except (SafetensorError, OSError) as error:
            raise SpotError(
                f"{folder / 'weights.safetensors'}: {error}", "copy it again"
            ) from error
    elif hf.is_hf_folder(folder):
        config = hf.read_config(folder)
        arrays = hf.read_arrays(folder, config)
    else:
        arrays = _t5x_arrays(folder)
        config = infer_config(arrays, settings.relative_max_distance, settings.dropout)
    _check_vocabulary(config, vocab)
    form = "float32" if settings.precision == "float32" else choose_form()
    graphdef, parameters = build(config, arrays, settings.precision, form)
    return Backbone(identity(settings), config, vocab, graphdef, parameters)


def with_dropout(backbone: Backbone, rate: float | None) -> Backbone:
    """The same weights with another dropout rate; None keeps the model's own."""
    if rate is None or rate == backbone.config.dropout:
        return backbone
    from flax import nnx

    from spot.models.t5 import T5

    config = replace(backbone.config, dropout=rate)
    form = nnx.merge(backbone.graphdef, backbone.parameters).form
    graphdef, _ = nnx.split(nnx.eval_shape(lambda: T5(config, form, nnx.Rngs(0))))
    return replace(backbone, config=config, graphdef=graphdef)


def _t5x_arrays(folder: Path) -> dict[str, Any]:
    """The backbone's arrays of a T5X checkpoint; a prompt that was trained on it is left out."""
    from spot.models.weights.t5x import PROMPT_NAME, read_checkpoint

    return {name: array for name, array in read_checkpoint(folder).items() if name != PROMPT_NAME}


def _check_vocabulary(config: T5Config, vocab: Vocabulary) -> None:
    if vocab.size > config.vocab_size:
        raise SpotError(
            f"{vocab.name} has {vocab.size} tokens (with {vocab.extra_ids} sentinels), "
            f"but the model embeds {config.vocab_size}",
            "this is another model's vocabulary; name the right one with model.vocabulary",
        )
