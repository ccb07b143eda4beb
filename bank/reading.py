"""Reading of files that nobody has checked yet: regular files of a bounded size, and JSON and TOML whose
values Python and JSON can both hold.

Everything here raises OSError or ValueError with a reason in words; callers turn both into an error that
names the file and says what to do.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = (
    1 << 26
)  # bytes of a file of JSON or TOML, 64 MiB: the largest vocabularies have a third of it
TOML_LIMIT = 1 << 21  # bytes of a file of TOML, which people write
DEPTH = 64  # levels of lists and objects
_DOTTED = re.compile(
    rf"""(?m)(?:^|[{{,])[ \t]*\[{{0,2}}[ \t]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{DEPTH}}}"""
)  # a key with more levels than that, for which tomllib takes quadratic time
DIGITS = 100  # of a whole number: a float holds what has fewer than 309


def open_regular(path: Path | str) -> io.BufferedReader:
    """The file, opened for reading. Raises OSError as `open` does, and at once for a pipe, a socket or a
    device, which `open` would wait for or never reach the end of.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "its name holds a NUL", str(path))
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"it is {_kind(mode)}, not a regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def check_regular(path: Path | str) -> None:
    """For files that a library opens by name: raises OSError as `open_regular` does."""
    open_regular(path).close()


def read_bytes(path: Path | str, limit: int | None = None) -> bytes:
    """The content of a regular file. limit: its most bytes; None: any number. Raises OSError."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if limit is not None and size > limit:
            found = f"it has {size:,} bytes, more than the {limit:,} that such a file may have"
            raise OSError(errno.EFBIG, found, str(path))
        return file.read()


def read_json(path: Path | str, limit: int = LIMIT) -> Any:
    """The value of a JSON file. Raises OSError, and ValueError as `parse_json` does."""
    return parse_json(read_bytes(path, limit))


def parse_json(text: bytes | str) -> Any:
    """The value of JSON text, in UTF-8, a byte order mark tolerated.

    Raises ValueError as `parse_json_data` does, and for half of a surrogate pair, which is no character.

    >>> parse_json('{"n": [1, 2.5]}')
    {'n': [1, 2.5]}
    """
    text = _decoded(text)
    value = parse_json_data(text)
    if "\\u" in text:  # escapes alone can spell surrogates
        _check_values(value, _check_characters)
    return value


def parse_json_data(text: bytes | str) -> Any:
    """As `parse_json`, for data of which a part is used: cut texts may hold half of a surrogate pair.

    Raises ValueError for what is no JSON: NaN and infinity, which Python's reader accepts, included;
    and for what no honest file has: numbers beyond a float, whole ones of more than DIGITS digits, more
    than DEPTH levels.
    """
    text = _decoded(text)
    try:
        value = json.loads(
            text, parse_constant=_refused, parse_float=_finite, parse_int=_whole_number
        )
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > DEPTH:  # each level opens with a bracket
        _check_values(value)
    return value


def read_toml(path: Path | str, limit: int = TOML_LIMIT) -> dict[str, Any]:
    """The table of a TOML file. Raises OSError, and ValueError as `parse_toml` does."""
    return parse_toml(read_bytes(path, limit))


def parse_toml(text: bytes | str) -> dict[str, Any]:
    """The table of TOML text, in UTF-8, a byte order mark tolerated.

    Raises ValueError for what is no TOML, numbers of more than DIGITS digits and more than DEPTH levels.
    Infinity and NaN are TOML; settings refuse them by their types.

    >>> parse_toml("steps = 5")
    {'steps': 5}
    """
    text = _decoded(text)
    if _DOTTED.search(text):
        raise _too_deep()
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _too_deep() from None
    _check_values(table, _check_characters)
    return table


def _decoded(text: bytes | str) -> str:
    return text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "something else")


def _refused(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}: write null, or leave the value out")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {_short(text)} is beyond what can be held")
    return value


def _whole_number(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a whole number of {len(text):,} digits is beyond what can be held")
    return int(text)


def _too_deep() -> ValueError:
    return ValueError(f"lists and objects are nested in more than {DEPTH} levels")


def _check_values(value: Any, check_text: Callable[[str], None] = lambda text: None) -> None:
    """Raises ValueError for values nested too deep, too long numbers, and as `check_text` does."""
    level = [value]
    for _ in range(DEPTH + 1):
        if not level:
            return
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
                below += each
            elif isinstance(each, list):
                below += each
            elif isinstance(each, str):
                check_text(each)
            elif isinstance(each, int) and abs(each) >= 10**DIGITS:
                raise ValueError(
                    f"a whole number of more than {DIGITS} digits is beyond what can be held"
                )
        level = below
    raise _too_deep()


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair (\\ud800 to \\udfff) is no character") from None


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}…"
