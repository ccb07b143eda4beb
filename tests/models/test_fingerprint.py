"""The fingerprint sees everything that changes a model's numbers, and reads safetensors faithfully."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from spot.errors import SpotError
from spot.models.fingerprint import fingerprint, safetensors_pieces
from spot.models.model import identity
from spot.models.settings import ModelSettings
from tests.toys import tiny_config

CONFIG = tiny_config()
PIECES = [("a", "F32", (2,), b"12345678"), ("b", "F32", (1,), b"abcd")]


def test_is_the_hash_that_the_docstring_says():
    text = json.dumps(CONFIG.to_json(), sort_keys=True)
    whole = f"{text}a F32 [2]12345678b F32 [1]abcdvocabulary"
    expected = hashlib.sha256(whole.encode()).hexdigest()
    assert fingerprint(CONFIG, PIECES, "vocabulary") == expected


@pytest.mark.parametrize(
    "pieces",
    [
        PIECES[:1],
        [("c", *PIECES[0][1:]), PIECES[1]],
        [("a", "F16", (4,), b"12345678"), PIECES[1]],
        [("a", "F32", (2, 1), b"12345678"), PIECES[1]],
        [("a", "F32", (2,), b"12345679"), PIECES[1]],
    ],
    ids=["array missing", "name", "type", "shape", "one bit"],
)
def test_sees_every_change_of_the_weights(pieces):
    assert fingerprint(CONFIG, pieces, "v") != fingerprint(CONFIG, PIECES, "v")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(CONFIG)])
def test_sees_every_field_of_the_architecture(field):
    value = getattr(CONFIG, field)
    changed = {"activation": "relu", "tied_head": True}.get(field) or value * 2
    other = dataclasses.replace(CONFIG, **{field: changed})
    assert fingerprint(other, PIECES, "v") != fingerprint(CONFIG, PIECES, "v")


def test_sees_the_vocabulary():
    assert fingerprint(CONFIG, PIECES, "v") != fingerprint(CONFIG, PIECES, "w")


@pytest.fixture
def file(tmp_path):
    """A safetensors file whose order on disk is not the order of the names."""
    rng = np.random.default_rng(0)
    arrays = {
        "z": rng.normal(size=(3, 2)).astype(np.float64),
        "m/n": rng.normal(size=(2,)).astype(np.float16),
        "a": np.arange(4, dtype=np.int32).reshape(2, 2),
    }
    save_file(arrays, tmp_path / "x.safetensors", metadata={"by": "test"})
    return tmp_path / "x.safetensors", arrays


def test_pieces_are_the_arrays_by_name(file):
    path, arrays = file
    found = list(safetensors_pieces(path))
    assert [name for name, *_ in found] == ["a", "m/n", "z"]
    assert [kind for _, kind, *_ in found] == ["I32", "F16", "F64"]
    for name, _, shape, content in found:
        assert shape == arrays[name].shape
        assert bytes(content) == arrays[name].tobytes()


@pytest.mark.parametrize("size", [0, 4, 9, 40, -1])
def test_a_truncated_file_is_refused(file, size):
    path, _ = file
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(SpotError, match="x.safetensors: expected a whole safetensors file"):
        list(safetensors_pieces(path))


@pytest.mark.parametrize("header", [b"[]", b"{}x", b'{"a": 3}', b'{"a": {"dtype": "F32"}}'])
def test_a_foreign_header_is_refused(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(SpotError, match="expected a whole safetensors file"):
        list(safetensors_pieces(path))


def written(path, header, body=b"12345678"):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def about(kind="F32", shape=(2,), places=(0, 8)):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(places)}


HEADERS = {
    "lists without end": (b"[" * 100_000, "nested in more than 64 levels"),
    "a number beyond floats": (b'{"a": 1e999}', "beyond what can be held"),
    "half a character": (b'{"\\ud800": 1}', "half of a surrogate pair"),
    "a shape without end": (
        {"a": about(shape=[1 << 40])},
        r"array a of F32 \[1099511627776\] in 8 bytes",
    ),
    "a negative shape": ({"a": about(shape=[-2])}, "array a has no type, shape and place"),
    "a shape of flags": ({"a": about(shape=[True])}, "array a has no type, shape and place"),
    "a shape in words": ({"a": about(shape="2")}, "array a has no type, shape and place"),
    "three places": ({"a": about(places=[0, 4, 8])}, "array a has no type, shape and place"),
    "bytes behind the end": ({"a": about(places=[8, 16])}, "array a begins at byte"),
    "bytes of two arrays": ({"a": about(), "b": about()}, "array b begins at byte"),
    "bytes of no array": ({"a": about(shape=[1], places=[0, 4])}, "its arrays end at byte"),
    "ends before it begins": ({"a": about(shape=[1], places=[8, 4])}, "in -4 bytes"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_contradicts_the_file_is_named(tmp_path, name):
    header, message = HEADERS[name]
    written(tmp_path / "x.safetensors", {"a": about()})
    assert [piece[0] for piece in safetensors_pieces(tmp_path / "x.safetensors")] == ["a"]
    written(tmp_path / "x.safetensors", header)
    with pytest.raises(
        SpotError, match=f"x.safetensors: expected a whole safetensors file .*{message}"
    ):
        list(safetensors_pieces(tmp_path / "x.safetensors"))


def test_a_pipe_is_no_file_of_weights(tmp_path):
    os.mkfifo(tmp_path / "x.safetensors")
    with pytest.raises(SpotError, match="it is a pipe, not a regular file"):
        list(safetensors_pieces(tmp_path / "x.safetensors"))


def test_an_array_without_numbers_has_a_place_too(tmp_path):
    save_file(
        {"a": np.zeros((0, 3), np.float32), "b": np.ones(2, np.float32)}, tmp_path / "x.safetensors"
    )
    assert [piece[2] for piece in safetensors_pieces(tmp_path / "x.safetensors")] == [(0, 3), (2,)]


def test_fingerprints_that_banks_hold_stay(tmp_path):
    assert identity(ModelSettings(name="spot-nano")).fingerprint == (
        "22ed9cbd4364dd267b1b2714d9dc1bb9d65a403ea38591a0afd12bf8dfef22af"
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SpotError, match=r"nowhere.safetensors: expected a whole"):
        list(safetensors_pieces(tmp_path / "nowhere.safetensors"))
