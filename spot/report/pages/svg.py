"""A figure of Matplotlib as part of a page: without its white paper, in the page's colours, and with a
mark on every value, which a pointer and a keyboard reach.

The drawing is parsed and written anew as a tree, so that a name is text whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as xml

from bank.characters import visible
from spot.report.files import figure_bytes
from spot.report.palette import COLOURS, GRID, MUTED, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 72.0  # Matplotlib's unit in SVG: 72 to the inch

VARIABLES = {
    "#000000": "var(--ink)",
    TEXT.lower(): "var(--ink)",
    MUTED.lower(): "var(--muted)",
    GRID.lower(): "var(--grid)",
    **{colour.lower(): f"var(--line-{number})" for number, colour in enumerate(COLOURS)},
}
"""What the page decides of a picture's colours; its style sheet has their values, light and dark."""
PAPER = {"#ffffff": "var(--paper)"}
"""Beside these, of everything but text: on a coloured cell a white number stays white."""


@dataclass(frozen=True)
class Mark:
    """A value of a picture: its box in points from the left and the top, its text, and its place among the
    others for arrow keys.
    """

    left: float
    top: float
    width: float
    height: float
    text: str
    row: int
    column: int


def inline_svg(figure: Figure, marks: Sequence[Mark], title: str, name: str) -> str:
    """The element of a figure with these marks. name: a prefix of its ids, unlike that of other figures."""
    # What cannot be seen is no XML, as control characters in the name of an axis.
    root = xml.fromstring(visible(figure_bytes(figure, ".svg").decode()))
    for parent in root.iter():
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):  # a style would hold for the whole page
                parent.remove(child)
    wanted = {link for element in root.iter() for link in _links(element)}
    for element in root.iter():
        _rewrite(element, wanted, name)
    width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    root.attrib = {
        "viewBox": f"0 0 {width:g} {height:g}",
        "style": f"--width: {width / POINTS:.2f}",
        "role": "group",
        "aria-label": visible(title),
    }
    for number, mark in enumerate(marks):
        root.append(_mark(mark, first=number == 0))
    return xml.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    """A name without its namespace, which an element inside a page does not have."""
    return name.rpartition("}")[2]


def _links(element: xml.Element) -> list[str]:
    """The ids that an element refers to."""
    values = " ".join(element.attrib.values())
    return re.findall(r"url\(#([^)]+)\)", values) + re.findall(r"(?:^|\s)#(\S+)", values)


def _rewrite(element: xml.Element, wanted: set[str], name: str) -> None:
    """Names without namespaces, ids of this figure alone, and the page's colours."""
    element.tag = _local(element.tag)
    attributes = {_local(key): value for key, value in element.attrib.items()}
    own = attributes.pop("id", None)
    if own in wanted:
        attributes["id"] = f"{name}-{own}"
    if (link := attributes.get("href", "")).startswith("#"):
        attributes["href"] = f"#{name}-{link[1:]}"
    colours = VARIABLES if element.tag == "text" else VARIABLES | PAPER
    for key, value in attributes.items():
        if "url(#" in value:
            attributes[key] = value.replace("url(#", f"url(#{name}-")
        if key == "style":
            attributes[key] = re.sub(
                r"#[0-9a-fA-F]{6}\b",
                lambda match: colours.get(match[0].lower(), match[0]),
                attributes[key],
            )
    element.attrib = attributes


def _mark(mark: Mark, first: bool) -> xml.Element:
    """A box that shows its value under a pointer, with or without a script, and when it has the focus. A
    picture is one stop of the Tab key; arrow keys move on from there.
    """
    text = visible(mark.text)
    element = xml.Element(
        "rect",
        {
            "class": "mark",
            "x": f"{mark.left:.2f}",
            "y": f"{mark.top:.2f}",
            "width": f"{mark.width:.2f}",
            "height": f"{mark.height:.2f}",
            "role": "img",
            "aria-label": text,
            "tabindex": "0" if first else "-1",
            "data-row": str(mark.row),
            "data-column": str(mark.column),
        },
    )
    xml.SubElement(element, "title").text = text
    return element
