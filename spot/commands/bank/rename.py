"""`spot bank rename`: give an entry's task another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spot.commands.names import ENTRIES
from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Entry
    from spot.config import Config
    from spot.report.output import Output


@click.command("rename")
@click.argument("old", shell_complete=ENTRIES)
@click.argument("new")
@configured
def command(config: Config, out: Output, old: str, new: str) -> None:
    """Give the task of an entry another name: an imported prompt's, say, that was named by its file.

    Entries never change and their ids are made of their content, so this adds a new entry with the same
    prompts and scores, turns the recorded outcomes over to it, and removes the old one. A task is known
    by its name: `spot build-bank` trains the task of the old name again, and only a target of the new
    name passes over the entry as its own.

    \b
    Example: spot bank rename imported_prompt_3 tickets
    """
    from spot.commands.objects import open_bank

    bank = open_bank(config)
    entry = bank.get(old)
    show(entry, bank.rename(entry, new), out)


def show(old: Entry, new: Entry, out: Output) -> None:
    """Both ids."""
    out.record({"old": old.id, "new": new.id, "task": new.task})
    out.say(f"{old.id} is now {new.id}")
