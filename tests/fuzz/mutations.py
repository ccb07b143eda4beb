"""Seeded damage to the bytes of a file: flips, cuts, holes, repeats, and other values in JSON and TOML."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Draw = random.Random

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**40, 2**63, 10**50, 0.5, -0.5, 1e300, "", " ", "x", "1", "NaN",
    "../x", "/etc/passwd", "\x00", "\x1b[31m", "[/x]", "é", "\u200b", [], {}, [1], ["x"], {"x": 1},
    [[]], [None],
)  # fmt: skip
"""Values that stand in the place of an honest one."""

RAW = (
    "1e999", "NaN", "-Infinity", "9" * 5000, '"\\ud800"', "[" * 100_000, '{"a":' * 5000, "[" * 70 + "]" * 70,
    '"' + "x" * 200_000 + '"', "",
)  # fmt: skip
"""Texts in the place of a value, which a careless reader of JSON or TOML stumbles over."""


def bit(content: bytes, draw: Draw) -> bytes:
    """One bit flipped."""
    place = draw.randrange(len(content))
    return (
        content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
    )


def early_bit(content: bytes, draw: Draw) -> bytes:
    """One bit flipped among the first 64 bytes, where formats have their magic and their sizes."""
    return bit(content[:64], draw) + content[64:]


def several_bytes(content: bytes, draw: Draw) -> bytes:
    """Up to sixteen bytes changed."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 16)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def cut(content: bytes, draw: Draw) -> bytes:
    """The end is missing."""
    return content[: draw.randrange(len(content))]


def empty(content: bytes, draw: Draw) -> bytes:
    """Nothing is left."""
    return b""


def zeros(content: bytes, draw: Draw) -> bytes:
    """As after a crash of the system: the file has its length, the end of it is zeros."""
    keep = draw.randrange(len(content))
    return content[:keep] + bytes(len(content) - keep)


def hole(content: bytes, draw: Draw) -> bytes:
    """Some bytes in the middle are missing."""
    start, end = sorted((draw.randrange(len(content)), draw.randrange(len(content))))
    return content[:start] + content[end:]


def repeated(content: bytes, draw: Draw) -> bytes:
    """Some bytes are there twice."""
    start, end = sorted((draw.randrange(len(content)), draw.randrange(len(content))))
    return content[:end] + content[start:]


def huge_number(content: bytes, draw: Draw) -> bytes:
    """Four or eight bytes that hold a huge number in either order."""
    place, size = draw.randrange(len(content)), draw.choice((4, 8))
    number = draw.choice((2**31 - 1, 2**32 - 1, 2**40, 2**62, 2**63 - 1)) % 2 ** (8 * size)
    return (
        content[:place]
        + number.to_bytes(size, draw.choice(("little", "big")))
        + content[place + size :]
    )


BYTES: tuple[Callable[[bytes, Draw], bytes], ...] = (
    bit, early_bit, several_bytes, cut, empty, zeros, hole, repeated, huge_number,
)  # fmt: skip


def other_value(text: str, draw: Draw) -> str:
    """JSON text with one value replaced by a strange one, removed, or its key renamed."""
    value = json.loads(text)
    places = list(_places(value))
    if not places:
        return json.dumps(draw.choice(STRANGE))
    holder, key = draw.choice(places)
    change = draw.randrange(8)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[draw.choice(("x", "", "format", str(key) + "x"))] = holder.pop(key)
    else:
        holder[key] = draw.choice(STRANGE)
    return json.dumps(value)


def raw_value(text: str, draw: Draw) -> str:
    """JSON text with one value replaced by a text of RAW."""
    value = json.loads(text)
    places = list(_places(value))
    raw = draw.choice(RAW)
    if not places:
        return raw
    holder, key = draw.choice(places)
    holder[key] = mark = "the value to be replaced"
    return json.dumps(value).replace(json.dumps(mark), raw)


def _places(value: Any) -> Any:
    """Every (list or object, index or key) of a value, large lists by their ends."""
    if isinstance(value, dict):
        inner: Any = list(value)
    else:
        inner = range(len(value)) if isinstance(value, list) else ()
        inner = [*inner[:3], *inner[-3:]] if len(inner) > 6 else inner
    for key in inner:
        yield value, key
        yield from _places(value[key])


def other_line(text: str, draw: Draw) -> str:
    """Text with one line damaged, repeated, removed, or a strange one in its place."""
    lines = text.split("\n")
    place = draw.randrange(len(lines))
    line = lines[place]
    lines[place] = draw.choice(
        (
            "", line + line, f"{line}\n{line}", line[: len(line) // 2], f'"{line}', line.replace('"', ""),
            line.replace(",", ";"), line.replace(",", "\t"), "\x00" * 8, "\ufeff" + line, line + "\r",
            "x" * 200_000, *RAW,
        )
    )  # fmt: skip
    return "\n".join(lines)


def other_toml(text: str, draw: Draw) -> str:
    """TOML text with the value of one line replaced."""
    lines = [
        place for place, line in enumerate(text.split("\n")) if re.match(r"^\s*[\w.]+\s*=", line)
    ]
    if not lines:
        return other_line(text, draw)
    place, every = draw.choice(lines), text.split("\n")
    key = every[place].partition("=")[0]
    strange = json.dumps(draw.choice([each for each in STRANGE if each is not None]))
    raw = draw.choice((*RAW, "inf", "nan", "1979-05-27", "'''a\nb'''", "{a = 1}"))
    every[place] = f"{key}= {draw.choice((strange, raw))}"
    return "\n".join(every)


def json_line(text: str, draw: Draw) -> str:
    """JSON lines with a value of one of them changed."""
    lines = text.split("\n")
    whole = [place for place, line in enumerate(lines) if line.strip()]
    if not whole:
        return other_line(text, draw)
    place = draw.choice(whole)
    lines[place] = draw.choice((other_value, raw_value))(lines[place], draw)
    return "\n".join(lines)


def not_utf8(content: bytes, draw: Draw) -> bytes:
    """A byte of Latin-1, which no UTF-8 has alone."""
    place = draw.randrange(len(content))
    return content[:place] + b"\xe9" + content[place:]


TEXTS: dict[str, tuple[Callable[[str, Draw], str], ...]] = {
    ".json": (other_value, other_value, raw_value, other_line),
    ".jsonl": (json_line, json_line, other_line),
    ".toml": (other_toml, other_toml, other_line),
    ".csv": (other_line,),
    ".tsv": (other_line,),
    ".zarray": (other_value, raw_value),
}
"""Changes of texts by the suffix of their file, beside those of bytes."""


def mutated(path: Path, content: bytes, draw: Draw) -> tuple[str, bytes]:
    """The name of a change, drawn for a file of this name, and the changed content."""
    if not content:
        return "noise", draw.randbytes(64)
    suffix = path.suffix or path.name
    texts = TEXTS.get(suffix, ())
    if texts and draw.random() < 0.65:
        if draw.random() < 0.1:
            return "not_utf8", not_utf8(content, draw)
        change: Any = draw.choice(texts)
        try:
            return change.__name__, change(content.decode(), draw).encode(errors="surrogatepass")
        except (ValueError, TypeError):  # a file of this name that is no such text
            pass
    change = draw.choice(BYTES)
    return change.__name__, change(content, draw)
