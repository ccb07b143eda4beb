"""GGUF headers: as the `gguf` package reads good ones, and within bounds whatever the counts say."""

from __future__ import annotations

import struct
import time

import pytest

from spot.models.weights.gguf_header import LIST, STRING, read_header
from tests.models.test_gguf import sizes, write
from tests.toys import random_arrays

gguf = pytest.importorskip("gguf", reason="the extra decoders is not installed")

BLOCKS = {int(kind): each for kind, each in gguf.GGML_QUANT_SIZES.items()}
U8, U32, F32 = 0, 4, 6


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def member(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(name="a", shape=(4,), kind=0, place=0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, place)


def head(members=(), arrays=(), version=3, counts=None) -> bytes:
    counts = counts or (len(arrays), len(members))
    return b"GGUF" + struct.pack("<I2Q", version, *counts) + b"".join((*members, *arrays))


def file(members=(), arrays=(), data=b"", **more) -> memoryview:
    front = head(members, arrays, **more)
    return memoryview(front + bytes(-len(front) % 32) + data)


@pytest.mark.parametrize("kind", [None, "F16", "Q8_0", "Q4_1"])
@pytest.mark.parametrize("changes", [{}, {"biases": True, "tied_head": False}])
def test_a_good_file_is_read_as_the_package_reads_it(tmp_path, kind, changes):
    quantised = None if kind is None else gguf.GGMLQuantizationType[kind]
    config = sizes(**changes)
    path = write(
        tmp_path / "m.gguf", config, random_arrays(config), quantised, add_add_bos_token=True
    )
    found, expected = read_header(memoryview(path.read_bytes()), BLOCKS), gguf.GGUFReader(path)
    fields = {key: each for key, each in expected.fields.items() if not key.startswith("GGUF.")}
    assert list(found.metadata) == list(fields)
    for key, field in fields.items():
        assert found.metadata[key] == field.contents(), key
        assert type(found.metadata[key]) is type(field.contents()), key
    assert len(found.tensors) == len(expected.tensors)
    for ours, theirs in zip(found.tensors, expected.tensors, strict=True):
        assert ours.name == theirs.name and ours.kind == int(theirs.tensor_type)
        assert ours.shape == tuple(theirs.shape.tolist())
        assert (ours.begin, ours.end) == (theirs.data_offset, theirs.data_offset + theirs.n_bytes)


def test_every_kind_of_value_is_read(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    values = {
        "uint8": 250, "int8": -7, "uint16": 65000, "int16": -700, "uint32": 1 << 31, "int32": -70000,
        "uint64": 1 << 63, "int64": -(1 << 62), "float32": 0.5, "float64": 0.1, "bool": True,
        "string": "é漢",
    }  # fmt: skip
    for name, value in values.items():
        getattr(writer, f"add_{name}")(name, value)
    for name, items in {
        "texts": ["a", "", "é"],
        "floats": [0.5, -2.0],
        "flags": [True, False],
    }.items():
        writer.add_array(name, items)
        values[name] = items
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    found = read_header(memoryview((tmp_path / "m.gguf").read_bytes()), BLOCKS).metadata
    assert {name: found[name] for name in values} == values
    assert read_header(
        file([member("a", LIST, struct.pack("<IQ", LIST, 1) + struct.pack("<IQ2B", U8, 2, 7, 8))]),
        {},
    ).metadata == {"a": [[7, 8]]}


HUGE = 1 << 40
LISTS = struct.pack("<IQ", LIST, 1)
FOUR = bytes(16)
DAMAGE = {
    "another magic": (memoryview(b"GGML" + bytes(40)), "does not begin with GGUF"),
    "another version": (file(version=1), "version 1, not 2 or 3"),
    "the other byte order": (file(version=3 << 24), "not 2 or 3 in this processor's byte order"),
    "arrays without end": (file(counts=(HUGE, 0)), "1,099,511,627,776 values at byte"),
    "members without end": (file(counts=(0, HUGE)), "1,099,511,627,776 values at byte"),
    "a list without end": (
        file([member("a", LIST, struct.pack("<IQ", U32, HUGE))]),
        "lists of 1,099,511,627,776 values",
    ),
    "a list of texts without end": (
        file([member("a", LIST, struct.pack("<IQ", STRING, 1 << 21))]),
        "2,097,152 values at byte",
    ),
    "lists in lists": (file([member("a", LIST, LISTS * 100_000)]), "lists in more than 4 levels"),
    "a text without end": (
        file([member("a", STRING, struct.pack("<Q", HUGE))]), "a text of 1,099,511,627,776 bytes",
    ),
    "a key without end": (file([struct.pack("<Q", HUGE) + bytes(20)]), "a text of 1,099,511,627,776"),
    "a key that is no text": (file([struct.pack("<Q", 1) + b"\xff" + bytes(5)]), "utf-8"),
    "a key twice": (file([member("a", U8, b"1")] * 2), "a is stated twice"),
    "another type": (file([member("a", 77, b"1")]), "unknown type 77"),
    "no alignment": (
        file([member("general.alignment", U32, bytes(4))], [array()], FOUR), "no power of two"
    ),
    "an alignment in words": (file([member("general.alignment", STRING, text("8"))]), "no power of two"),
    "dimensions without end": (file([], [array(shape=(1,) * 9)]), "of 9 dimensions"),
    "another kind of array": (file([], [array(kind=999)], FOUR), "unknown type 999"),
    "rows between blocks": (file([], [array(kind=8)], FOUR), "rows of 4 numbers, in blocks of 32"),
    "a shape without end": (file([], [array(shape=(HUGE, HUGE))], FOUR), "where 0 was expected"),
    "bytes behind the end": (file([], [array(place=32)], FOUR), "where 0 was expected"),
    "bytes of another array": (
        file([], [array(), array("b")], bytes(64)), "array b of 16 bytes at 0 of 64, where 32 was"
    ),
    "an array twice": (file([], [array(), array(place=32)], bytes(64)), "array a is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_at_once(name):
    content, message = DAMAGE[name]
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_header(content, BLOCKS)
    assert time.process_time() - start < 1
    assert read_header(file([], [array()], FOUR), BLOCKS).tensors[0].shape == (4,)
