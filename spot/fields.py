"""Members of a decoded JSON object, or of a file's metadata, that nobody has checked: asked for by key and
kind, refused by name.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bank.reading import read_json
from spot.errors import SpotError
from spot.settings import shown

SIZE = 1 << 24  # of a width, a vocabulary or a context: the largest published ones have 2^23
COPY = "copy it again"


@dataclass(frozen=True)
class Fields:
    """The members of an object; `origin` names it in errors. A null counts as absent.

    Each method raises SpotError for a value of another kind, and without a default for an absent one.
    """

    origin: str
    values: Mapping[str, Any]

    def size(self, key: str, default: int | None = None, least: int = 1, most: int = SIZE) -> int:
        """A whole number from `least` to `most`; true and 1.0 are none."""
        value = self._value(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self._wrong(key, f"a whole number from {least:,} to {most:,}", value)
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number of at least 0, as it stands: a whole one stays whole."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise self._wrong(key, "a number of at least 0", value)
        return value  # type: ignore[no-any-return]

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a text", value)
        return value

    def inner(self, key: str) -> Fields:
        """The members of an object, none where it is absent."""
        value = self._value(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        return Fields(f"{self.origin}, {key}", value)

    def of(self, kind: Any, key: str) -> Any:
        """A value of a dataclass's annotation: int, float, bool or a Literal of texts."""
        if typing.get_origin(kind) is not typing.Literal:
            read: dict[Any, Callable[[str], Any]] = {
                int: self.size,
                float: self.number,
                bool: self.flag,
            }
            return read[kind](key)
        value, choices = self.text(key), typing.get_args(kind)
        if value not in choices:
            raise self._wrong(key, " or ".join(choices), value)
        return value

    def has(self, key: str) -> bool:
        """True if the value is stated and not null."""
        return self.values.get(key) is not None

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(key)
        if value is None:
            value = default
        if value is None:
            raise SpotError(f"{self.origin}: '{key}' is missing", COPY)
        return value

    def _wrong(self, key: str, expected: str, value: Any) -> SpotError:
        return SpotError(
            f"{self.origin}: expected {key} to be {expected}, found {shown(value)}", COPY
        )


def is_file_name(name: object) -> bool:
    """True for the name of a file in a folder, which leads nowhere else.

    >>> is_file_name("model-1.safetensors"), is_file_name("../model"), is_file_name("..")
    (True, False, False)
    """
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and len(name.encode()) < 256
        and not any(mark in name for mark in "/\\\0")
    )


def read_fields(path: Path) -> Fields:
    """The members of the object in a JSON file. Raises SpotError for anything else."""
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        raise SpotError(f"{path}: expected a JSON object ({error})", COPY) from error
    if not isinstance(value, dict):
        raise SpotError(f"{path}: expected a JSON object, found {shown(value)}", COPY)
    return Fields(str(path), value)
