"""The text of a row by a template: plain text with {column}s, and cleanups of single columns."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping

from spot.tasks.files import Row, is_missing

CLEANUPS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "capitalized": lambda text: text[:1].upper() + text[1:],
    "question": lambda text: text if text.endswith("?") else text + "?",
    "spaces": lambda text: " ".join(text.split()),
    "untokenized": lambda text: re.sub(r" (?=[.,;:?!%)]|n't\b|'\w)", "", text),
    "unhtml": lambda text: re.sub(r"<[^<>]{1,9}>", " ", text),
}


def rendering(
    inputs: str, clean: Mapping[str, tuple[str, ...]] | None = None, *, may_be_empty: bool = False
) -> Callable[[Row], str]:
    """The function from a row to its text. Numbers are written as JSON writes them, a list of texts
    as lines "A: first", "B: second". may_be_empty: an empty text in a column is none.

    It raises SpotError for a row without one of the columns, or with an empty text in it; making it
    raises ValueError for an unpaired brace.
    """
    parts, cleanups = list(string.Formatter().parse(inputs)), clean or {}
    text = _text_or_none if may_be_empty else _text

    def render(row: Row) -> str:
        return "".join(
            literal if name is None else literal + _cleaned(text(row, name), cleanups.get(name, ()))
            for literal, name, _, _ in parts
        )

    return render


def columns_of(inputs: str) -> tuple[str, ...]:
    """The columns that a template names, each once. Raises ValueError for an unpaired brace.

    >>> columns_of("{title} {{sic}} {body}, {title}")
    ('title', 'body')
    """
    names = [name for _, name, _, _ in string.Formatter().parse(inputs) if name is not None]
    return tuple(dict.fromkeys(names))


def filled(inputs: str, column: str, text: str) -> str:
    """The template with a text in the place of one column.

    >>> filled("{body}? {options} {{options}}", "options", "{a} | b")
    '{body}? {{a}} | b {{options}}'
    """
    written = {None: "", column: _braced(text)}
    return "".join(
        _braced(literal) + written.get(name, f"{{{name}}}")
        for literal, name, _, _ in string.Formatter().parse(inputs)
    )


def renamed(inputs: str, names: Mapping[str, str]) -> str:
    """The template with other columns in the places of its own.

    >>> renamed("{title} {{sic}} {body}", {"title": "headline", "body": "text"})
    '{headline} {{sic}} {text}'
    """
    return "".join(
        _braced(literal) + ("" if name is None else f"{{{names[name]}}}")
        for literal, name, _, _ in string.Formatter().parse(inputs)
    )


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _text(row: Row, column: str) -> str:
    value = row.value(column)
    if isinstance(value, list):
        texts = row.texts(column)
        return "\n".join(f"{chr(65 + place)}: {text}" for place, text in enumerate(texts))
    return row.written(column)


def _text_or_none(row: Row, column: str) -> str:
    value = row.value(column)
    blank = is_missing(value) or (isinstance(value, str) and not value.strip())
    return "" if blank else _text(row, column)


def _cleaned(text: str, cleanups: tuple[str, ...]) -> str:
    for cleanup in cleanups:
        text = CLEANUPS[cleanup](text)
    return text
