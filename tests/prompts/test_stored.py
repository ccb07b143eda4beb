"""Prompts whose arrays are not the rows that search compares: through a bank, a file and an average."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bank.entry import Backbone, Entry, id_of
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.files import check_writable, read_prompt, write_prompt
from spot.prompts.inits import init_prompt
from spot.prompts.kind import Form, Kind
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.settings import PromptSettings
from spot.prompts.stored import stored, value_of
from spot.strategies.average import mean_array
from spot.training.recipe import Recipe, recipe_of_entries
from tests.toys import toy_model

L, P, H = 3, 2, 4
LAYERED = Kind(
    name="layered",
    description="rows of every layer",
    arrays=("layers",),
    init=lambda start: {"layers": np.stack([start.rows] * L)},
    effect=lambda *_: pytest.fail("no model is run"),
    key=lambda arrays: arrays["layers"].mean(axis=0),
    count=lambda length, config: L * length * config.d_model,
    before=lambda length: length,
    after=lambda length: 0,
    packed=False,
)
MODEL = Backbone("m", "f")
ON = toy_model(MODEL, np.ones((9, H), np.float32))


@pytest.fixture(autouse=True)
def layered_kind(monkeypatch):
    monkeypatch.setitem(KINDS, LAYERED.name, Form(LAYERED.name, "", lambda: LAYERED))


@pytest.fixture
def prompt():
    layers = np.random.default_rng(0).normal(size=(L, P, H)).astype(np.float32)
    return SoftPrompt(LAYERED, {"layers": layers})


@pytest.fixture
def bank(tmp_path, prompt):
    """A bank with that prompt as the value of one entry."""
    recipe = {"init": "vocab", "prompt_length": P, "prompt_kind": "layered"}
    entry = Entry("", "source", "t", (), "", 0, MODEL, recipe)
    bank = Bank.create_or_open(tmp_path / "bank")
    init = SoftPrompt.of(LAYERED, np.ones((P, H)), ON)
    bank.add(dataclasses.replace(entry, id=id_of(entry)), stored(init, prompt, prompt))
    return bank


def same(prompt, other):
    assert prompt.kind is other.kind and set(prompt.arrays) == set(other.arrays)
    for name, array in prompt.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], array)


def test_arrays_beside_the_key_are_named_and_the_key_alone_is_not(prompt):
    assert set(prompt.named) == {"layers"}
    for kind in ("prefix", "suffix"):
        assert SoftPrompt.of(find_kind(kind), prompt.key).named == {}


def test_one_array_that_is_not_the_key_survives_a_bank(bank, prompt):
    (entry,) = bank.entries()
    assert set(bank.prompts(entry).tensors()) == {"init", "key", "value", "value.layers"}
    same(value_of(bank, entry), prompt)


def test_one_array_that_is_not_the_key_survives_a_file(tmp_path, prompt):
    write_prompt(tmp_path / "p.safetensors", prompt)
    same(read_prompt(tmp_path / "p.safetensors"), prompt)


@pytest.mark.parametrize("place", ["entry", "file"])
def test_a_start_has_all_arrays(tmp_path, bank, prompt, place):
    write_prompt(tmp_path / "p.safetensors", prompt)
    name = {"entry": "t", "file": tmp_path / "p.safetensors"}[place]
    settings = PromptSettings(kind="layered", length=P, init=f"{place}:{name}")
    same(init_prompt(settings, ON, [], 0, bank), prompt)
    with pytest.raises(SpotError, match="is a layered prompt, expected a suffix prompt"):
        other = settings.model_copy(update={"kind": "suffix"})
        init_prompt(other, ON, [], 0, bank)


def test_arrays_of_any_shape_are_averaged(prompt):
    one, two = np.float32([1, 2]), np.float32([3, 6])
    np.testing.assert_array_equal(mean_array([one, two], np.array([3, 1])), [1.5, 3])
    layers = prompt.arrays["layers"]
    mean = mean_array([layers, 3 * layers], np.ones(2))
    np.testing.assert_allclose(mean, 2 * layers, rtol=1e-6)


def test_a_kind_that_is_not_known_here_leaves_the_others_recipes(bank, monkeypatch):
    (entry,) = bank.entries()
    plain = dataclasses.replace(entry, recipe={"init": "vocab", "prompt_length": P})
    assert recipe_of_entries([entry, entry, plain]).kind == "layered"
    monkeypatch.delitem(KINDS, "layered")
    assert recipe_of_entries([entry, entry, plain]).kind == "prefix"
    with pytest.raises(SpotError, match='unknown prompt kind "layered"'):
        value_of(bank, entry)
    with pytest.raises(SpotError, match='unknown prompt kind "layered"'):
        Recipe(kind="layered")


def test_a_file_that_cannot_hold_a_kind_is_refused_up_front(tmp_path):
    check_writable(tmp_path / "p.npy", "prefix")
    check_writable(tmp_path / "p.safetensors", "layered")
    with pytest.raises(SpotError, match='of the kind "prefix" alone, not "layered"') as caught:
        check_writable(tmp_path / "p.npy", "layered")
    assert "safetensors" in caught.value.hint
