"""Entries on disk: exact round trips, ids that tell facts apart, every kind of damage noticed."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from bank.entry import (
    Backbone,
    Entry,
    Prompts,
    checked,
    encode,
    entry_id,
    id_of,
    read_prompts,
    read_record,
    write_files,
)
from bank.errors import BankError
from bank.files import canonical_json, sha256_hex

FACTS = {
    "kind": "source",
    "task": "boolq",
    "members": (),
    "seed": 0,
    "backbone": "fp",
    "recipe": {"init": "vocab", "learning_rate": 0.3},
    "data": "d",
}


def write_entry(folder, entry, prompts):
    write_files(folder, encode(entry, prompts))


def read_entry(folder):
    return read_record(folder).entry


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
    tensors, expected = read_prompts(folder, entry).tensors(), prompts_of().tensors()
    assert list(tensors) == list(expected) == ["init", "key", "value"]
    for name, array in tensors.items():
        assert array.dtype == np.float32
        assert array.tobytes() == expected[name].tobytes()


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
    with pytest.raises(BankError, match="expected format 1 or 2, found 99"):
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
    with pytest.raises(BankError, match=f"the {name} of boolq-s0-.* holds NaN, infinity"):
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
    with pytest.raises(BankError, match="beyond float32"):  # beyond float32
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


BEFORE = Path(__file__).parent / "written_before" / "boolq-s1-79683784"


def written_before():
    """The entry of the files in BEFORE, which an earlier version wrote."""
    recipe = {
        "init": "vocab",
        "prompt_length": 2,
        "learning_rate": 0.3,
        "key_step": 60,
        "budget": {"steps": 80},
    }
    facts = {"kind": "source", "task": "boolq", "members": (), "seed": 1, "data": "data-1"}
    entry = Entry(
        id=entry_id(backbone="fp-a", recipe=recipe, **facts),
        family="reading",
        backbone=Backbone("tiny", "fp-a"),
        recipe=recipe,
        key_step=60,
        value_step=80,
        scores={"validation": {"metric": "accuracy", "value": 81.25, "n": 64}},
        code="0.1",
        **facts,
    )
    return entry, Prompts(*(np.arange(18, dtype=np.float32).reshape(3, 2, 3) / 4 - 1))


def test_a_plain_entry_has_the_id_and_the_bytes_of_earlier_versions(tmp_path):
    entry, prompts = written_before()
    assert entry.id == BEFORE.name and entry.prompt_kind == "prefix"
    write_entry(tmp_path, entry, prompts)
    for name in ("prompt.safetensors", "entry.json"):
        assert (tmp_path / name).read_bytes() == (BEFORE / name).read_bytes()


def test_an_entry_of_earlier_versions_is_read():
    entry, prompts = written_before()
    assert read_entry(BEFORE) == entry
    read = read_prompts(BEFORE, entry)
    assert read.arrays == {}
    for name, array in prompts.tensors().items():
        assert read.tensors()[name].tobytes() == array.tobytes()


LAYERED = {"init": "vocab", "prompt_kind": "layered"}


def layered():
    """Prompts whose value has named arrays of other shapes."""
    rng = np.random.default_rng(2)
    init, key, value = rng.normal(size=(3, 2, 3)).astype(np.float32)
    arrays = {
        "layers": rng.normal(size=(4, 2, 3)).astype(np.float32),
        "scale": np.asarray(0.25, np.float32),
    }
    return Prompts(init, key, value, arrays)


def test_named_arrays_keep_their_names_shapes_and_bits(tmp_path, entry_of):
    entry, prompts = entry_of(recipe=LAYERED), layered()
    assert entry.prompt_kind == "layered"
    write_entry(tmp_path, entry, prompts)
    assert read_entry(tmp_path) == entry
    read = read_prompts(tmp_path, entry).tensors()
    assert list(read) == ["init", "key", "value", "value.layers", "value.scale"]
    for name, array in prompts.tensors().items():
        assert read[name].shape == array.shape and read[name].tobytes() == array.tobytes()
    content = json.loads((tmp_path / "entry.json").read_text())
    assert content["format"] == 2  # which versions that know the plain kind alone refuse
    assert content["prompt"]["tensors"]["value.layers"] == [4, 2, 3]


def test_every_byte_of_named_arrays_is_checked(tmp_path, entry_of):
    entry = entry_of(recipe=LAYERED)
    write_entry(tmp_path, entry, layered())
    path = tmp_path / "prompt.safetensors"
    content = path.read_bytes()
    for place in (len(content) - 1, len(content) - 20, len(content) - 90, 100, 10):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BankError, match="does not match its checksum"):
            read_prompts(tmp_path, entry)


def test_a_kind_whose_value_is_one_matrix_needs_no_named_arrays(tmp_path, entry_of, prompts_of):
    entry = entry_of(recipe=LAYERED)
    write_entry(tmp_path, entry, prompts_of())
    read = read_prompts(tmp_path, entry)
    assert read.arrays == {} and np.array_equal(read.value, prompts_of().value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_named_arrays_must_be_finite_floats(entry_of, bad):
    entry, prompts = entry_of(recipe=LAYERED), layered()
    arrays = {"layers": np.full((2, 2, 2), bad, np.float32)}
    with pytest.raises(BankError, match=r"the value\.layers of boolq-s0-.* holds NaN, infinity"):
        checked(entry, prompts._replace(arrays=arrays))
    with pytest.raises(BankError, match=r"value\.ids of .* as floats, found shape \(2,\) of int64"):
        checked(entry, prompts._replace(arrays={"ids": np.array([1, 2])}))
    with pytest.raises(BankError, match=r"value \[P, H\] beside its named arrays, found none"):
        checked(entry, prompts._replace(value=None))


@pytest.mark.parametrize("stated", ["prefix", "", None, 3])
def test_the_kind_is_a_name_and_left_out_for_the_plain_one(entry_of, prompts_of, stated):
    entry = entry_of(recipe={"init": "vocab", "prompt_kind": stated})
    with pytest.raises(BankError, match='as "prompt_kind" in the recipe, found') as caught:
        checked(entry, prompts_of())
    assert 'leave the key out for the plain kind, "prefix"' in caught.value.hint


def test_a_plain_prompt_has_no_named_arrays(entry_of):
    with pytest.raises(BankError, match="no named arrays .* kind prefix, found layers, scale"):
        checked(entry_of(), layered())


def resealed(folder, change, arrays=None):
    """Change an entry's files as its author could: with checksums that are right."""
    path = folder / "entry.json"
    content = json.loads(path.read_text())
    change(content)
    if arrays is not None:
        (folder / "prompt.safetensors").write_bytes(arrays)
        content["prompt"] |= {"sha256": sha256_hex(arrays), "bytes": len(arrays)}
    del content["checksum"]
    content["checksum"] = sha256_hex(canonical_json(content))
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "0"),
        ("seed", True),
        ("task", 3),
        ("recipe", []),
        ("members", "boolq"),
        ("members", [1]),
        ("key_step", 1.5),
        ("value_step", "x/../../../PWNED"),
        ("value_step", -1),
        ("scores", [1]),
        ("scores", {"validation": 80.0}),
        ("scores", {"validation": {"value": "80"}}),
        ("scores", {"validation": {"value": 80.0, "majority": 50.0, "n": -5}}),
        ("backbone", "t5"),
        ("backbone", {"name": "t5"}),
        ("backbone", {"name": "t5", "fingerprint": 3}),
        ("kind", "sauce"),
    ],
)
def test_a_field_of_another_type_is_refused_even_with_a_right_checksum(folder, field, value):
    resealed(folder, lambda content: content["entry"].update({field: value}))
    with pytest.raises(BankError, match=rf"a field is missing or not as expected \({field}"):
        read_entry(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["entry"].pop("task"), r"\(missing: task"),
        (lambda content: content.update(entry=[]), r"\(entry is \[\]"),
        (lambda content: content.update(prompt="x"), r"\(prompt is 'x'"),
        (lambda content: content["prompt"].update(bytes="9"), r"\(prompt is "),
        (lambda content: content["prompt"].update(sha256=None), r"\(prompt is "),
        (lambda content: content["prompt"].update(tensors=[]), r"\(tensors is \[\]"),
        (lambda content: content["prompt"]["tensors"].update(key=["4", 6]), r"\(tensors: 'key'"),
        (
            lambda content: content["prompt"]["tensors"].update(key=[4]),
            r"\(tensors: the key is \[4\]",
        ),
        (lambda content: content["prompt"]["tensors"].update(more=[4]), r"\(tensors: 'more' is"),
    ],
)
def test_facts_of_the_arrays_are_typed_too(folder, change, message):
    resealed(folder, change)
    with pytest.raises(BankError, match=message):
        read_entry(folder)


TOLD = {
    "inputs": "review: {body} “…”",
    "columns": ("body",),
    "clean": {"body": ("tags", "strip")},
    "labels": ("bad", "good"),
    "label": "stars",
    "values": {"1": "bad", "5": "good"},
    "scoring": "rank",
    "metrics": ("accuracy",),
    "file": "tasks/reviews.toml",
}


def test_what_describes_a_task_comes_back_and_is_no_part_of_the_id(tmp_path, entry_of, prompts_of):
    plain, entry = entry_of(), entry_of(task_facts=TOLD)
    assert entry.id == plain.id == id_of(entry)
    write_entry(tmp_path, entry, prompts_of())
    assert read_entry(tmp_path) == entry and read_entry(tmp_path).task_facts == TOLD
    content = json.loads((tmp_path / "entry.json").read_text())
    assert content["task_facts"]["columns"] == ["body"]
    assert "task_facts" not in content["entry"]  # whose fields older programs all have to know
    assert content["checksum"] != encode(plain, prompts_of()).checksum
    assert encode(entry, prompts_of()).checksum == encode(plain, prompts_of()).checksum
    assert read_record(tmp_path).checksum == encode(plain, prompts_of()).checksum


def test_an_entry_without_a_description_says_nothing_of_one(folder):
    assert read_entry(folder).task_facts == {}
    assert b"task_facts" not in (folder / "entry.json").read_bytes()
    resealed(folder, lambda content: content["entry"].update(task_facts={}))
    with pytest.raises(BankError, match="unknown: task_facts"):
        read_entry(folder)


def test_an_edited_description_is_noticed(tmp_path, entry_of, prompts_of):
    write_entry(tmp_path, entry_of(task_facts=TOLD), prompts_of())
    path = tmp_path / "entry.json"
    path.write_text(path.read_text().replace("bad", "sad"))
    with pytest.raises(BankError, match="does not match its own checksum"):
        read_entry(tmp_path)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ([], r"task_facts is \[\]"),
        (None, "task_facts is None"),
        ({"inputs": 3}, "task_facts: inputs is 3, not a text"),
        ({"labels": "no"}, "task_facts: labels is 'no', not a list of texts"),
        ({"labels": ["no", 1]}, "task_facts: labels is .*, not a list of texts"),
        ({"clean": {"body": "tags"}}, "task_facts: clean is .*, not lists of texts by column"),
        ({"values": {"1": None}}, "task_facts: values is .*, not label words by value"),
        ({"front": "x" * (1 << 20)}, "task_facts has 1,048,588 characters, more than 1,048,576"),
    ],
)
def test_a_description_of_another_type_is_refused_even_with_a_right_checksum(folder, told, says):
    resealed(folder, lambda content: content.update(task_facts=told))
    with pytest.raises(BankError, match=rf"not as expected \({says}"):
        read_entry(folder)


def test_facts_of_a_newer_program_are_passed_over(folder):
    resealed(folder, lambda content: content.update(task_facts={"inputs": "{a}", "tone": 3}))
    assert read_entry(folder).task_facts == {"inputs": "{a}"}


@pytest.mark.parametrize("told", [{"labels": "no"}, {"front": "x" * (1 << 20)}])
def test_a_description_that_could_not_be_read_again_is_not_written(entry_of, prompts_of, told):
    with pytest.raises(
        BankError, match="boolq-s0-.*: the facts of its task cannot be stored: task"
    ):
        encode(entry_of(task_facts=told), prompts_of())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested in more than 64 levels"),
        ('{"format": 1, "checksum": ' + "9" * 4300 + "}", "4,300 digits"),
        ('{"format": 1, "checksum": 1e999}', "1e999 is beyond"),
        ('{"format": 1, "checksum": NaN}', "no NaN"),
        ('{"format": 1, "checksum": "\\ud800"}', "surrogate"),
        ("\x00" * 40, "cannot be read as an entry"),
        ('{"format": [1], "checksum": ""}', r"expected format 1 or 2, found \[1\]"),
    ],
)
def test_what_no_honest_json_holds_is_a_sentence(folder, text, reason):
    (folder / "entry.json").write_text(text)
    with pytest.raises(BankError, match=reason):
        read_entry(folder)


@pytest.mark.parametrize("name", ["prompt.safetensors", "entry.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder, entry_of, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BankError, match=rf"{name}: "):
        read_prompts(folder, entry_of())


def stored(folder):
    return safetensors.numpy.load((folder / "prompt.safetensors").read_bytes())


def test_arrays_of_other_types_are_not_read_as_numbers(folder, entry_of):
    for dtype, name in ((np.int8, "I8"), (np.float64, "F64"), (np.float16, "F16")):
        arrays = safetensors.numpy.save(stored(folder) | {"key": np.ones((4, 6), dtype)})
        resealed(folder, lambda content: None, arrays)
        with pytest.raises(BankError, match=f"safetensors: expected the key as F32, found {name}"):
            read_prompts(folder, entry_of())


def test_arrays_are_those_that_the_entry_lists(folder, entry_of):
    good = stored(folder)
    without = {name: array for name, array in good.items() if name != "key"}
    for arrays in (without, good | {"more": good["key"]}, good | {"key": good["key"].T.copy()}):
        resealed(folder, lambda content: None, safetensors.numpy.save(arrays))
        with pytest.raises(BankError, match=r"expected .*'key': \(4, 6\).* as entry\.json says"):
            read_prompts(folder, entry_of())


def test_bytes_that_are_no_safetensors_are_named_under_a_right_checksum(folder, entry_of):
    header = b'{"key":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}'
    beyond = len(header).to_bytes(8, "little") + header + bytes(4)
    for content in (b"", b"hello", (1 << 63).to_bytes(8, "little") + b"{}", beyond):
        resealed(folder, lambda content: None, content)
        with pytest.raises(BankError, match=r"prompt\.safetensors: no complete safetensors file"):
            read_prompts(folder, entry_of())
