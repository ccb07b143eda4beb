"""`spot bank show`: show one entry in full."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.names import ENTRIES
from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Entry, Outcome, Prompts
    from spot.config import Config
    from spot.report.output import Output


@click.command("show")
@click.argument("entry", shell_complete=ENTRIES)
@configured
def command(config: Config, out: Output, entry: str) -> None:
    """Show one entry in full, by id, beginning of an id, or task.

    \b
    Example: spot bank show mini_news
    """
    from spot.commands.objects import open_bank

    bank = open_bank(config)
    stored = bank.get(entry)
    outcomes = [outcome for outcome in bank.outcomes() if outcome.source == stored.id]
    show(stored, bank.prompts(stored), outcomes, out)


def show(entry: Entry, prompts: Prompts, outcomes: Sequence[Outcome], out: Output) -> None:
    """One entry in full, with its prompts' norms and recorded transfers."""
    from bank.combine import norms
    from spot.report.entries import show_outcomes
    from spot.report.output import shown

    sizes = {name: round(float(norms(array).mean()), 4) for name, array in prompts.views().items()}
    transfers = [asdict(outcome) for outcome in outcomes]
    out.record({**asdict(entry), "mean_norms": sizes, "outcomes": transfers})
    rows: list[tuple[str, object]] = [
        (name, json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value)
        for name, value in asdict(entry).items()
    ]
    rows.append(("shape", " x ".join(map(str, prompts.key.shape))))
    if prompts.arrays:
        shapes = (f"{name} {' x '.join(map(str, a.shape))}" for name, a in prompts.arrays.items())
        rows.append(("arrays", ", ".join(shapes)))
    rows.append(
        ("mean token norms", ", ".join(f"{name} {size:.2f}" for name, size in sizes.items()))
    )
    width = max(len(name) for name, _ in rows)
    for name, value in rows:  # in full, whatever its length: no table
        out.say(f"{name:<{width}}  {shown(value)}")
    show_outcomes(outcomes, out)
