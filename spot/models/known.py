"""The table of known models: the embedded one, and published ones that `model.name` takes; and sizes of
models without weights, to plan with.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from spot.errors import SpotError, did_you_mean
from spot.models.config import ARCHITECTURES, DecoderConfig, ModelConfig, T5Config
from spot.models.defaults import ModelDefaults, defaults_of
from spot.models.families import read_architecture
from spot.models.model import FOLDERS, PACKAGED, model_path, packaged_file
from spot.models.settings import ModelSettings
from spot.models.weights import hub, remote
from spot.models.weights.formats import reader
from spot.models.weights.gguf import GGUF
from spot.models.weights.stored import STORED
from spot.models.weights.t5x import T5X

SIZES = ("small", "base", "large", "xl", "xxl")
SAFETENSORS = STORED.name
BUCKET = "gs://t5-data/pretrained_models/t5x"
T5X_VOCABULARY = "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model"


def _byt5(d_model: int, heads: int, d_ff: int, encoder: int, decoder: int) -> T5Config:
    return T5Config(384, d_model, 64, heads, d_ff, encoder, decoder)


# Xue et al. 2022 (ByT5), table 1; mT5 (Xue et al. 2021) has the layers of T5 1.1.
BYT5 = {
    "small": _byt5(1472, 6, 3584, 12, 4),
    "base": _byt5(1536, 12, 3968, 18, 6),
    "large": _byt5(1536, 16, 3840, 36, 12),
    "xl": _byt5(2560, 32, 6720, 36, 12),
    "xxl": _byt5(4672, 64, 12352, 36, 12),
}
MT5_VOCABULARY = 250112


def _decoder(
    vocab: int, width: int, heads: int, narrow: int, d_ff: int, layers: int, biases: bool = False
) -> DecoderConfig:
    context = 32768 if biases else 8192
    return DecoderConfig(
        vocab, width, width // heads, heads, narrow, d_ff, layers, context, biases=biases
    )


# The configurations of the repositories; all tie the head to the embeddings.
DECODERS = {
    "HuggingFaceTB/SmolLM2-135M": _decoder(49152, 576, 9, 3, 1536, 30),
    "HuggingFaceTB/SmolLM2-360M": _decoder(49152, 960, 15, 5, 2560, 32),
    "HuggingFaceTB/SmolLM2-1.7B": _decoder(49152, 2048, 32, 32, 8192, 24),
    "Qwen/Qwen2.5-0.5B": _decoder(151936, 896, 14, 2, 4864, 24, biases=True),
    "Qwen/Qwen2.5-1.5B": _decoder(151936, 1536, 12, 2, 8960, 28, biases=True),
}


# Llama 3.2 1B and Llama 3.1 8B (Grattafiori et al. 2024, table 3).
SHAPES: dict[str, ModelConfig] = {
    "llama-1b-shape": DecoderConfig(128256, 2048, 64, 32, 8, 8192, 16, 131072, rope_theta=5e5),
    "llama-8b-shape": DecoderConfig(
        128256, 4096, 128, 32, 8, 14336, 32, 131072, tied_head=False, rope_theta=5e5
    ),
}
"""Sizes without weights, which --plan takes as model.name."""


@dataclass(frozen=True)
class KnownModel:
    """A model by the name that `model.name` takes; sizes are those of its architecture.

    `layers`: of the encoder and the decoder, or of a decoder alone. `path`: its place on this
    machine, None if it is not there. `vocabulary`: the value that model.vocabulary needs, if any.
    `defaults`: settings that suit it where none are given. `config`: its architecture as published.
    """

    name: str
    kind: str
    parameters: int
    width: int
    layers: tuple[int, ...]
    formats: str
    path: Path | None
    config: ModelConfig
    vocabulary: str | None = None
    defaults: ModelDefaults = ModelDefaults()


@dataclass(frozen=True)
class Architecture:
    """A model without its weights: its name, its sizes, and the settings that suit it."""

    name: str
    config: ModelConfig

    @property
    def defaults(self) -> ModelDefaults:
        """Settings that suit the model where none are given."""
        return defaults_of(self.name)


def architecture(settings: ModelSettings) -> Architecture:
    """The architecture of the settings' model, of which no weights are read and nothing is downloaded.

    Its files are looked at where they are on this machine; a published model's sizes are known without.
    Raises SpotError for a model that is neither.
    """
    name = settings.name
    here = hub.cached(name) if hub.is_model_id(name) else remote.copy_of(name)
    published = {**SHAPES, **{model.name: model.config for model in known_models()}}
    if here is None and name in published and name not in (*FOLDERS, *PACKAGED):
        config = published[name]
        if isinstance(config, DecoderConfig):  # loaded, it has a row of padding as well
            config = replace(config, vocab_size=config.vocab_size + 1)
        return Architecture(name, config)
    if here is None and name not in published and not os.path.exists(name):
        raise SpotError(
            f'the sizes of "{name}" are not known: its files are not on this machine.'
            f"{did_you_mean(name, published)}",
            f"plan with a folder, a model that `spot models` lists, or {' or '.join(SHAPES)}",
        )
    return Architecture(name, reader(model_path(settings), settings).config())


def known_models() -> list[KnownModel]:
    """Every known model: embedded, in a package, on the Hugging Face hub, in T5X's bucket."""
    return [*_embedded(), *_packaged(), *_on_the_hub(), *_decoders(), *_in_the_bucket()]


def _known(
    name: str,
    kind: str,
    config: ModelConfig,
    formats: str,
    path: Path | None,
    vocab: str | None = None,
) -> KnownModel:
    return KnownModel(
        name=name,
        kind=kind,
        parameters=config.count(),
        width=config.d_model,
        layers=config.stacks,
        formats=formats,
        path=path,
        config=config,
        vocabulary=vocab,
        defaults=defaults_of(name),
    )


def _embedded() -> Iterator[KnownModel]:
    for name, folder in FOLDERS.items():
        stated = json.loads((folder / "config.json").read_text())["architecture"]
        yield _known(name, "embedded", read_architecture(stated), SAFETENSORS, folder)


def _packaged() -> Iterator[KnownModel]:
    config = DECODERS["HuggingFaceTB/SmolLM2-135M"]
    for name in PACKAGED:
        yield _known(name, "SmolLM2 Instruct", config, GGUF.name, packaged_file(name))


def _decoders() -> Iterator[KnownModel]:
    for name, config in DECODERS.items():
        kind = name.partition("/")[2].rpartition("-")[0]
        for form in ("", "-Instruct"):
            full = name + form
            title = kind + form.replace("-", " ")
            yield _known(full, title, config, SAFETENSORS, hub.cached(full))


def _on_the_hub() -> Iterator[KnownModel]:
    families = [
        ("google-t5/t5-{}", "T5 1.0", ("small", "base", "large", "3b", "11b"), "t5-{}"),
        ("google/t5-v1_1-{}", "T5 1.1", SIZES, "t5-v1_1-{}"),
        ("google/t5-{}-lm-adapt", "T5 1.1 LM-adapted", SIZES, "t5-v1_1-{}"),
        ("google/flan-t5-{}", "Flan-T5", SIZES, "t5-v1_1-{}"),
        ("google/mt5-{}", "mT5", SIZES, "t5-v1_1-{}"),
        ("google/byt5-{}", "ByT5", SIZES, ""),
    ]
    for pattern, kind, sizes, architecture in families:
        for size in sizes:
            config = ARCHITECTURES[architecture.format(size)] if architecture else BYT5[size]
            if kind == "mT5":
                config = replace(config, vocab_size=MT5_VOCABULARY)
            name = pattern.format(size)
            yield _known(name, kind, config, SAFETENSORS, hub.cached(name))


def _in_the_bucket() -> Iterator[KnownModel]:
    for size in SIZES:
        name = f"{BUCKET}/t5_1_1_lm100k_{size}/checkpoint_1100000"
        config = ARCHITECTURES[f"t5-v1_1-{size}"]
        path = remote.copy_of(name)
        yield _known(name, "T5 1.1 LM-adapted", config, T5X.name, path, T5X_VOCABULARY)
