"""Errors that a person reads: what was expected, what was found, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bank.characters import visible


class UserError(Exception):
    """An error whose text is written for the user: `message` says what is wrong, `hint` what to do.

    A command prints both on stderr and exits with 1; library callers catch this one class. What cannot
    be seen in them, as a zero-width space in a name, is escaped.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = visible(message), visible(hint)
        super().__init__(message if not hint else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class BankError(UserError):
    """A bank, an entry, a file or a search request is not usable as given."""


def reason_of(error: Exception) -> str:
    """What went wrong, without the number and the path that an OSError puts around it."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def shown(value: object, limit: int = 60) -> str:
    """A value from a file for a message, cut to `limit` characters.

    >>> shown([1, "a"])
    "[1, 'a']"
    """
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The nearest of `choices` as a sentence with a leading space, or an empty string.

    >>> did_you_mean("bolq", ["boolq", "rte"])
    ' Did you mean "boolq"?'
    """
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""
