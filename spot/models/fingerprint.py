"""The identity of a backbone: a hash of architecture, weights and vocabulary. Needs no JAX.

Prompts of different fingerprints never mix, so a quick search must know it without loading a model.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bank.reading import open_regular, parse_json
from spot.errors import SpotError
from spot.models.config import ModelConfig

Piece = tuple[str, str, tuple[int, ...], bytes | memoryview]
HEADER = 100_000_000  # bytes, as the safetensors library allows
BYTES = {  # of a number; safetensors has narrower ones, too, which no model here is made of
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}


def fingerprint(config: ModelConfig, weights: Iterable[Piece], vocabulary_sha256: str) -> str:
    """Hex sha256 over the architecture, every array (name, type, shape, bytes; by name) and the
    vocabulary.
    """
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode())
    for name, kind, shape, content in weights:
        digest.update(f"{name} {kind} {list(shape)}".encode())
        digest.update(content)
    digest.update(vocabulary_sha256.encode())
    return digest.hexdigest()


def mapped(path: Path) -> memoryview:
    """A regular file's bytes, mapped rather than read: it may be larger than the memory.

    Raises OSError, and ValueError for an empty file.
    """
    with open_regular(path) as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class StoredArray(NamedTuple):
    """An array of a safetensors file: type of its numbers, shape, and the place of its bytes."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def safetensors_header(path: Path) -> tuple[memoryview, dict[str, StoredArray]]:
    """A safetensors file's bytes, and its arrays by name.

    Raises SpotError when the file is cut short or not safetensors: every array must have as many bytes
    as its shape says, and together they must fill the file.
    """
    try:
        content = mapped(path)
        start = 8 + int.from_bytes(content[:8], "little")
        if start > min(len(content), HEADER):
            raise ValueError(f"a header of {start - 8:,} bytes in a file of {len(content):,}")
        header = parse_json(bytes(content[8:start]))
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        header.pop("__metadata__", None)
        arrays = {name: _stored_array(name, about, start) for name, about in header.items()}
        place = start
        for name, array in sorted(arrays.items(), key=lambda item: item[1][2:]):
            if array.begin != place:
                raise ValueError(f"array {name} begins at byte {array.begin}, not {place}")
            place = array.end
        if place != len(content):
            raise ValueError(f"its arrays end at byte {place} of {len(content)}")
    except (OSError, ValueError) as error:
        raise SpotError(
            f"{path}: expected a whole safetensors file ({error})", "copy or download it again"
        ) from error
    return content, arrays


def _stored_array(name: str, about: Any, start: int) -> StoredArray:
    """An array as the header describes it; ValueError for a description that contradicts itself."""
    members: dict[str, Any] = about if isinstance(about, dict) else {}
    kind: Any = members.get("dtype")
    shape: Any = members.get("shape")
    places: Any = members.get("data_offsets")
    if not (isinstance(kind, str) and _sizes(shape) and _sizes(places) and len(places) == 2):
        raise ValueError(f"array {name} has no type, shape and place")
    begin, end = places
    if kind in BYTES and math.prod(shape) * BYTES[kind] != end - begin:
        raise ValueError(f"array {name} of {kind} {shape} in {end - begin:,} bytes")
    return StoredArray(kind, tuple(shape), start + begin, start + end)


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(each) is int and each >= 0 for each in values)


def safetensors_pieces(path: Path) -> Iterator[Piece]:
    """The arrays of a safetensors file by name, as raw bytes; bfloat16 needs no numpy type this
    way. Raises as `safetensors_header`.
    """
    content, arrays = safetensors_header(path)
    for name, array in sorted(arrays.items()):
        yield name, array.kind, array.shape, content[array.begin : array.end]
