"""The page of folders of results and banks, and its pictures as files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bank.store import Bank
from spot.errors import SpotError
from spot.report.charts import write_chart
from spot.report.files import write_atomic
from spot.report.heatmap import Heatmap, write_heatmap
from spot.report.pages.kinds import Place, parts_of
from spot.report.pages.numbers import title_of
from spot.report.pages.page import Part, pictures_of
from spot.report.pages.render import page_text


def report_page(places: Place | Sequence[Place], beside: str | Path = ".") -> str:
    """The text of a self-contained HTML page of folders of results and banks: judgements and warnings, what
    was run and with what, then curves, heatmaps and tables with their intervals.

    places: folders that spot transfer, study, compare, baselines and analyze write, banks or their
    folders. beside: the folder that the page is to lie in, for links to runs. Raises SpotError for a folder
    of something else and for damaged results, BankError for a bank that cannot be read.
    """
    return page_text(parts_of_all(places), Path(beside))


def write_report(places: Place | Sequence[Place], path: str | Path) -> Path:
    """Write `report_page` to a file whose name ends in .html; its path.

    Raises SpotError for another name, as `report_page` does, and BankError for a folder that cannot be
    written.
    """
    check_name(path)
    return write_atomic(path, report_page(places, Path(path).parent).encode())


def check_name(path: str | Path) -> None:
    """Raises SpotError for a name that does not end in .html."""
    if Path(path).suffix.lower() != ".html":
        raise SpotError(
            f"{path}: expected a file name ending in .html", "for example --out report.html"
        )


def write_figures(
    places: Place | Sequence[Place], folder: str | Path, suffix: str = ".png"
) -> list[Path]:
    """Write every picture of the page of these places to a folder, in its order; their paths.

    suffix: .png, .svg or .pdf. Raises SpotError as `report_page` does and for another suffix, BankError
    for a folder that cannot be written.
    """
    paths = []
    for number, picture in enumerate(pictures_of(parts_of_all(places)), start=1):
        name = re.sub(r"[^a-z0-9]+", "-", title_of(picture).lower()).strip("-")[:60]
        path = Path(folder) / f"{number:02d}-{name}{suffix}"
        if isinstance(picture, Heatmap):
            paths.append(write_heatmap(picture, path))
        else:
            paths.append(write_chart(picture, path))
    return paths


def parts_of_all(places: Place | Sequence[Place]) -> list[Part]:
    """The parts of all places, in their order."""
    several = [places] if isinstance(places, str | Path | Bank) else list(places)
    if not several:
        raise SpotError("expected a bank or a folder of results, found none", "name one or more")
    return [part for place in several for part in parts_of(place)]
