"""`spot bank list`: list the entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Entry
    from spot.config import Config
    from spot.report.output import Output


@click.command("list")
@configured
def command(config: Config, out: Output) -> None:
    """List the entries: task, seed, steps and validation score.

    \b
    Example: spot bank list --bank spot-bank
    """
    from spot.commands.objects import open_bank

    bank = open_bank(config)
    show(bank.entries(), bank.damaged(), out)


def show(entries: Sequence[Entry], damaged: Sequence[tuple[str, str]], out: Output) -> None:
    """All entries, and the damaged ones by name and reason."""
    from spot.report.entries import ENTRY_COLUMNS, entry_row

    for entry in entries:
        out.record(asdict(entry))
    out.table("", ENTRY_COLUMNS, [entry_row(entry) for entry in entries])
    for name, reason in damaged:
        out.say(f"damaged: {name}: {reason}")
