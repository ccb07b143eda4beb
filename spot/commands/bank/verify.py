"""`spot bank verify`: read every file, report damage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Bank
    from spot.config import Config
    from spot.report.output import Output


@click.command("verify")
@configured
def command(config: Config, out: Output) -> None:
    """Read every file in full and report what is damaged; exit 1 if anything is.

    \b
    Example: spot bank verify
    """
    from bank import verify
    from spot.commands.objects import open_bank
    from spot.report.console import progress

    bank = open_bank(config)
    with progress(out) as reporter:
        reporter.phase("reading every file")
        problems = verify(bank)
    show(bank, problems, out)
    if problems:
        raise SystemExit(1)


def show(bank: Bank, problems: Sequence[str], out: Output) -> None:
    """Every problem, and how many entries are whole."""
    out.record({"bank": str(bank.path), "problems": list(problems)})
    for problem in problems:
        out.say(problem)
    out.say(f"{bank.path}: {len(bank.entries())} entries whole, {len(problems)} problems")
