"""Where the values of a picture lie, with the text of each: what a page puts on top of the drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spot.analysis.finding import Bars, Heat, Lines, Number, Points
from spot.report.charts import draw_chart
from spot.report.heatmap import Heatmap
from spot.report.pages.page import Picture
from spot.report.pages.svg import POINTS, Mark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spot.report.layout import Layout

SIDE = 14.0  # points of the mark of a point
MOST = 2500  # marks of a picture; where there are more values, its table has them


class Value(NamedTuple):
    """A value in the coordinates of its axes: the corners of its box, equal for a point, and its text."""

    corners: tuple[tuple[float, float], tuple[float, float]]
    text: str
    row: int
    column: int


def draw_marked(picture: Picture) -> tuple[Figure, list[Mark]]:
    """The figure of a picture and its marks; none where there would be more than MOST."""
    if isinstance(picture, Heatmap):
        figure, place = picture.draw()
        marks = list(_of_heatmap(picture, place))
    else:
        figure = draw_chart(picture)
        marks = [_mark(figure, value) for value in VALUES[type(picture)](picture)]
    return figure, marks if len(marks) <= MOST else []


def _mark(figure: Figure, value: Value) -> Mark:
    axes = figure.axes[0]
    axes.get_xlim(), axes.get_ylim()  # Matplotlib chooses limits when they are first asked for
    pixels = axes.transData.transform(value.corners) * POINTS / figure.dpi
    height = figure.get_figheight() * POINTS
    left, right = sorted(pixels[:, 0])
    top, bottom = sorted(height - pixels[:, 1])
    wider, higher = max(0.0, SIDE - (right - left)) / 2, max(0.0, SIDE - (bottom - top)) / 2
    return Mark(
        left - wider, top - higher, right - left + 2 * wider, bottom - top + 2 * higher,
        value.text, value.row, value.column,
    )  # fmt: skip


def number(value: float) -> str:
    """A value as a mark says it."""
    return f"{value:.4g}"


def _interval(low: tuple[Number, ...], high: tuple[Number, ...], place: int) -> str:
    if not low or low[place] is None or high[place] is None:
        return ""
    return f" ({low[place]:.4g} to {high[place]:.4g})"


def _of_lines(chart: Lines) -> Iterator[Value]:
    for row, line in enumerate(chart.lines):
        for column, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
            if y is not None:
                text = f"{line.name}, {chart.x} {number(x)}: {number(y)}"
                text += _interval(line.low, line.high, column)
                yield Value(((x, y), (x, y)), text, row, column)


def _of_points(chart: Points) -> Iterator[Value]:
    for row, group in enumerate(chart.groups):
        labels = group.labels or ("",) * len(group.x)
        for column, (x, y, label) in enumerate(zip(group.x, group.y, labels, strict=True)):
            name = ", ".join(text for text in (group.name, label) if text)
            text = f"{name}: {chart.x} {number(x)}, {chart.y} {number(y)}"
            yield Value(((x, y), (x, y)), text, row, column)


def _of_bars(chart: Bars) -> Iterator[Value]:
    for row, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        if value is not None:
            text = f"{label}: {number(value)}{_interval(chart.low, chart.high, row)}"
            yield Value(((0.0, row - 0.31), (value, row + 0.31)), text, row, 0)


def _of_heat(chart: Heat) -> Iterator[Value]:
    for row, (name, values) in enumerate(zip(chart.rows, chart.values, strict=True)):
        for column, (other, value) in enumerate(zip(chart.columns, values, strict=True)):
            if value is not None:
                box = ((column - 0.5, row - 0.5), (column + 0.5, row + 0.5))
                text = f"{name} / {other}: {number(value)}"
                yield Value(box, text, row, column)


VALUES: dict[type, Callable[[Any], Iterator[Value]]] = {
    Lines: _of_lines,
    Points: _of_points,
    Bars: _of_bars,
    Heat: _of_heat,
}


def _of_heatmap(picture: Heatmap, place: Layout) -> Iterator[Mark]:
    tasks, side = picture.tree.ordered_tasks, place.cell * POINTS
    for (row, column), value in np.ndenumerate(picture.ordered):
        text = f"{tasks[row]} / {tasks[column]}: {number(value)}"
        left, top = place.left + column * place.cell, place.top + row * place.cell
        yield Mark(left * POINTS, top * POINTS, side, side, text, row, column)
