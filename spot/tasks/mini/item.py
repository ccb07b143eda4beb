"""The one record every family engine of the mini suite yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Fact = tuple[object, ...]


@dataclass(frozen=True)
class Item:
    """One example before keys and label words are chosen.

    fields: (role, text) in reading order; label: class index of the family; facts: what the
    text says, as tuples from which the label can be derived again without reading the text.
    """

    fields: tuple[tuple[str, str], ...]
    label: int
    facts: tuple[Fact, ...] = ()


# An engine makes a small group of items that share most words and differ in label.
Engine = Callable[[Random], tuple[Item, ...]]
