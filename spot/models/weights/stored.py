"""The project's own format: a folder with weights.safetensors and config.json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bank.errors import UserError
from bank.files import replace_file, replacing
from spot.errors import SpotError
from spot.fields import read_fields
from spot.models.config import ModelConfig
from spot.models.families import FAMILIES, family_of, read_architecture
from spot.models.fingerprint import Piece, safetensors_pieces
from spot.models.settings import ModelSettings
from spot.models.weights.reader import Format
from spot.models.weights.tensors import safetensors_arrays
from spot.tasks.vocabulary import Vocabulary

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Stored:
    """A folder that `write_model` wrote: the embedded model, or a tuned one."""

    folder: Path
    vocabulary_file: Path | None
    settings: ModelSettings

    def vocabulary(self) -> Vocabulary:
        """The folder's vocabulary."""
        return family_of(self.config()).vocabulary(self.folder, self.vocabulary_file)

    def config(self) -> ModelConfig:
        """The architecture in config.json."""
        path = self.folder / "config.json"
        try:
            return read_architecture(read_fields(path).inner("architecture").values, str(path))
        except (UserError, ValueError) as error:
            reason = getattr(error, "message", str(error)).removeprefix(f"{path}: ")
            raise SpotError(
                f"{path}: expected an `architecture` with the fields of {' or '.join(FAMILIES)} "
                f"({reason})",
                f"{WEIGHTS} needs its config.json beside it",
            ) from error

    def pieces(self) -> Iterable[Piece]:
        """The arrays of the file."""
        return safetensors_pieces(self.folder / WEIGHTS)

    def arrays(self) -> Mapping[str, Any]:
        """The arrays of the file, read one by one."""
        return dict(safetensors_arrays(self.folder / WEIGHTS))


STORED = Format(
    "safetensors",
    f"a tuned model with {WEIGHTS}",
    lambda path: os.path.isfile(path / WEIGHTS),
    Stored,
)


def write_model(
    folder: Path, config: ModelConfig, arrays: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Write weights by T5X name and config.json, which also holds `about`, as a folder that
    `model.name` can name; config.json last, since without it the folder is not a model. Raises BankError.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with replacing(folder / WEIGHTS) as temporary:
        try:
            save_file(dict(arrays), temporary)
        except SafetensorError as error:  # the library's own class, for a full disk too
            raise OSError(str(error)) from error
    card = {"architecture": config.to_json(), **about}
    content = json.dumps(card, indent=1, default=str) + "\n"
    replace_file(folder / "config.json", content.encode())
