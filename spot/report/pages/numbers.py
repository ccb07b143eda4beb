"""The numbers of a picture as a table, for readers who do not see it or want to copy them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spot.analysis.finding import Bars, Cell, Heat, Lines, Number, Points, Table
from spot.report.heatmap import Heatmap
from spot.report.pages.page import Picture

BOUNDS = ("from ", "to ")


def table_of(picture: Picture) -> Table:
    """All numbers of a picture."""
    return TABLES[type(picture)](picture)


def title_of(picture: Picture) -> str:
    """The title of a picture, in one line."""
    return " ".join(picture.title.split())


def _table(
    picture: Picture, columns: tuple[str, ...], rows: list[tuple[Cell, ...]], bounded: bool = False
) -> Table:
    columns += BOUNDS if bounded else ()
    return Table(title_of(picture), columns, tuple(rows))


def _bounds(low: tuple[Number, ...], high: tuple[Number, ...], place: int) -> tuple[Cell, ...]:
    return (low[place], high[place]) if low else (None, None)


def _of_lines(chart: Lines) -> Table:
    bounded = any(line.low for line in chart.lines)
    rows = [
        (line.name, x, y, *(_bounds(line.low, line.high, place) if bounded else ()))
        for line in chart.lines
        for place, (x, y) in enumerate(zip(line.x, line.y, strict=True))
    ]
    levels = [(level.name, None, level.value, *([None] * 2 * bounded)) for level in chart.levels]
    return _table(chart, ("line", f"{chart.x} ", f"{chart.y} "), [*rows, *levels], bounded)


def _of_points(chart: Points) -> Table:
    rows = [
        (group.name, label, x, y)
        for group in chart.groups
        for x, y, label in zip(group.x, group.y, group.labels or ("",) * len(group.x), strict=True)
    ]
    levels = [(level.name, "", None, level.value) for level in chart.levels]
    return _table(chart, ("group", "label", f"{chart.x} ", f"{chart.y} "), [*rows, *levels])


def _of_bars(chart: Bars) -> Table:
    bounded = bool(chart.low)
    rows = [
        (label, value, *(_bounds(chart.low, chart.high, place) if bounded else ()))
        for place, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True))
    ]
    levels = [(level.name, level.value, *([None] * 2 * bounded)) for level in chart.levels]
    return _table(chart, ("name", f"{chart.y} "), [*rows, *levels], bounded)


def _of_heat(chart: Heat) -> Table:
    rows = [(name, *values) for name, values in zip(chart.rows, chart.values, strict=True)]
    return _table(chart, (chart.y, *(f"{name} " for name in chart.columns)), rows)


def _of_heatmap(picture: Heatmap) -> Table:
    tasks = picture.tree.ordered_tasks
    rows = [
        (task, picture.families.get(task, ""), *values)
        for task, values in zip(tasks, picture.ordered.tolist(), strict=True)
    ]
    return _table(picture, ("task", "family", *(f"{task} " for task in tasks)), rows)


TABLES: dict[type, Callable[[Any], Table]] = {
    Lines: _of_lines,
    Points: _of_points,
    Bars: _of_bars,
    Heat: _of_heat,
    Heatmap: _of_heatmap,
}
