"""The table of model families. A new one is a config class, a network file and one record here.

Imports no JAX: the network is imported when it is first built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from spot.fields import Fields
from spot.models.config import DecoderConfig, ModelConfig, T5Config
from spot.tasks.tokenizer import folder_tokenizer
from spot.tasks.vocabulary import Vocabulary, folder_vocabulary

Layout = Literal["by length", "packed"]


def _t5() -> Any:
    from spot.models.t5 import T5

    return T5


def _decoder() -> Any:
    from spot.models.decoder import Decoder

    return Decoder


@dataclass(frozen=True)
class Family:
    """Models of one architecture in all sizes.

    `config`: the class of its sizes. `network`: imports and returns the class of its network.
    `layout`: how a training batch is divided into parts (`spot.training.parts.LAYOUTS`).
    `vocabulary`: reads the vocabulary of a folder, or the file named in its place.
    """

    name: str
    config: type[ModelConfig]
    network: Callable[[], Any]
    layout: Layout
    vocabulary: Callable[[Path, Path | None], Vocabulary]

    def recognises(self, architecture: Mapping[str, Any]) -> bool:
        """True if an architecture stored as JSON has the fields of this family's config."""
        every = {field.name for field in fields(self.config)}
        required = {field.name for field in fields(self.config) if field.default is MISSING}
        return required <= set(architecture) <= every


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("T5", T5Config, _t5, "by length", folder_vocabulary),
        Family("decoder", DecoderConfig, _decoder, "packed", folder_tokenizer),
    )
}


def family_of(config: ModelConfig) -> Family:
    """The family of an architecture."""
    return next(family for family in FAMILIES.values() if family.config is type(config))


def read_architecture(stored: Mapping[str, Any], origin: str = "architecture") -> ModelConfig:
    """The architecture that `config.to_json()` stored. ValueError for the fields of no family and for
    impossible sizes, SpotError with the origin for a field of another kind.
    """
    for family in FAMILIES.values():
        if family.recognises(stored):
            kinds, members = get_type_hints(family.config), Fields(origin, stored)
            return family.config(**{name: members.of(kinds[name], name) for name in stored})
    raise ValueError(f"not the fields of {' or '.join(FAMILIES)}: {', '.join(sorted(stored))}")
