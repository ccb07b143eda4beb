"""`spot heatmap`: draw how the tasks of a bank relate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, NamesOption, configured, similarities
from spot.report.heatmap import WRITERS

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.bank_heatmap import Drawn
    from spot.report.output import Output


@click.command("heatmap")
@click.option("--out", "path", type=PATH, required=True, help=f"A file: {' '.join(WRITERS)}")
@click.option(
    "--similarity",
    cls=NamesOption,
    names=similarities,
    help="{names} (default: task-vector of prompts that began alike, else centered; average of fewer "
    "than three).",
)
@click.option("--values", is_flag=True, help="Compare the values instead of the keys.")
@configured
def command(config: Config, out: Output, path: Path, similarity: str | None, values: bool) -> None:
    """Draw the similarity of all tasks in a bank, clustered; seeds are averaged over pairs.

    \b
    Example: spot heatmap --out tasks.png
    """
    from spot.commands.objects import open_bank
    from spot.report.console import progress

    with progress(out) as reporter:
        reporter.phase("drawing")
        from spot.report.bank_heatmap import bank_heatmap

        drawn = bank_heatmap(open_bank(config), path, similarity, values=values)
    show(drawn, out)


def show(drawn: Drawn, out: Output) -> None:
    """The file that was written."""
    out.record({"path": str(drawn.path), "similarity": drawn.similarity})
    out.say(f"heatmap written to {drawn.path}")
