"""Reads a tensor that was written for torch, without torch: the zip, and its pickle by Python's reader."""

from __future__ import annotations

import base64
import io
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import ml_dtypes
import numpy as np

DTYPES = {"FloatStorage": np.dtype("<f4"), "BFloat16Storage": np.dtype(ml_dtypes.bfloat16)}


def tensor_of(content: bytes) -> np.ndarray:
    """The tensor in the bytes of a file of torch, in its own dtype."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    folders = {name.split("/")[0] for name in archive.namelist()}
    (folder,) = folders
    assert archive.read(f"{folder}/byteorder") == b"little"

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module == "torch" and name in DTYPES:
                return DTYPES[name]
            return {
                ("torch._utils", "_rebuild_tensor_v2"): rebuilt,
                ("collections", "OrderedDict"): OrderedDict,
            }[module, name]

        def persistent_load(self, pid: Any) -> np.ndarray:
            kind, dtype, key, device, count = pid
            assert (kind, device) == ("storage", "cpu")
            numbers = np.frombuffer(archive.read(f"{folder}/data/{key}"), dtype)
            assert len(numbers) == count
            return numbers

    def rebuilt(numbers, start, shape, strides, requires_grad, hooks):
        assert not requires_grad and hooks == OrderedDict()
        steps = [stride * numbers.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(numbers[start:], shape, steps)

    tensor = Reader(io.BytesIO(archive.read(f"{folder}/data.pkl"))).load()
    assert isinstance(tensor, np.ndarray)
    return tensor


def tensor_of_base64(text: str) -> np.ndarray:
    """The tensor in the value of a `prompt_embeds`."""
    return tensor_of(base64.b64decode(text, validate=True))
