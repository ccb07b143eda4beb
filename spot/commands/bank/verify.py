"""`spot bank verify`: read every file, report damage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Bank
    from spot.config import Config
    from spot.report.output import Output


@click.command("verify")
@click.option(
    "--clean",
    "cleaning",
    is_flag=True,
    help="First remove what interrupted writes left, and rebuild a damaged bank.json.",
)
@configured
def command(config: Config, out: Output, cleaning: bool) -> None:
    """Read every file in full and report what is damaged; exit 1 if anything is.

    A damaged entry is never removed here: `spot bank remove` takes its id, and `spot bank add` or
    `merge` of its good copy repairs it.

    \b
    Example: spot bank verify
    """
    from bank import clean, verify
    from spot.commands.objects import open_bank
    from spot.report.console import progress

    if cleaning:
        show_cleaned(clean(config.bank.path), config.bank.path, out)
    bank = open_bank(config)
    with progress(out) as reporter:
        reporter.phase("reading every file")
        problems = verify(bank)
    show(bank, problems, out)
    if problems:
        raise SystemExit(1)


def show_cleaned(done: Sequence[str], bank: Path, out: Output) -> None:
    """Every change that was made."""
    out.record({"bank": str(bank), "cleaned": list(done)})
    for sentence in done:
        out.say(sentence)


def show(bank: Bank, problems: Sequence[str], out: Output) -> None:
    """Every problem, and how many entries are whole."""
    out.record({"bank": str(bank.path), "problems": list(problems)})
    for problem in problems:
        out.say(problem)
    whole = [
        entry
        for entry in bank.entries()
        if not any(problem.startswith(f"entries/{entry.id}:") for problem in problems)
    ]
    out.say(f"{bank.path}: {len(whole)} entries whole, {len(problems)} problems")
