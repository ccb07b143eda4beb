"""One tensor as `torch.save` writes it, without torch: for servers that read no other form.

The file is a zip archive of stored records: a pickle that names the tensor's storage, its shape and its
strides, and the numbers themselves (torch.serialization, "zipfile-based" format, since torch 1.6).
`torch.load(…, weights_only=True)` reads it.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Sequence

import numpy as np

from bank.arrays import Array

STORAGES = {"float32": "FloatStorage", "bfloat16": "BFloat16Storage"}
"""The class of torch in which the numbers of a dtype lie."""

_FOLDER = "archive"  # any name; torch takes the folder of the first record
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip's; the same tensor is always the same bytes


def torch_bytes(array: Array, dtype: str = "float32") -> bytes:
    """The bytes of a file that `torch.load` reads as the tensor of this array, of any shape.

    dtype: "float32", or "bfloat16", to which the numbers are rounded, ties to even.
    """
    array = np.asarray(array, "<f4", order="C")
    numbers = array if dtype == "float32" else as_bfloat16(array)
    records = {
        "data.pkl": _pickled(array.shape, STORAGES[dtype]),
        "byteorder": b"little",
        "data/0": numbers.tobytes(),
        "version": b"3\n",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}", _EARLIEST), content)
    return buffer.getvalue()


def as_bfloat16(array: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """The bits of finite float32 numbers rounded to bfloat16, ties to even, as uint16.

    >>> [hex(bits) for bits in as_bfloat16(np.array([1, -2, 1 + 2**-8, 1 + 3 * 2**-8], np.float32))]
    ['0x3f80', '0xc000', '0x3f80', '0x3f82']
    """
    bits = np.asarray(array, "<f4", order="C").view("<u4")
    return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype("<u2")


def _pickled(shape: Sequence[int], storage: str) -> bytes:
    """The pickle, of protocol 2, of a tensor in row-major order whose numbers are the record data/0."""
    count = int(np.prod(shape))
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    identity = b"".join(
        (_text("storage"), _name("torch", storage), _text("0"), _text("cpu"), _number(count))
    )
    return b"".join(
        (
            pickle.PROTO + b"\x02",
            _name("torch._utils", "_rebuild_tensor_v2"),
            pickle.MARK,
            pickle.MARK + identity + pickle.TUPLE + pickle.BINPERSID,
            _number(0),  # where in the storage the tensor begins
            pickle.MARK + b"".join(map(_number, shape)) + pickle.TUPLE,
            pickle.MARK + b"".join(map(_number, strides)) + pickle.TUPLE,
            pickle.NEWFALSE,  # it asks for no gradient
            _name("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE,  # no hooks
            pickle.TUPLE + pickle.REDUCE + pickle.STOP,
        )
    )


def _text(value: str) -> bytes:
    encoded = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def _name(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _number(value: int) -> bytes:
    encoded = pickle.encode_long(value)
    return pickle.LONG1 + bytes([len(encoded)]) + encoded
