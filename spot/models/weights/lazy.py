"""An array of a file that is read only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class LazyArray:
    """An array with a known shape whose content is read anew by every call of `read()`.

    A model of 11 billion parameters is loaded array by array this way and never held twice.
    """

    shape: tuple[int, ...]
    read: Callable[[], Any]


def content(array: Any) -> Any:
    """The content of an array, lazy or not."""
    return array.read() if isinstance(array, LazyArray) else array
