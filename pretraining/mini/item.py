"""The record that every engine of the mini suite makes."""

from __future__ import annotations

from dataclasses import dataclass

Fact = tuple[object, ...]


@dataclass(frozen=True)
class Item:
    """One example without keys and label words.

    `fields` are (role, text) in reading order, `label` is the class index, `facts` is the content of
    the texts as tuples, from which the label can be derived without reading them.
    """

    fields: tuple[tuple[str, str], ...]
    label: int
    facts: tuple[Fact, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in reading order."""
        return tuple(text for _, text in self.fields)
