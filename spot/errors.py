"""The error that every part of `spot` raises for input it cannot use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bank.errors import UserError, did_you_mean

__all__ = ["SpotError", "did_you_mean", "look_up"]

Record = TypeVar("Record")


class SpotError(UserError):
    """A config, task, model or run is not usable as given; has `message` and `hint`."""


def look_up(table: Mapping[str, Record], name: str, what: str, key: str) -> Record:
    """The record of this name in a table. Raises SpotError, with the nearest name, if there is none.

    what: the table's subject in the message; key: the setting that chooses a name.
    """
    if name not in table:
        raise SpotError(
            f'unknown {what} "{name}".{did_you_mean(name, table)}',
            f"{key} is one of {', '.join(table)}",
        )
    return table[name]
