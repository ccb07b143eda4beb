"""From settings to the objects that they name: bank, model, tasks, recipe and runs of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bank import Bank
    from spot import Mixture, Model, Reporter, Runs, Task
    from spot.config import Config


def open_bank(config: Config) -> Bank:
    """The config's bank. Raises BankError where none is."""
    from bank import Bank

    return Bank.open(config.bank.path)


def bank_to_fill(config: Config) -> Bank:
    """The config's bank, or a new one, written with its first entry: a mistake leaves no trace."""
    from bank import Bank

    path = config.bank.path
    return Bank.open(path) if path.exists() else Bank(path)


def the_model(config: Config) -> Model:
    """The config's model; its weights are read when they are first used."""
    from spot.models.model import open_model

    return open_model(config.model)


def the_task(name: str, config: Config) -> Task:
    """The task of this name, with its data there."""
    from spot.tasks.catalog import find_task

    return find_task(name, config.data_settings())


def task_or_mixture(name: str, config: Config) -> Task | Mixture:
    """The task or mixture of this name, with its data there."""
    from spot.tasks.catalog import find

    return find(name, config.data_settings())


def in_every_template(name: str, config: Config) -> dict[str, Task]:
    """The published task of this name in each of its templates, the default first.

    Raises SpotError for a task that is not published, or has one template only.
    """
    from spot.tasks.catalog import find_templates

    return find_templates(name, config.data_settings())


def lengths(config: Config) -> dict[str, int]:
    """The most tokens of inputs and targets, by argument name."""
    return {
        "input_length": config.data.input_length,
        "target_length": config.data.target_length,
    }


def runs_of(config: Config, reporter: Reporter) -> Runs:
    """The folder of the config's runs, and how they are executed."""
    from spot import Runs

    return Runs(config.runs, reporter, config.train.slots, config.train.tensorboard)


def write_config(folder: Path, config: Config) -> None:
    """The whole config as config.json beside a run's results."""
    from bank.files import replace_file
    from spot.config import dump

    replace_file(folder / "config.json", dump(config).encode())


class Sources(Mapping[str, "Task | Mixture"]):
    """The tasks and mixtures of a bank's entries by name, looked up when they are needed."""

    def __init__(self, bank: Bank, config: Config) -> None:
        self.bank, self.config = bank, config

    def __getitem__(self, name: str) -> Task | Mixture:
        return task_or_mixture(name, self.config)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(entry.task for entry in self.bank.entries()))

    def __len__(self) -> int:
        return len(list(iter(self)))
