"""The one record every family engine of the mini suite yields."""

from __future__ import annotations

from dataclasses import dataclass

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

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in reading order."""
        return tuple(text for _, text in self.fields)
