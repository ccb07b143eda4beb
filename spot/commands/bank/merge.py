"""`spot bank merge`: add another bank to this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output


@click.command("merge")
@click.argument("other", type=PATH)
@configured
def command(config: Config, out: Output, other: Path) -> None:
    """Add everything of another bank of the same backbone and prompt shape.

    \b
    Example: spot bank merge ../colleague/spot-bank
    """
    from bank import Bank
    from spot.commands.objects import bank_to_fill
    from spot.report.console import progress

    theirs = Bank.open(other)
    bank = bank_to_fill(config)
    with progress(out) as reporter:
        reporter.phase(f"adding {other}")
        added = bank.merge(theirs)
    out.record({"added": added})
    out.say(f"added {len(added)} entries and queries to {bank.path}")
