"""`spot bank remove`: remove entries or cached queries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from spot.commands.names import QUERIES
from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Bank
    from spot.config import Config
    from spot.report.output import Output


@click.command("remove")
@click.argument("names", metavar="ENTRY...", nargs=-1, required=True, shell_complete=QUERIES)
@click.option("--yes", is_flag=True, help="Do not ask; needed where stdin is no terminal.")
@configured
def command(config: Config, out: Output, names: tuple[str, ...], yes: bool) -> None:
    """Remove entries, by id, beginning of an id or task, or queries and damaged ones by id.

    Recorded outcomes stay, and so do the training's own files in the bank's folder "work", from which
    `spot build-bank` adds the entry again without training.

    \b
    Example: spot bank remove mini_news --yes
    """
    from spot.commands.objects import open_bank
    from spot.errors import SpotError

    bank = open_bank(config)
    ids = list(dict.fromkeys(id_of(bank, name) for name in names))
    if not yes:
        if not sys.stdin.isatty():
            raise SpotError(
                f"expected --yes to remove {', '.join(ids)}: stdin is no terminal to ask on",
                "add --yes",
            )
        if not click.confirm(f"remove {', '.join(ids)} from {bank.path}?", err=True):
            ids = []
    bank.remove(ids)
    show(bank, ids, out)


def id_of(bank: Bank, name: str) -> str:
    """The id of the entry, query or damaged entry of this name. Raises BankError as `Bank.get`."""
    damaged = {folder.rpartition("/")[2] for folder, _ in bank.damaged()}
    if name in damaged | {query.id for query in bank.queries()}:
        return name
    return bank.get(name).id


def show(bank: Bank, ids: Sequence[str], out: Output) -> None:
    """The ids that were removed."""
    out.record({"bank": str(bank.path), "removed": list(ids)})
    for id in ids:
        out.say(f"removed {id}")
    out.say(f"{bank.path}: {len(ids)} removed, {len(bank.entries())} entries left")
