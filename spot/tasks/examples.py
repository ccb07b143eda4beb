"""Token arrays of one split, ragged: rows are padded only when a batch is made.

Needs numpy only: training, evaluation and search read these files and never import TensorFlow.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bank.files import replacing
from bank.reading import read_bytes
from spot.errors import SpotError
from spot.tasks.text import Reference

FORMAT = 1
_ARRAYS = ("inputs", "input_offsets", "targets", "target_offsets", "labels")


@dataclass(frozen=True, eq=False)
class Ragged:
    """N rows of token ids end to end: row i is `flat[offsets[i]:offsets[i + 1]]`.

    `flat` is int32 [sum of lengths]; `offsets` is int64 [N + 1], starting at 0.
    """

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | NDArray[np.int32]]) -> Ragged:
        """From rows of token ids.

        >>> Ragged.of([[5, 1], [], [7]]).offsets.tolist()
        [0, 2, 2, 3]
        """
        arrays = [np.asarray(row, np.int32) for row in rows]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(row) for row in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, np.int32), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Token ids of one row, int32 [T]; IndexError outside -N..N-1."""
        row = range(len(self))[row]
        return self.flat[self.offsets[row] : self.offsets[row + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each row, int64 [N]."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class TokenizedSplit:
    """One split of one task as token ids, every row ending in EOS.

    Row i is the i-th example that the task reads. `labels` is int32 [N] (-1: no class).
    `references` and `groups` are lists of N as in `Example`; `target_texts` are the N target
    strings. `truncated` counts inputs that were cut to fit.
    """

    inputs: Ragged
    targets: Ragged
    labels: NDArray[np.int32]
    references: list[Reference]
    groups: list[str]
    target_texts: list[str]
    truncated: int = 0

    def __len__(self) -> int:
        return len(self.inputs)

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row's input and target, int64 [N, 2]; for length buckets."""
        return np.stack([self.inputs.lengths(), self.targets.lengths()], axis=1)

    def save(self, path: Path) -> None:
        """Write one .npz (JSON inside) atomically, with a checksum of its content and name. Raises
        BankError.
        """
        about = {
            "format": FORMAT,
            "references": self.references,
            "groups": self.groups,
            "target_texts": self.target_texts,
            "truncated": self.truncated,
        }
        arrays: dict[str, np.ndarray] = {
            "inputs": self.inputs.flat,
            "input_offsets": self.inputs.offsets,
            "targets": self.targets.flat,
            "target_offsets": self.targets.offsets,
            "labels": self.labels,
            "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        }
        arrays["sha256"] = np.frombuffer(_checksum(path.name, arrays), np.uint8)
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> TokenizedSplit:
        """Read a file that `save` wrote; a damaged, foreign or renamed file is a SpotError that names it."""
        try:
            arrays = _read(path)
            about = json.loads(arrays["about"].tobytes())
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}, expected {FORMAT}")
        except (OSError, ValueError) as error:
            raise SpotError(
                f"{path} is not a readable token cache: {error}", "delete the file; it is rebuilt"
            ) from error
        return cls(
            inputs=Ragged(arrays["inputs"], arrays["input_offsets"]),
            targets=Ragged(arrays["targets"], arrays["target_offsets"]),
            labels=arrays["labels"],
            references=[tuple(r) if isinstance(r, list) else r for r in about["references"]],
            groups=about["groups"],
            target_texts=about["target_texts"],
            truncated=about["truncated"],
        )


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file that `save` wrote, whose checksum is right. Raises OSError and ValueError."""
    content = io.BytesIO(read_bytes(path))
    try:
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*_ARRAYS, "about", "sha256")}
    except Exception as error:  # numpy, zipfile and zlib have no class for all their errors
        raise ValueError(str(error) or type(error).__name__) from error
    if arrays.pop("sha256").tobytes() != _checksum(path.name, arrays):
        raise ValueError("its checksum is another one")
    return arrays


def _checksum(name: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """The SHA-256 of arrays and their file's name, which says of what they are."""
    digest = hashlib.sha256(name.encode())
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"\n{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()
