"""The error that every part of `spot` raises for input it cannot use."""

from __future__ import annotations

from bank.errors import UserError, did_you_mean

__all__ = ["SpotError", "did_you_mean"]


class SpotError(UserError):
    """A config, task, model or run is not usable as given; has `message` and `hint`."""
