"""An array of a file that is read only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class LazyArray:
    """An array whose shape is known; `read()` gives its content, anew at each call.

    A model of 11 billion parameters is loaded array by array this way, never held twice.
    """

    shape: tuple[int, ...]
    read: Callable[[], Any]


def content(array: Any) -> Any:
    """The array itself, whether it has been read or not."""
    return array.read() if isinstance(array, LazyArray) else array
