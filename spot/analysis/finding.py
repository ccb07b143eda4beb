"""What an analysis found, as plain values: tables, charts and sentences.

A chart holds numbers and names, not how they are drawn, so that the same finding is shown on a terminal,
as a picture and on a page. Values that are not defined are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cell = str | int | float | None
Number = float | None


@dataclass(frozen=True)
class Table:
    """A table; columns whose name ends in a space hold numbers. note: how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Level:
    """A value to compare with, such as chance or the score of no prompt."""

    name: str
    value: float


@dataclass(frozen=True)
class Line:
    """Points of one line, x rising; low and high are the bounds of its interval, () where it has none."""

    name: str
    x: tuple[float, ...]
    y: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()


@dataclass(frozen=True)
class Lines:
    """Lines over a common axis; x and y are the titles of the axes."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...] = ()
    kind: Literal["lines"] = "lines"


@dataclass(frozen=True)
class Group:
    """Points of one kind, with a label each or () without."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Points:
    """Groups of points."""

    title: str
    x: str
    y: str
    groups: tuple[Group, ...]
    levels: tuple[Level, ...] = ()
    kind: Literal["points"] = "points"


@dataclass(frozen=True)
class Bars:
    """A bar for each label; low and high are the bounds of its interval, () where none have one."""

    title: str
    y: str
    labels: tuple[str, ...]
    values: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()
    levels: tuple[Level, ...] = ()
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True)
class Heat:
    """A value for each row and column; x and y are the titles of the axes, unit that of the values."""

    title: str
    x: str
    y: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    unit: str = ""
    kind: Literal["heat"] = "heat"


Chart = Lines | Points | Bars | Heat


@dataclass(frozen=True)
class Finding:
    """The result of one part of an analysis; notes are sentences that read the numbers."""

    part: str
    title: str
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
