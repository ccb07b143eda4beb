"""A name with options reads back as it was written, and every mistake is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.variants import Option, parse, usage, written

POOL = {
    "size": Option(10, "prompts of the pool", least=1, most=100),
    "rate": Option(0.5, "a share", least=0, most=1),
    "where": Option("front", "where they stand", choices=("front", "behind")),
}
TABLE = {"plain": {}, "pool": POOL}


def read(text):
    return parse(text, TABLE, "prompt kind", "prompt.kind")


def test_what_is_not_given_is_the_default():
    assert read("plain") == ("plain", {})
    assert read("pool:rate=1") == ("pool", {"size": 10, "rate": 1.0, "where": "front"})
    assert usage("pool", POOL) == "pool:size=10,rate=0.5,where=front"


@given(st.integers(1, 100), st.floats(0, 1), st.sampled_from(["front", "behind"]))
def test_what_was_written_reads_back(size, rate, where):
    values = {"size": size, "rate": rate, "where": where}
    text = written("pool", values, POOL)
    assert read(text) == ("pool", values)
    assert written(*read(text), POOL) == text


def test_defaults_are_left_out():
    assert (
        written("pool", {"size": 10, "rate": 0.5, "where": "behind"}, POOL) == "pool:where=behind"
    )
    assert written("pool", {"size": 10, "rate": 0.5, "where": "front"}, POOL) == "pool"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pol", 'unknown prompt kind "pol".*pool'),
        ("plain:size=1", 'expected options as plain, found "size=1"'),
        ("pool:sise=1", "did you mean.*size"),
        ("pool:", 'found ""'),
        ("pool:size", 'found "size"'),
        ("pool:size=1,size=2", 'found "size=2"'),
        ("pool:size=0", 'expected a whole number from 1 to 100 as size, found "0"'),
        ("pool:size=1.5", 'found "1.5"'),
        ("pool:rate=nan", 'expected a number from 0 to 1 as rate, found "nan"'),
        ("pool:where=below", 'as one of front, behind, found "below"'),
    ],
)
def test_a_mistake_is_named(text, message):
    with pytest.raises(SpotError, match=f"(?i){message}"):
        read(text)
