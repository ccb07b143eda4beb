"""NumPy files, which `prompt_tuning`'s from-file initialiser reads; of any name, never a pickle."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from bank.arrays import Array, as_floats
from bank.errors import BankError
from bank.files import replace_file
from bank.formats.prompt import Export, PromptFile

MAGIC = b"\x93NUMPY"


def recognises(path: Path) -> bool:
    """True for a file that begins as NumPy's do. Raises OSError."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path: Path) -> PromptFile:
    """The prompt of a NumPy file of floats [P, H]. Raises BankError: damaged, or something else."""
    try:
        with open(path, "rb") as file:
            array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BankError(f"{path} is no complete NumPy file of numbers: {error}") from error
    return PromptFile(as_floats(array, f"the prompt in {path}"))


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the prompt [P, H] as float32. Raises BankError."""
    replace_file(path, content(prompt.prompt))
    return path


def content(prompt: Array) -> bytes:
    """The bytes of a NumPy file of the prompt [P, H]."""
    buffer = io.BytesIO()
    np.save(buffer, prompt, allow_pickle=False)
    return buffer.getvalue()
