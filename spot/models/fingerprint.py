"""The identity of a backbone: a hash of architecture, weights and vocabulary. Needs no JAX.

Prompts of different fingerprints never mix, so a quick search must know it without loading a model.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

from spot.errors import SpotError
from spot.models.config import ModelConfig

Piece = tuple[str, str, tuple[int, ...], bytes | memoryview]


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
    """A file's bytes, mapped rather than read: it may be larger than the memory."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def safetensors_pieces(path: Path) -> Iterator[Piece]:
    """The arrays of a safetensors file by name, as raw bytes; bfloat16 needs no numpy type this
    way.

    Raises SpotError when the file is cut short or not safetensors.
    """
    try:
        content = mapped(path)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(bytes(content[8 : 8 + size]))
        for name in sorted(name for name in header if name != "__metadata__"):
            about = header[name]
            begin, end = (8 + size + offset for offset in about["data_offsets"])
            if end > len(content):
                raise ValueError(f"array {name} ends at byte {end} of {len(content)}")
            yield name, about["dtype"], tuple(about["shape"]), content[begin:end]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpotError(
            f"{path}: expected a whole safetensors file ({error})", "copy or download it again"
        ) from error
