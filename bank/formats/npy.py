"""NumPy files, which `prompt_tuning`'s from-file initialiser reads; of any name, never a pickle."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.arrays import Array, as_floats
from bank.errors import BankError, reason_of, shown
from bank.files import replace_file
from bank.formats.prompt import Export, PromptFile
from bank.reading import open_regular, read_bytes
from bank.tensors import LIMIT

MAGIC = b"\x93NUMPY"
HEADERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Of every version of the format that plain numbers are written in, what reads its header."""


def recognises(path: Path) -> bool:
    """True for a file that begins as NumPy's do. Raises OSError."""
    if not path.is_file():
        return False
    with open_regular(path) as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path: Path) -> PromptFile:
    """The prompt of a NumPy file of floats [P, H]. Raises BankError: damaged, or something else."""
    return PromptFile(prompt_of(path, read_array(path)[1]))


def read_array(path: Path) -> tuple[bytes, NDArray[Any]]:
    """The bytes of a NumPy file and its array of numbers. Raises BankError."""
    try:
        content = read_bytes(path, LIMIT)
        return content, parse(content)
    except (OSError, ValueError) as error:
        raise BankError(
            f"{path} is no complete NumPy file of numbers: {reason_of(error)}",
            "save the array [P, H] again with numpy.save",
        ) from error


def prompt_of(path: Path, array: NDArray[Any]) -> Array:
    """The array of a file as a prompt [P, H]. Raises BankError as `as_floats` does."""
    return as_floats(array, f"the prompt in {path}")


def parse(content: bytes) -> NDArray[Any]:
    """The array of a NumPy file's bytes. Nothing is allocated before the declared shape is known to be
    that of the bytes. Raises ValueError.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        header = HEADERS.get(version)
        if header is None:
            raise ValueError(f"expected the version 1.0 or 2.0, found {version}")
        shape, fortran, dtype = header(file)
    except Exception as error:  # a header is Python source, whose parsers have classes of their own
        raise ValueError(f"its header cannot be read: {shown(str(error), 200)}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which may run code when they are read")
    declared, found = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if declared != found or min(shape, default=0) < 0:
        raise ValueError(
            f"its header declares {shown(shape)} of {shown(dtype.str)}, of which its {found:,} bytes of "
            "numbers are not the whole"
        )
    numbers: NDArray[Any] = np.frombuffer(content, dtype, offset=file.tell())
    return numbers.reshape(shape, order="F" if fortran else "C")


def write(path: Path, prompt: PromptFile, export: Export) -> Path:
    """Write the prompt [P, H] as float32. Raises BankError."""
    replace_file(path, content(prompt.prompt))
    return path


def content(prompt: Array) -> bytes:
    """The bytes of a NumPy file of the prompt [P, H]."""
    buffer = io.BytesIO()
    np.save(buffer, prompt, allow_pickle=False)
    return buffer.getvalue()
