"""What a result was made with, as a file beside it: models, recipe, bank, settings and releases."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spot
from bank.files import replace_file
from bank.store import Bank
from spot.models.model import Model
from spot.training.recipe import Recipe

FILE = "provenance.json"
RELEASES = ("jax", "jaxlib", "numpy", "optax", "scipy", "scikit-learn", "faiss-cpu")
"""The packages beside this one whose releases numbers may depend on."""


def write_provenance(
    folder: Path,
    models: Sequence[Model],
    recipe: Recipe | None = None,
    bank: Bank | None = None,
    **settings: Any,
) -> None:
    """Write FILE to a folder of results. recipe: None where each result says its own. settings: of what was
    run, seeds among them, as JSON values by name.

    Raises BankError when the folder cannot be written.
    """
    own = None if recipe is None else recipe.on(models[0]).model_dump(mode="json")
    content = {
        "models": [
            {"name": one.name, "fingerprint": one.fingerprint, "precision": one.precision}
            for one in models
        ],
        "bank": None if bank is None else {"name": bank.path.name, "entries": len(bank.entries())},
        "settings": settings,
        "recipe": own,
        "releases": releases(),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(folder / FILE, text.encode())


def releases() -> dict[str, str]:
    """The releases of this program, of Python and of installed RELEASES."""
    found = {"spot": spot.__version__, "python": platform.python_version()}
    for name in RELEASES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # as of a build from source
            continue
    return found
