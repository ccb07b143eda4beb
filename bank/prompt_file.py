"""One prompt in one file of numbers, NumPy's or safetensors, read and written without pickle."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError, did_you_mean
from bank.files import replace_file

# Names under which a prompt is found in a safetensors file that holds more than one tensor.
PROMPT_NAMES = ("prompt_embeddings", "value", "prompt", "key")
SUFFIXES = (".npy", ".safetensors")


def read_prompt_array(file: Path) -> NDArray[np.float32]:
    """The prompt [P, H] in a NumPy file of any name or in a `.safetensors` file, as float32.

    Raises BankError: absent, damaged, of another kind, not [P, H] floats, NaN or infinity.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BankError(f"cannot read the prompt {file}: {error.strerror or error}") from error
    if content.startswith(b"\x93NUMPY"):
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise BankError(f"{file} is no complete NumPy file of numbers: {error}") from error
    elif file.suffix == ".safetensors":
        array = _from_safetensors(file, content)
    else:
        raise BankError(
            f"expected a NumPy or safetensors file, found another kind: {file}",
            "save the prompt's array [P, H] with numpy.save",
        )
    return as_prompt(file, array)


def write_prompt_array(path: Path, array: NDArray[Any]) -> None:
    """Writes a prompt [P, H] as float32 to `.npy` or `.safetensors` (tensor "prompt_embeddings").

    A file that exists is replaced. Raises BankError: another suffix, not [P, H] floats, a place
    that cannot be written.
    """
    prompt = as_prompt(path, np.asarray(array))
    if path.suffix == ".npy":
        replace_file(path, numpy_bytes(prompt))
    elif path.suffix == ".safetensors":
        replace_file(path, safetensors_bytes(prompt))
    else:
        raise BankError(
            f'expected a file name that ends in .npy or .safetensors, found "{path.name}".'
            + did_you_mean(path.suffix, SUFFIXES)
        )


def numpy_bytes(prompt: NDArray[np.float32]) -> bytes:
    """The bytes of a NumPy file of the prompt [P, H]."""
    buffer = io.BytesIO()
    np.save(buffer, prompt, allow_pickle=False)
    return buffer.getvalue()


def safetensors_bytes(prompt: NDArray[np.float32]) -> bytes:
    """The bytes of a safetensors file with the prompt [P, H] under PEFT's name for it.

    The metadata says of which framework the tensors are: transformers and PEFT ask for it.
    """
    import safetensors.numpy

    content: bytes = safetensors.numpy.save({PROMPT_NAMES[0]: prompt}, metadata={"format": "pt"})
    return content


def _from_safetensors(path: Path, content: bytes) -> NDArray[Any]:
    import safetensors

    try:
        tensors: dict[str, Any] = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise BankError(f"{path} is no complete safetensors file: {error}") from error
    names = [name for name in PROMPT_NAMES if name in tensors]
    if not names and len(tensors) != 1:
        raise BankError(
            f"expected one tensor or one named {' or '.join(PROMPT_NAMES)} in {path}, "
            f"found {', '.join(sorted(tensors)) or 'none'}"
        )
    tensor = tensors[names[0] if names else next(iter(tensors))]
    kinds = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "BF16": np.uint16}
    if tensor["dtype"] not in kinds:
        raise BankError(f"{path}: expected a tensor of floats, found {tensor['dtype']}")
    array = np.frombuffer(tensor["data"], dtype=kinds[tensor["dtype"]]).reshape(tensor["shape"])
    if tensor["dtype"] == "BF16":  # NumPy has no bfloat16: it is the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array


def as_prompt(path: Path, array: NDArray[Any]) -> NDArray[np.float32]:
    """The array as float32 [P, H]. Raises BankError, naming the file, when it is something else."""
    if array.ndim != 2 or array.size == 0 or array.dtype.kind != "f":
        raise BankError(
            f"{path}: expected a prompt of floats [P, H], "
            f"found shape {array.shape} of {array.dtype}"
        )
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, refused just below
        prompt = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(prompt).all():
        raise BankError(f"{path}: the prompt holds NaN, infinity or numbers beyond float32")
    return prompt
