"""The fingerprint sees everything that changes a model's numbers, and reads safetensors faithfully."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from spot.errors import SpotError
from spot.models.fingerprint import fingerprint, safetensors_pieces
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


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SpotError, match=r"nowhere.safetensors: expected a whole"):
        list(safetensors_pieces(tmp_path / "nowhere.safetensors"))
