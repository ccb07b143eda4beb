"""The table of weight formats. A new one is one file with a reader and one line here."""

from __future__ import annotations

from pathlib import Path

from spot.errors import SpotError
from spot.models.settings import ModelSettings
from spot.models.weights import remote
from spot.models.weights.gguf import GGUF
from spot.models.weights.hf import HUGGING_FACE_T5
from spot.models.weights.hf_decoder import HUGGING_FACE_DECODER
from spot.models.weights.reader import Format, Reader
from spot.models.weights.stored import STORED
from spot.models.weights.t5x import T5X

# The first that recognises a path reads it.
FORMATS: tuple[Format, ...] = (GGUF, STORED, HUGGING_FACE_DECODER, HUGGING_FACE_T5, T5X)


def reader(path: Path, settings: ModelSettings) -> Reader:
    """The reader of a model's folder or file; SpotError if no format recognises it."""
    for form in FORMATS:
        if form.recognises(path):
            return form.reader(path, remote.local_file(settings.vocabulary), settings)
    files = sorted(path.glob("*.gguf"))
    raise SpotError(
        f"{path}: expected {descriptions()}; found none of them",
        f"name the file itself: --set model.name={files[0]}"
        if files
        else "give the model's own folder, for T5X the folder checkpoint_<step> itself",
    )


def descriptions() -> str:
    """All formats in words, for errors."""
    *most, last = (form.description for form in FORMATS)
    return f"{', '.join(most)} or {last}"
