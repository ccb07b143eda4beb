"""From settings to the objects that they name: the bank and the model of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bank.store import Bank
    from spot.config import Config
    from spot.models.model import Model


def open_bank(config: Config) -> Bank:
    """The config's bank. Raises BankError where none is."""
    from bank.store import Bank

    return Bank.open(config.bank.path)


def bank_to_fill(config: Config) -> Bank:
    """The config's bank, or a new one, written with its first entry: a mistake leaves no trace."""
    from bank.store import Bank

    path = config.bank.path
    return Bank.open(path) if path.exists() else Bank(path)


def loader(config: Config) -> Callable[[], Model]:
    """A function that loads the model when it is first called, and only once."""

    @functools.cache
    def load() -> Model:
        from spot.models.model import load as load_model
        from spot.training.runtime import prepare

        prepare()
        return load_model(config.model)

    return load
