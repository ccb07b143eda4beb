"""From entries of a bank and prompt files to the rows of a matrix: the prompts of a task, one a seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bank import Bank, Entry
    from spot import Model, SoftPrompt, SourcePrompts, Task
    from spot.config import Config


@dataclass(frozen=True, eq=False)
class Named:
    """A prompt with its own name, an id or a path, and with what prompts of one row have in common."""

    name: str
    task: str
    common: tuple[str, ...]
    prompt: SoftPrompt


def source_prompts(
    config: Config, model: Model, files: Sequence[Path]
) -> tuple[list[SourcePrompts], Bank | None]:
    """The rows of a matrix, and the bank that they are of: its entries that matrix.entries names, all where
    it names none and no files are given; then the files.

    Raises BankError for no bank and an unknown entry, SpotError for prompts of another model.
    """
    from spot.commands.objects import open_bank

    bank = open_bank(config) if config.matrix.entries or not files else None
    named = [] if bank is None else of_entries(bank, model, config.matrix.entries)
    named += [of_file(file, model) for file in files]
    return joined_rows(named, config), bank


def of_entries(bank: Bank, model: Model, names: Sequence[str]) -> list[Named]:
    """The values of the entries of these ids and tasks, each once; of all where no name is given."""
    from bank.files import canonical_json
    from spot.prompts.files import entry_prompt

    found = []
    for entry in chosen(bank, names):
        prompt = entry_prompt(bank, entry, model)
        common = (entry.kind, canonical_json(entry.recipe), entry.data)
        found.append(Named(entry.id, entry.task, common, prompt))
    return found


def chosen(bank: Bank, names: Sequence[str]) -> list[Entry]:
    """The entries of these ids and tasks, each once, in the order of the names; all where there are none.
    Raises BankError for a name that no entry has.
    """
    entries = bank.entries()
    if not names:
        return entries
    found: dict[str, Entry] = {}
    for name in names:
        own = [entry for entry in entries if name in (entry.id, entry.task)] or [bank.get(name)]
        found |= {entry.id: entry for entry in own}
    return list(found.values())


def of_file(file: Path, model: Model) -> Named:
    """The prompt of a file. Raises BankError for a file that holds none."""
    from bank.files import canonical_json
    from spot.prompts.facts import check_facts
    from spot.prompts.files import check_fit, read_prompt

    prompt = read_prompt(file, model)
    check_facts(prompt.facts, str(file), model)
    check_fit(prompt, str(file), model)
    facts = prompt.facts
    if facts is None or not facts.task or facts.seed is None:
        return Named(str(file), "", (str(file),), prompt)
    recipe = {name: value for name, value in facts.recipe.items() if name != "learning_rate"}
    words = canonical_json([facts.inputs, list(facts.labels), facts.front])
    return Named(str(file), facts.task, ("file", canonical_json(recipe), words), prompt)


def joined_rows(named: Iterable[Named], config: Config) -> list[SourcePrompts]:
    """Prompts of one task and recipe with different seeds as one row, named by the task; where several rows
    have one task, or none, by their first prompt.
    """
    from spot.study.matrix_cells import SourcePrompts

    rows: list[list[Named]] = []
    for each in named:
        alike = [row for row in rows if (row[0].task, row[0].common) == (each.task, each.common)]
        fits = [row for row in alike if each.task and seed_of(each) not in map(seed_of, row)]
        if fits:
            fits[0].append(each)
        else:
            rows.append([each])
    tasks = [row[0].task for row in rows]
    return [
        SourcePrompts(
            row[0].task if tasks.count(row[0].task) == 1 and row[0].task else row[0].name,
            tuple(each.prompt for each in row),
            wording_of(row[0], config),
        )
        for row in rows
    ]


def seed_of(named: Named) -> int | None:
    """The seed of a prompt, if it is known."""
    return named.prompt.facts.seed if named.prompt.facts else None


def wording_of(named: Named, config: Config) -> Task | None:
    """The task of a prompt as it was trained on it: as its facts describe it, else that of its name; None for
    a mixture, and for a task that is not known here. Raises SpotError for a task without its data.
    """
    from spot.prompts.facts import describes_task, task_of, trained_task
    from spot.tasks.catalog import names_a_file, task_names

    facts = named.prompt.facts
    if facts is None or not facts.task or facts.members:
        return None
    if describes_task(facts):
        return task_of(facts, named.name)
    settings = config.data_settings()
    known = facts.task in task_names(settings) or (facts.file and not names_a_file(facts.task))
    return trained_task(facts, settings) if known else None
