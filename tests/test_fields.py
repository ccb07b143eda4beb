"""Members of JSON objects that nobody has checked: taken by kind, refused by name."""

from __future__ import annotations

import json
import os
from typing import Literal

import pytest

from spot.errors import SpotError
from spot.fields import Fields, is_file_name, read_fields

VALUES = {
    "n": 3, "big": 1 << 40, "zero": 0, "negative": -1, "flag": True, "float": 2.5, "whole": 4.0,
    "text": "words", "null": None, "list": [1], "object": {"inner": 7},
}  # fmt: skip
FIELDS = Fields("file.json", VALUES)


def test_values_of_their_kind_are_taken_as_they_stand():
    assert FIELDS.size("n") == 3 and FIELDS.size("zero", least=0) == 0
    assert (FIELDS.number("n"), FIELDS.number("float")) == (3, 2.5)
    assert type(FIELDS.number("n")) is int  # a fingerprint tells 0 from 0.0
    assert FIELDS.flag("flag") is True and FIELDS.text("text") == "words"
    assert FIELDS.inner("object").size("inner") == 7
    assert FIELDS.of(Literal["a", "words"], "text") == "words"


def test_null_is_absent_and_a_default_stands_for_both():
    for key in ("null", "nowhere"):
        assert FIELDS.size(key, 5) == 5 and FIELDS.flag(key, False) is False
        assert not FIELDS.inner(key).values and not FIELDS.has(key)
        with pytest.raises(SpotError, match=f"file.json: '{key}' is missing"):
            FIELDS.size(key)


@pytest.mark.parametrize(
    ("method", "keys"),
    [
        ("size", ("big", "zero", "negative", "flag", "float", "whole", "text", "list", "object")),
        ("number", ("negative", "flag", "text", "list", "object")),
        ("flag", ("n", "zero", "float", "text", "list", "object")),
        ("text", ("n", "flag", "float", "list", "object")),
        ("inner", ("n", "flag", "float", "text", "list")),
    ],
)
def test_values_of_another_kind_are_refused_by_name(method, keys):
    for key in keys:
        with pytest.raises(SpotError, match=f"file.json: expected {key} to be .*, found "):
            getattr(FIELDS, method)(key)


def test_a_text_must_be_one_of_the_choices():
    with pytest.raises(SpotError, match='expected text to be a or b, found "words"'):
        FIELDS.of(Literal["a", "b"], "text")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"3", b"{", b"\xff", b"[" * 100_000, b'{"a": 1e999}', b'{"a": "\\ud800"}',
     b'{"a": NaN}', b'{"a": ' + b"9" * 4300 + b"}"],
)  # fmt: skip
def test_a_file_that_is_no_object_is_named(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(SpotError, match=r"x\.json: expected a JSON object"):
        read_fields(path)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(SpotError, match=r"expected a JSON object .*it is a pipe"):
        read_fields(tmp_path / "x.json")


def test_an_object_is_read(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(VALUES))
    assert read_fields(tmp_path / "x.json").values == VALUES


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\\b", "a\0", "x" * 256, 3, None, ["a"]]
)
def test_what_leads_out_of_a_folder_is_no_name_of_a_file(name):
    assert not is_file_name(name)
    assert is_file_name("model-00001-of-00002.safetensors")
