"""`spot report`: one page of everything that folders of results and banks have to show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, NameIn, printed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spot.report.output import Output


def formats() -> Iterable[str]:
    """The formats of pictures."""
    from spot.report.files import PICTURES

    return [suffix[1:] for suffix in PICTURES]


@click.command("report")
@click.argument("places", nargs=-1, required=True, type=PATH, metavar="FOLDER|BANK…")
@click.option("--out", "path", type=PATH, required=True, help="The page, a file ending in .html.")
@click.option("--figures", type=PATH, help="Write every picture to this folder, too.")
@click.option(
    "--format",
    "form",
    type=NameIn(formats),
    default="png",
    show_default=True,
    help="Of these pictures.",
)
@printed
def command(
    out: Output, places: tuple[Path, ...], path: Path, figures: Path | None, form: str
) -> None:
    """One self-contained page of folders that transfer, study, compare, baselines and analyze write, and of
    banks: judgements first, then what was run, learning curves, heatmaps, and tables with intervals.

    Nothing on the page is loaded from elsewhere. Several folders are on one page, as those of a study and of
    its bank. Numbers that are links lead to their runs, as seen from the page.

    \b
    Example: spot report spot-bank --out report.html
    """
    from spot import write_figures, write_report
    from spot.report.console import progress

    with progress(out) as reporter:
        reporter.phase("drawing")
        page = write_report(places, path)
        pictures = [] if figures is None else write_figures(places, figures, f".{form}")
    show(page, pictures, out)


def show(page: Path, pictures: list[Path], out: Output) -> None:
    """The files that were written."""
    out.record({"page": str(page), "pictures": [str(path) for path in pictures]})
    out.say(f"report written to {page}")
    for path in pictures:
        out.say(f"picture written to {path}")
