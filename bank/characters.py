"""Characters that are not seen, as escapes: errors show them, and no text steers a terminal."""

from __future__ import annotations

import re
import unicodedata

_BLANK = "\u034f\u115f\u1160\u2800\u3164\uffa0"  # letters and marks that are drawn as nothing
_SELECTORS = range(0xFE00, 0xFE10)  # variants of the character before
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)  # control characters, changes of direction, halves of surrogate pairs


def visible(text: str) -> str:
    r"""The text with an escape for every character that cannot be seen or told from a space, line ends
    aside.

    >>> visible("0\u200b is\xa0no 0")
    '0\\u200b is\\xa0no 0'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\n" or is_visible(c) else escaped(c) for c in text)


def is_visible(character: str) -> bool:
    """True for a space and whatever a font draws."""
    return character.isprintable() and character not in _BLANK and ord(character) not in _SELECTORS


def is_writable(text: str) -> bool:
    """True if UTF-8 can encode the text; escapes of JSON can spell halves of surrogate pairs, and names of
    files hold them in the place of bytes that are not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def seen(text: str) -> str:
    r"""The text as it looks: without what is not seen, in one form of composed letters, with single spaces.

    >>> seen("caf\xe9\u200b") == seen("cafe\u0301")
    True
    """
    text = unicodedata.normalize("NFKC", text)
    return " ".join("".join(filter(is_visible, text)).split())


def printable(text: str) -> str:
    r"""The text with an escape for every character that a terminal would obey: control characters but
    line ends and tabs, and changes of the direction of writing.

    >>> printable("a\x1b[2Jb\tc")
    'a\\x1b[2Jb\tc'
    """
    return _STEERING.sub(lambda match: escaped(match[0]), text)


def escaped(text: str) -> str:
    r"""The text as escapes of ASCII.

    >>> escaped("\u2028")
    '\\u2028'
    """
    return text.encode("unicode_escape").decode("ascii")
