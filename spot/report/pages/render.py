"""The text of a page: parts as one HTML file that loads nothing.

The template escapes every value. A browser that reads the page is told to run the script of this package
alone and to fetch nothing, whatever a name holds.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from bank.characters import visible
from spot.analysis.finding import Cell, Table
from spot.errors import SpotError
from spot.report.pages.marks import draw_marked
from spot.report.pages.numbers import table_of, title_of
from spot.report.pages.page import Linked, Part, Picture
from spot.report.pages.svg import inline_svg

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent
LONG = 20  # rows of a table; a longer one opens when it is asked for

TONES = {
    "above chance": "good",
    "helped": "good",
    "better": "good",
    "near": "good",
    "helped early only": "mixed",
    "mixed": "mixed",
    "too few rows": "mixed",
    "hurt": "bad",
    "worse": "bad",
    "at chance": "bad",
    "not near": "bad",
}
"""How a kind of verdict is coloured; the others are plain."""


class Shown(NamedTuple):
    """A cell as the page has it: its text, its exact number, and where it leads."""

    text: str
    number: str
    link: str


class Drawn(NamedTuple):
    """A picture as the page has it: its element, and its numbers."""

    title: str
    svg: Markup
    numbers: Table


def page_text(parts: Sequence[Part], beside: Path) -> str:
    """The page of these parts; links to runs are relative to the folder `beside`, where it is to lie."""
    names = (f"f{number}" for number in range(1, 1 << 30))
    sections = [
        (section, [figure_of(picture, next(names)) for picture in section.pictures])
        for part in parts
        for section in part.sections
    ]
    script = (FOLDER / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        title=" · ".join(part.title for part in parts),
        parts=parts,
        sections=sections,
        verdicts=[verdict for part in parts for verdict in part.verdicts],
        warnings=[warning for part in parts for warning in part.warnings],
        facts=[table for part in parts for table in part.facts],
        tones=TONES,
        long=LONG,
        is_number=is_number,
        shown=lambda cell: shown(cell, beside),
        style=Markup((FOLDER / "page.css").read_text("utf-8")),
        script=Markup(script),
        script_digest=digest,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(FOLDER, encoding="utf-8")
    environment = Environment(
        autoescape=True,
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    return environment.get_template("page.html")


def figure_of(picture: Picture, name: str) -> Drawn:
    """A picture as an element of a page, with its numbers. name: unlike that of others of the page.

    Raises SpotError for numbers that cannot be drawn.
    """
    title = title_of(picture)
    try:
        drawing, marks = draw_marked(picture)
        element = inline_svg(drawing, marks, title, name)
    except (ValueError, ArithmeticError) as error:
        raise SpotError(
            f'the picture "{title}" cannot be drawn: {error}',
            "are its numbers what was measured? repeat the command that made them",
        ) from error
    return Drawn(title, Markup(element), table_of(picture))


def is_number(column: str) -> bool:
    """True for the name of a column that holds numbers."""
    return column.endswith(" ")


def shown(cell: Cell, beside: Path) -> Shown:
    """A cell as text, with its exact number and its link."""
    if cell is None:
        return Shown("–", "", "")
    if isinstance(cell, str):
        return Shown(cell, "", "")
    link = ""
    if isinstance(cell, Linked):
        link = quote(Path(os.path.relpath(cell.folder, beside)).as_posix())
    exact = float(cell) if isinstance(cell, float) else cell
    return Shown(number_text(cell), repr(exact), link)


def number_text(value: float) -> str:
    """A number as people read it: two decimals, and two digits of what is smaller.

    >>> number_text(3), number_text(61.25), number_text(-0.00123), number_text(0.0)
    ('3', '61.25', '-0.0012', '0.00')
    """
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"
