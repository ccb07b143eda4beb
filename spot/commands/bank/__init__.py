"""`spot bank …`: look at a bank, check it, fill it from files, take prompts out of it."""

from __future__ import annotations

import click

from spot.commands.group import Commands, Lazy

COMMANDS = {
    "add": Lazy("add", "Add one prompt file."),
    "combine": Lazy("combine", "Make an entry from others."),
    "evaluate": Lazy("evaluate", "Judge similarities by past outcomes."),
    "export": Lazy("export", "Write one prompt for other programs."),
    "import": Lazy("import_", "Import .npy prompts or PEFT adapters."),
    "list": Lazy("list", "List the entries."),
    "merge": Lazy("merge", "Add another bank to this one."),
    "remove": Lazy("remove", "Remove entries or cached queries."),
    "rename": Lazy("rename", "Give an entry's task another name."),
    "show": Lazy("show", "Show one entry in full."),
    "verify": Lazy("verify", "Read every file; report damage."),
}


@click.group(
    "bank",
    cls=Commands,
    package=__name__,
    table=COMMANDS,
)
def command() -> None:
    """Look at, check, fill, clear and share banks.

    \b
    Example: spot bank list
    """
