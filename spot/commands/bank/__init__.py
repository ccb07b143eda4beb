"""`spot bank …`: look at a bank, check it, fill it from files, take prompts out of it."""

from __future__ import annotations

import click

from spot.commands.group import Commands

# The name of a command -> the file that holds it.
COMMANDS = {
    "add": "add",
    "evaluate": "evaluate",
    "export": "export",
    "import": "import_",
    "list": "list",
    "merge": "merge",
    "show": "show",
    "verify": "verify",
}


@click.group(
    "bank",
    cls=Commands,
    package=__name__,
    modules=COMMANDS,
    short_help="Look at, check, fill and share banks.",
)
def command() -> None:
    """Look at, check, merge, import and export banks.

    \b
    Example: spot bank list
    """
