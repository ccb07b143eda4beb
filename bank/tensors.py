"""Safetensors files as named tensors whose numbers are read on demand, by their declared type alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.reading import parse_json

LIMIT = 1 << 29  # bytes of a file of prompts, 512 MiB: of 80 layers of 100 x 8192 numbers, twice
DTYPES = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32, "F64": np.float64}


@dataclass(frozen=True)
class Tensor:
    """A tensor as it stands in a file: the name of its type, its shape, and its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | bytearray

    def floats(self) -> NDArray[Any]:
        """The numbers, in their own precision, bfloat16 as float32. Raises ValueError for a type that
        is not in `DTYPES`: whole numbers, and floats of eight bits or fewer, which need a scale.
        """
        if self.dtype not in DTYPES:
            raise ValueError(
                f"expected a tensor of floats, found {self.dtype} (read are {', '.join(DTYPES)})"
            )
        array: NDArray[Any] = np.frombuffer(self.data, dtype=DTYPES[self.dtype])
        if self.dtype == "BF16":  # NumPy has no bfloat16: it is the upper half of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array.reshape(self.shape)


def parse_tensors(content: bytes) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """The tensors by name and the metadata of a safetensors file's bytes.

    Raises ValueError with the library's reason for bytes that are no such file, or not the whole of it.
    """
    import safetensors

    try:
        tensors = {
            name: Tensor(about["dtype"], tuple(about["shape"]), about["data"])
            for name, about in safetensors.deserialize(content)
        }
    except Exception as error:  # the library's own class, and what its parser of JSON raises
        raise ValueError(f"no complete safetensors file: {error}") from error
    return tensors, _metadata(content)


def _metadata(content: bytes) -> Mapping[str, str]:
    """The metadata of bytes that the library has read: their header is JSON behind eight bytes."""
    size = int.from_bytes(content[:8], "little")
    metadata: Mapping[str, str] = parse_json(content[8 : 8 + size]).get("__metadata__") or {}
    return metadata
