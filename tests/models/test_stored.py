"""Folders of weights.safetensors and config.json, and the sizes that an architecture may have."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import pytest
from safetensors import SafetensorError

from bank.errors import BankError
from spot.errors import SpotError
from spot.models.families import read_architecture
from spot.models.model import identity, load
from spot.models.weights.stored import Stored, write_model
from tests.toys import model_settings, random_arrays, tiny_config, tiny_decoder


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model's folder."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


CONFIGS = [tiny_config(), tiny_config(activation="relu", tied_head=True), tiny_decoder(biases=True)]


@pytest.mark.parametrize("config", CONFIGS)
def test_an_architecture_is_read_as_it_was_written(config):
    assert read_architecture(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("value", ["16", [], {}, -1, float("nan"), "\ud800"])
@pytest.mark.parametrize("config", [tiny_config(), tiny_decoder()])
def test_a_field_of_another_kind_is_named(config, value):
    for field in dataclasses.fields(config):
        with pytest.raises(SpotError, match=f"config.json: expected {field.name} to be "):
            read_architecture({**config.to_json(), field.name: value}, "config.json")


MISTAKES = {
    "layers without end": (
        {"encoder_layers": 10**9},
        "encoder_layers to be a whole number from 1 to",
    ),
    "more layers than any": ({"decoder_layers": 1001}, "1,001 layers are more than the 1,000"),
    "more layers than arrays": (
        {"decoder_layers": 1000},
        "arrays of 1000 decoder layers, found those of 1",
    ),
    "a flag for a number": ({"d_model": True}, "d_model to be a whole number"),
    "a number for a flag": ({"tied_head": 0}, "tied_head to be true or false"),
    "everything dropped": ({"dropout": 1}, "a dropout rate of 1 is not from 0"),
    "another activation": (
        {"activation": "silu"},
        'activation to be gated-gelu or relu, found "silu"',
    ),
    "a list of fields": (None, "architecture to be an object, found ..1.."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_an_impossible_architecture_is_named(folder, name):
    changes, message = MISTAKES[name]
    card = json.loads((folder / "config.json").read_text())
    card["architecture"] = [[1]] if changes is None else {**card["architecture"], **changes}
    (folder / "config.json").write_text(json.dumps(card))
    with pytest.raises(SpotError, match=message):
        load(model_settings(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_kv_heads": 3}, "4 heads cannot share 3 keys and values evenly"),
        ({"d_kv": 5}, "heads of 5 numbers cannot be turned in pairs"),
        ({"rope_theta": 0.0}, "positions of the base 0.0 stretched by 1.0"),
        ({"rope_factor": 0.0}, "both must be more than 0"),
        ({"rope_low_frequency": 9.0}, "from the frequency 9.0 to 4.0: the second must be larger"),
        ({"layers": 1001}, "1,001 layers are more than the 1,000 that a model may have"),
        ({"dropout": -0.1}, "a dropout rate of -0.1 is not from 0 to less than 1"),
    ],
)
def test_no_decoder_has_such_sizes(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_decoder(**changes)


def test_a_full_disk_is_said_and_leaves_no_half(tmp_path, monkeypatch):
    def full(arrays, path):
        path.write_bytes(b"half")
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    config = tiny_config()
    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(BankError, match=r"cannot write .*weights\.safetensors: .*No space left"):
        write_model(tmp_path / "m", config, random_arrays(config), {})
    assert list((tmp_path / "m").iterdir()) == []
    monkeypatch.undo()
    write_model(tmp_path / "m", config, random_arrays(config), {})
    assert Stored(tmp_path / "m", None, model_settings(tmp_path / "m")).config() == config


def test_a_pipe_is_no_configuration(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(SpotError, match=r"expected an `architecture` .*it is a pipe"):
        Stored(folder, None, model_settings(folder)).config()


def test_weights_of_whole_numbers_are_not_read(folder):
    path = folder / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"F32"', b'"I32"', 1))
    with pytest.raises(SpotError, match=r"numbers F32, BF16, F16 or F64, found I32 in .*quantised"):
        load(model_settings(folder))
    assert identity(model_settings(folder)).fingerprint
