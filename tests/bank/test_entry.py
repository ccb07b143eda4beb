"""Entries on disk: exact round trips, ids that tell facts apart, every kind of damage noticed."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank.entry import (
    Prompts,
    checked,
    entry_id,
    read_entry,
    read_prompts,
    read_record,
    write_entry,
)
from bank.errors import BankError

FACTS = {
    "kind": "source",
    "task": "boolq",
    "members": (),
    "seed": 0,
    "backbone": "fp",
    "recipe": {"init": "vocab", "learning_rate": 0.3},
    "data": "d",
}


@pytest.fixture
def folder(tmp_path, entry_of, prompts_of):
    place = tmp_path / entry_of().id
    place.mkdir()
    write_entry(
        place, entry_of(scores={"test": {"metric": "accuracy", "value": 81.2}}), prompts_of()
    )
    return place


def test_reading_gives_back_the_same_entry_and_the_same_bits(folder, entry_of, prompts_of):
    entry = read_entry(folder)
    assert entry == entry_of(scores={"test": {"metric": "accuracy", "value": 81.2}})
    for array, expected in zip(read_prompts(folder, entry), prompts_of(), strict=True):
        assert array.dtype == np.float32
        assert array.tobytes() == expected.tobytes()


@settings(deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_any_finite_numbers_keep_their_bits(tmp_path_factory, entry_of, numbers):
    key = np.array([[1.0, *numbers]], dtype=np.float32)
    place = tmp_path_factory.mktemp("entry")
    write_entry(place, entry_of(), Prompts(None, key, None))
    read = read_prompts(place, entry_of())
    assert read.key.tobytes() == key.tobytes()
    assert read.init is None and read.value is None


def test_the_id_is_readable_and_stable():
    assert entry_id(**FACTS) == entry_id(**FACTS)
    assert entry_id(**FACTS).startswith("boolq-s0-")
    assert len(entry_id(**FACTS)) == len("boolq-s0-") + 8


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "query"},
        {"task": "rte"},
        {"members": ("a",)},
        {"seed": 1},
        {"backbone": "other"},
        {"recipe": {"init": "random", "learning_rate": 0.3}},
        {"data": "e"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_id_differs_when_one_fact_differs(change):
    assert entry_id(**FACTS)[-8:] != entry_id(**(FACTS | change))[-8:]


def test_the_id_does_not_depend_on_order_or_types():
    turned = {"learning_rate": 0.3, "init": "vocab"}
    assert entry_id(**FACTS) == entry_id(**(FACTS | {"recipe": turned}))
    ids = [entry_id(**(FACTS | {"recipe": {"b": b}})) for b in ((1, 2), [1, 2])]
    assert ids[0] == ids[1]


def test_a_task_name_cannot_leave_its_folder():
    assert entry_id(**(FACTS | {"task": "../glue/mnli v1"})).startswith("_glue_mnli_v1-s0-")
    assert entry_id(**(FACTS | {"task": "..."})).startswith("_-s0-")


def test_an_unknown_kind_and_a_recipe_that_is_not_json_are_refused():
    with pytest.raises(BankError, match='found "sauce"'):
        entry_id(**(FACTS | {"kind": "sauce"}))
    with pytest.raises(BankError, match="value that JSON can hold"):
        entry_id(**(FACTS | {"recipe": {"x": object()}}))
    with pytest.raises(BankError, match="value that JSON can hold"):
        entry_id(**(FACTS | {"recipe": {"x": float("nan")}}))


@pytest.mark.parametrize("name", ["prompt.safetensors", "entry.json"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_noticed(folder, entry_of, name, part):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(BankError, match=name):
        read_entry(folder)
    with pytest.raises(BankError, match=name):
        read_prompts(folder, entry_of())


@pytest.mark.parametrize("name", ["prompt.safetensors", "entry.json"])
def test_no_length_at_all_is_taken_for_the_whole_file(folder, name):
    content = (folder / name).read_bytes()
    for length in range(len(content)):
        (folder / name).write_bytes(content[:length])
        with pytest.raises(BankError, match=name):
            read_entry(folder)


@pytest.mark.parametrize("name", ["prompt.safetensors", "entry.json"])
def test_a_missing_file_is_noticed(folder, name):
    (folder / name).unlink()
    with pytest.raises(BankError, match=f"{name}: the file is missing"):
        read_entry(folder)


@pytest.mark.parametrize(
    "field, value", [("seed", 1), ("task", "rte"), ("key_step", 5), ("scores", {}), ("data", "x")]
)
def test_an_edited_field_is_noticed(folder, field, value):
    path = folder / "entry.json"
    content = json.loads(path.read_text())
    content["entry"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(BankError, match="does not match its own checksum"):
        read_entry(folder)


def test_an_edited_array_is_noticed(folder, entry_of):
    path = folder / "prompt.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    assert read_entry(folder)  # the size is right: only reading the arrays can tell
    with pytest.raises(BankError, match="does not match its checksum"):
        read_prompts(folder, entry_of())


def test_entry_json_that_is_no_entry_is_refused(folder, monkeypatch):
    path = folder / "entry.json"
    path.write_text("[]")
    with pytest.raises(BankError, match="cannot be read as an entry"):
        read_entry(folder)
    path.write_text('{"format": 99, "checksum": ""}')
    with pytest.raises(BankError, match="expected format 1, found 99"):
        read_entry(folder)
    monkeypatch.setattr("bank.entry._checksum", lambda content: "")
    path.write_text('{"format": 1, "checksum": "", "entry": {"colour": 1}}')
    with pytest.raises(BankError, match="unknown: colour"):
        read_entry(folder)
    path.write_text('{"format": 1, "checksum": "", "entry": {}}')
    with pytest.raises(BankError, match="a field is missing"):
        read_entry(folder)


def test_the_prompts_of_another_entry_are_refused(folder, entry_of):
    with pytest.raises(BankError, match="expected the entry rte-s0"):
        read_prompts(folder, entry_of("rte"))


def test_arrays_that_vanish_while_reading_are_named(folder, entry_of, monkeypatch):
    record = read_record(folder)
    (folder / "prompt.safetensors").unlink()
    monkeypatch.setattr("bank.entry.read_record", lambda folder: record)
    with pytest.raises(BankError, match="cannot be read"):
        read_prompts(folder, entry_of())


def _with(name, array):
    key = np.ones((2, 3), dtype=np.float32)
    return Prompts(key, key, key)._replace(**{name: np.asarray(array, dtype=np.float32)})


@pytest.mark.parametrize("name", ["init", "key", "value"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(entry_of, name, bad):
    with pytest.raises(BankError, match=f"boolq-s0-.*{name} holds NaN or infinity"):
        checked(entry_of(), _with(name, [[1, 1, 1], [1, bad, 1]]))


@pytest.mark.parametrize("name", ["key", "value"])
def test_zeros_are_refused(entry_of, name):
    with pytest.raises(BankError, match=f"boolq-s0-.*{name} is all zero"):
        checked(entry_of(), _with(name, np.zeros((2, 3))))


def test_a_key_without_direction_is_refused_and_a_zero_init_is_not(entry_of):
    with pytest.raises(BankError, match="boolq-s0-.*mean token is all zero"):
        checked(entry_of(), _with("key", [[1, 2, 3], [-1, -2, -3]]))
    checked(entry_of(), _with("init", np.zeros((2, 3))))


def test_shapes_and_types_are_checked(entry_of):
    with pytest.raises(BankError, match="expected arrays of one shape"):
        checked(entry_of(), _with("value", np.ones((2, 4))))
    with pytest.raises(BankError, match=r"floats \[P, H\], found shape \(3,\)"):
        checked(entry_of(), _with("key", np.ones(3)))
    with pytest.raises(BankError, match="of int64"):
        checked(entry_of(), Prompts(None, np.ones((2, 3), dtype=np.int64), None))
    with pytest.raises(BankError, match="found shape .* of object"):
        checked(entry_of(), Prompts(None, None, None))
    with pytest.raises(BankError, match="NaN or infinity"):  # beyond float32
        checked(entry_of(), Prompts(None, np.full((2, 3), 1e300), None))


def test_the_same_entry_has_the_same_bytes_and_another_has_not(tmp_path, entry_of, prompts_of):
    texts = []
    for name, code in (("a", "1"), ("b", "1"), ("c", "2")):
        place = tmp_path / name
        place.mkdir()
        entry = dataclasses.replace(entry_of(), code=code)
        write_entry(place, entry, prompts_of())
        texts.append((place / "entry.json").read_bytes())
    assert texts[0] == texts[1] != texts[2]
