"""Writes a model as a folder that `model.name` can name: weights.safetensors and config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bank.files import replace_file, replacing
from spot.models.config import ModelConfig


def write_model(
    folder: Path, config: ModelConfig, arrays: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Writes weights by T5X name as they are, and config.json with what is known `about` them;
    config.json last, since without it the folder is not a model.
    """
    from safetensors.numpy import save_file

    with replacing(folder / "weights.safetensors") as temporary:
        save_file(dict(arrays), temporary)
    card = {"architecture": config.to_json(), **about}
    replace_file(folder / "config.json", (json.dumps(card, indent=1, default=str) + "\n").encode())
