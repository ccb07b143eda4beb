"""What entries and prompt files state of a task, so that new rows can be answered without the task's own
files: the text as a template, label words, scoring.

What is read of them was written by others: every fact is checked here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bank.errors import shown
from bank.files import canonical_json

LIMIT = 1 << 20  # characters of JSON: label words and a template, with room for a long text prompt

Reader = tuple[str, Callable[[Any], Any]]
"""What a fact is in words, and the function from JSON to it, which raises for anything else."""


class UnlikeFact(ValueError):
    """A fact whose JSON is of another type than it is said to be."""

    def __init__(self, name: str, expected: str, found: object) -> None:
        super().__init__(f"{name} is {shown(found)}, not {expected}")
        self.name, self.expected, self.found = name, expected, found


def as_text(value: Any) -> str:
    """A text. Raises TypeError for anything else, as the other readers do."""
    if not isinstance(value, str):
        raise TypeError
    return value


def as_texts(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(as_text, value))


def as_object(value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise TypeError
    return value


TEXT: Reader = ("a text", as_text)
TEXTS: Reader = ("a list of texts", as_texts)

TASK_FACTS: dict[str, Reader] = {
    "file": TEXT,
    "inputs": TEXT,
    "columns": TEXTS,
    "clean": (
        "lists of texts by column",
        lambda value: {name: as_texts(listed) for name, listed in as_object(value).items()},
    ),
    "front": TEXT,
    "labels": TEXTS,
    "label": TEXT,
    "values": (
        "label words by value",
        lambda value: {name: as_text(word) for name, word in as_object(value).items()},
    ),
    "scoring": TEXT,
    "metrics": TEXTS,
}
"""The facts of a task but for its name; `bank.formats.Facts` says what each is."""


def read_each(content: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of those facts that are known to the readers. Raises UnlikeFact."""
    values = {}
    for name in (name for name in readers if name in content):
        expected, read = readers[name]
        try:
            values[name] = read(content[name])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise UnlikeFact(name, expected, content[name]) from error
    return values


def read_task_facts(content: object) -> dict[str, Any]:
    """The facts of a task in the JSON of an entry; those of other names, which a newer program may have
    written, are passed over. Raises ValueError for no object, a fact of another type, and more than LIMIT.
    """
    if not isinstance(content, dict):
        raise ValueError(f"task_facts is {shown(content)}")
    size = len(canonical_json(content))
    if size > LIMIT:
        raise ValueError(f"task_facts has {size:,} characters, more than {LIMIT:,}")
    try:
        return read_each(content, TASK_FACTS)
    except UnlikeFact as error:
        raise ValueError(f"task_facts: {error}") from error
