"""The standard streams of a command: there even if the caller closed them, and able to write any text."""

from __future__ import annotations

import codecs
import io
import os
import sys

from bank.characters import escaped

SPINNER = {chr(dots): "*" for dots in range(0x2800, 0x2900)}
CURVES = {"●": "@", "○": "o", "▲": "A", "△": "^", "■": "#", "□": "+", "◉": "0", "┤": "|", "│": "|"}
PLAIN = {
    **{"…": "...", "–": "-", "·": "-", "≥": ">=", "±": "+-", "√": "sqrt", "§": "section "},
    **CURVES,
    **SPINNER,
}
"""What stands for a character in an encoding that lacks it; other characters are escaped."""

_HANDLER = "spot.plain"


def open_streams() -> None:
    """Put the null device in the place of closed streams, and let the others write what their encoding
    lacks in another form: commands print "…" also where the terminal is ISO-8859-1.
    """
    # A file opened next would take a closed stream's number, and be written to by whoever prints there.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def discard_stdout() -> None:
    """Let what could not be printed go nowhere: Python would try again at exit, and fail."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or escaped(c) for c in characters), error.end
