"""Files that nobody has checked: pipes, devices, deep nesting, numbers and letters that are none."""

from __future__ import annotations

import json
import os
import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank.reading import (
    DEPTH,
    DIGITS,
    check_regular,
    open_regular,
    parse_json,
    parse_json_data,
    parse_toml,
    read_bytes,
    read_json,
    read_toml,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))  # all but halves of surrogate pairs
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


@given(values, st.booleans())
def test_json_that_python_can_hold_is_read_as_it_is(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text) == value
    assert parse_json(b"\xef\xbb\xbf" + text.encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested in more than 64 levels"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "nested in more than 64 levels"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested in more than 64 levels"),
        ("1e999", "the number 1e999 is beyond"),
        ("-1e999", "the number -1e999 is beyond"),
        ("9" * (DIGITS + 1), "a whole number of 101 digits"),
        ("9" * 5000, "a whole number of 5,000 digits"),
        ("[NaN]", "JSON has no NaN"),
        ("-Infinity", "JSON has no -Infinity"),
        ('["\\ud800"]', "half of a surrogate pair"),
        ('{"\\udfff": 1}', "half of a surrogate pair"),
        ("", "Expecting value"),
        ("\0\0", "Expecting value"),
    ],
)
def test_what_no_honest_json_has_is_refused_with_its_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)
    with pytest.raises(ValueError):
        parse_json(text.encode())


def test_nesting_and_numbers_up_to_the_bounds_are_read():
    assert parse_json("[" * DEPTH + "]" * DEPTH) == json.loads("[" * DEPTH + "]" * DEPTH)
    assert parse_json("9" * DIGITS) == 10**DIGITS - 1
    assert parse_json('["\\ud83d\\ude00"]') == ["😀"]


def test_bytes_that_are_no_utf8_are_refused():
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xe9"')
    with pytest.raises(ValueError, match="utf-8"):
        parse_toml(b"a = '\xe9'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested in more than 64 levels"),
        ("a = " + "[" * 100 + "]" * 100, "nested in more than 64 levels"),
        ("a = " + "9" * 5000, "digits"),
        ("a = " + "9" * 200, "more than 100 digits"),
        ("a = ", "Invalid value"),
    ],
)
def test_what_no_honest_toml_has_is_refused_with_its_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_toml(text)


def test_toml_is_read_as_the_standard_library_reads_it():
    text = "[train]\nsteps = 5\nrates = [1e-3, 0.1]\nname = 'é'\n"
    assert parse_toml("\ufeff" + text) == parse_toml(text.encode()) == tomllib.loads(text)


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, kind in ((pipe, "a pipe"), ("/dev/zero", "a device")):
        for read in (open_regular, check_regular, read_bytes, read_json, read_toml):
            with pytest.raises(OSError, match=f"it is {kind}, not a regular file"):
                read(path)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")


def test_a_file_is_read_up_to_its_limit(tmp_path):
    file = tmp_path / "file.json"
    file.write_bytes(b"[1, 2]")
    assert read_bytes(file, 6) == read_bytes(file) == b"[1, 2]"
    assert read_json(file) == [1, 2]
    with pytest.raises(OSError, match="6 bytes, more than the 5"):
        read_bytes(file, 5)


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".b" * 100_000 + " = 1",
        "[a" + ' . "b c"' * 100_000 + "]",
        "[[a" + ".'b'" * 100_000 + "]]",
        "x = {y = 1, a" + ".b" * 100_000 + " = 1}",
    ],
)
def test_keys_of_many_levels_take_no_time(text):
    began = time.process_time()
    with pytest.raises(ValueError, match="nested in more than 64 levels"):
        parse_toml(text)
    assert time.process_time() - began < 2


def test_dots_in_texts_are_no_levels():
    text = "One. Two, three.four. " + "." * 500
    assert parse_toml(f"a = '{text}'\nb.c.d = [1]") == {"a": text, "b": {"c": {"d": [1]}}}


def test_half_a_surrogate_is_data_and_no_setting():
    assert parse_json_data('{"a": "\\ud83d"}') == {"a": "\ud83d"}
    with pytest.raises(ValueError, match="no character"):
        parse_json('{"a": "\\ud83d"}')
