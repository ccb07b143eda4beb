"""What cannot be seen is escaped in errors; what steers a terminal is escaped wherever people read."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from bank.characters import printable, seen, visible
from bank.errors import BankError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, café, 好, 🙂…", "plain, café, 好, 🙂…"),
        ("two\nlines", "two\nlines"),
        ("0\u200b", "0\\u200b"),
        ("a\xa0b", "a\\xa0b"),
        ("\ufeffid", "\\ufeffid"),
        ("a\tb\r", "a\\tb\\r"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202egnp", "\\u202egnp"),
        ("\udcff", "\\udcff"),
        ("\u3164\ufe0f\U000e0041", "\\u3164\\ufe0f\\U000e0041"),
    ],
)
def test_what_is_not_seen_is_escaped(text, shown):
    assert visible(text) == shown == visible(shown)
    error = BankError(text, f"see {text}")
    assert (error.message, error.hint) == (shown, f"see {shown}") and shown in str(error)


def test_no_character_steers_a_terminal():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        bidi = unicodedata.bidirectional(character) in (
            *("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"),
        )
        steers = unicodedata.category(character) in ("Cc", "Cs") or bidi
        if steers and character not in "\n\t":
            assert printable(character).isascii() and printable(character).isprintable()
        else:
            assert printable(character) == character


def test_texts_that_look_alike():
    alike = [("0", "0\u200b"), ("café", "cafe\u0301"), ("a b", " a\xa0 b"), ("ﬁne", "fine")]
    assert all(seen(a) == seen(b) for a, b in alike)
    assert seen("bug") != seen("bugs") != seen("Bugs")
