"""From settings to the objects that they name: bank, model, tasks, recipe and runs of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bank import Bank
    from spot import Mixture, Model, Reporter, Runs, SoftPrompt, Task
    from spot.config import Config


def open_bank(config: Config) -> Bank:
    """The config's bank. Raises BankError where none is."""
    from bank import Bank

    return Bank.open(config.bank.path)


def bank_of_starts(config: Config, kinds: Sequence[str] = ()) -> Bank | None:
    """The config's bank where prompts are made of it: by prompt.init, or by their kind, the config's or one
    of these; None where none are.
    """
    from spot.prompts.kinds import find_kind

    of_bank = any(find_kind(kind).of_bank for kind in (kinds or [config.prompt.kind]))
    from_entry = (config.recipe().init or "").startswith("entry:")
    return open_bank(config) if of_bank or from_entry else None


def bank_to_fill(config: Config) -> Bank:
    """The config's bank, or a new one, written with its first entry: a mistake leaves no trace."""
    from bank import Bank

    path = config.bank.path
    return Bank.open(path) if path.exists() else Bank(path)


def the_model(config: Config) -> Model:
    """The config's model; its weights are read when they are first used."""
    from spot.models.model import open_model

    return open_model(config.model, config.devices)


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


def task_to_answer(
    name: str | None, prompt: SoftPrompt | None, prompt_name: str | None, config: Config
) -> Task:
    """The task whose new rows are answered: that of a name, or else the prompt's own, of which its
    facts may tell all that is needed.
    """
    from spot.prompts.facts import describes_task, task_of

    facts = prompt.facts if prompt else None
    if name is None and facts and describes_task(facts):
        return task_of(facts, str(prompt_name))
    return task_to_score(name, prompt, prompt_name, config)


def task_to_score(
    name: str | None, prompt: SoftPrompt | None, prompt_name: str | None, config: Config
) -> Task:
    """The task whose own rows are scored: that of a name in the config's wording, or else the task of
    the prompt's facts in the wording that it was trained with.

    Raises SpotError where the facts name no task, or one that cannot be found.
    """
    from spot.errors import SpotError
    from spot.prompts.facts import trained_task

    if name is not None:
        return the_task(name, config)
    facts = prompt.facts if prompt else None
    if facts is None or not facts.task:
        raise SpotError(
            f"expected to find the prompt's task in {prompt_name}, which carries no facts",
            "name the task with --task; prompts that are written as .safetensors carry their facts",
        )
    if facts.members:
        raise SpotError(
            f"expected a prompt of one task, found {prompt_name}, of the mixture {facts.task}",
            f"name one of its tasks: --task {facts.members[0]}",
        )
    return trained_task(facts, config.data_settings())


def lengths(config: Config) -> dict[str, int]:
    """The most tokens of inputs and targets by argument name, as far as they are set."""
    names = ("input_length", "target_length")
    return {
        name: getattr(config.data, name) for name in names if name in config.data.model_fields_set
    }


def runs_of(config: Config, reporter: Reporter) -> Runs:
    """The folder of the config's runs, and how they are executed."""
    from spot import Runs
    from spot.training.runs import slots_on

    slots, devices = config.train.slots, config.devices.slot
    if slots is None and devices > 1:
        slots = slots_on(devices)
    return Runs(config.runs, reporter, slots, config.train.trackers)


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
        from spot.errors import SpotError
        from spot.tasks.catalog import names_a_file

        if names_a_file(name):
            raise SpotError(
                f"expected the name of a task in an entry of {self.bank.path}, found the path {name}",
                "spot bank rename gives it another name",
            )
        return task_or_mixture(name, self.config)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(entry.task for entry in self.bank.entries()))

    def __len__(self) -> int:
        return len(list(iter(self)))
