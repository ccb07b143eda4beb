"""The header of a GGUF file: its metadata, and the kind, shape and place of every array.

Read here and not by the `gguf` package, which trusts every count in the file: each is checked against the
bytes that are there before anything is allocated. Layout: docs/gguf.md of ggml-org/ggml.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

HEADER = 1 << 28  # bytes; the largest vocabularies need a tenth
ELEMENTS = 1 << 22  # of all lists together; the largest vocabularies need a third
LEVELS = 4  # of lists in lists
DIMENSIONS = 4
NAME = 65535  # bytes of a key or the name of an array
STRING, LIST = 8, 9
# By the number of the type: little-endian, as NumPy names them.
_FIRST = dict(enumerate(("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<f4", "?")))
NUMBERS = {**_FIRST, 10: "<u8", 11: "<i8", 12: "<f8"}
ALIGNMENT = "general.alignment"


class Tensor(NamedTuple):
    """An array of the file: name, number of its type, shape with the fastest axis first, and the place
    of its bytes.
    """

    name: str
    kind: int
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """Metadata by key, as numbers, texts, flags and lists of them, and the arrays in the file's order."""

    metadata: dict[str, Any]
    tensors: list[Tensor]


def read_header(content: memoryview, blocks: dict[int, tuple[int, int]]) -> Header:
    """The header of a file's bytes. blocks: numbers and bytes of a block, by the number of the type.

    Raises ValueError for what is no GGUF file of version 2 or 3, and for one that is cut short or
    contradicts itself.
    """
    cursor = _Cursor(content[:HEADER])
    if bytes(cursor.take(4)) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    if (version := cursor.number("<I")) not in (2, 3):
        raise ValueError(f"version {version}, not 2 or 3 in this processor's byte order")
    tensors, members = cursor.number("<Q"), cursor.number("<Q")
    cursor.check(tensors, 24)  # the least bytes of one
    cursor.check(members, 13)
    metadata: dict[str, Any] = {}
    for _ in range(members):
        key = cursor.text(NAME)
        if key in metadata:
            raise ValueError(f"{key} is stated twice")
        metadata[key] = cursor.value(cursor.number("<I"))
    table = [_described(cursor) for _ in range(tensors)]
    return Header(metadata, _placed(table, blocks, cursor.place, len(content), metadata))


@dataclass
class _Cursor:
    """A place in the header that moves as values are read; ValueError behind the end."""

    content: memoryview
    place: int = 0
    elements: int = field(default=0)  # of all lists read so far

    def take(self, size: int) -> memoryview:
        self.check(size, 1)
        self.place += size
        return self.content[self.place - size : self.place]

    def check(self, count: int, size: int) -> None:
        """ValueError if `count` values of at least `size` bytes cannot follow."""
        if count * size > len(self.content) - self.place:
            left = len(self.content) - self.place
            raise ValueError(
                f"{count:,} values at byte {self.place:,}, where {left:,} bytes are left"
            )

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self, most: int = HEADER) -> str:
        length = self.number("<Q")
        if length > most:
            raise ValueError(f"a text of {length:,} bytes at byte {self.place:,}")
        return str(self.take(length), "utf-8")

    def value(self, kind: int, level: int = 0) -> Any:
        """A value of a type; LIST has its own type and length in front."""
        if kind == STRING:
            return self.text()
        if kind != LIST:
            return self.numbers(kind, 1)[0]
        if level == LEVELS:
            raise ValueError(f"lists in more than {LEVELS} levels at byte {self.place:,}")
        kind, count = self.number("<I"), self.number("<Q")
        self.elements += count
        if self.elements > ELEMENTS:
            raise ValueError(f"lists of {self.elements:,} values, more than {ELEMENTS:,}")
        if kind not in (STRING, LIST):
            return self.numbers(kind, count)
        self.check(count, 8)  # the least bytes of one
        return [self.value(kind, level + 1) for _ in range(count)]

    def numbers(self, kind: int, count: int) -> list[Any]:
        if kind not in NUMBERS:
            raise ValueError(f"a value of the unknown type {kind} at byte {self.place:,}")
        dtype = np.dtype(NUMBERS[kind])
        self.check(count, dtype.itemsize)
        values: list[Any] = np.frombuffer(self.take(count * dtype.itemsize), dtype).tolist()
        return values


def _described(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    """Name, shape, type and place among the arrays of one array."""
    name, rank = cursor.text(NAME), cursor.number("<I")
    if rank > DIMENSIONS:
        raise ValueError(f"array {name} of {rank} dimensions")
    shape = tuple(cursor.number("<Q") for _ in range(rank))
    return name, shape, cursor.number("<I"), cursor.number("<Q")


def _placed(
    table: list[tuple[str, tuple[int, ...], int, int]],
    blocks: dict[int, tuple[int, int]],
    header: int,
    size: int,
    metadata: dict[str, Any],
) -> list[Tensor]:
    """The arrays with their places in the file, which follow each other, aligned, as llama.cpp checks."""
    alignment = metadata.get(ALIGNMENT, 32)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise ValueError(f"{ALIGNMENT} is {alignment}, no power of two")
    start = header + -header % alignment
    tensors: dict[str, Tensor] = {}
    following = 0
    for name, shape, kind, place in table:
        if kind not in blocks:
            raise ValueError(f"array {name} of the unknown type {kind}")
        numbers, block = blocks[kind]
        row = shape[0] if shape else 1
        if row % numbers:
            raise ValueError(f"array {name} with rows of {row} numbers, in blocks of {numbers}")
        length = math.prod(shape) // numbers * block
        if place != following or start + place + length > size:
            raise ValueError(
                f"array {name} of {length:,} bytes at {place:,} of {max(0, size - start):,}, where "
                f"{following:,} was expected"
            )
        if name in tensors:
            raise ValueError(f"array {name} is there twice")
        tensors[name] = Tensor(name, kind, shape, start + place, start + place + length)
        following = place + length + -length % alignment
    return list(tensors.values())
