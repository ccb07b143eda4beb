"""The charts of findings as pictures. Matplotlib is imported only inside the functions that draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bank.characters import visible
from spot.analysis.finding import Bars, Chart, Heat, Level, Lines, Number, Points
from spot.report.files import PICTURES, figure_bytes, write_atomic, writer_for
from spot.report.frame import framed, style
from spot.report.layout import one_line, shorten, text_width
from spot.report.palette import COLOURS, MUTED, TEXT, colour_and_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 5.3, 3.2  # of the axes, in inches
SMALL = 8.5  # points of labels
MARKERS = "osD^vPX*"
LEVEL_LINES = ("--", ":", "-.")
MOST_TICKS = 24  # labels of a heat map's side; of more, evenly spaced ones are written
MOST_VALUES = 150  # cells of a heat map that have room for their numbers


def write_chart(chart: Chart, path: str | Path) -> Path:
    """Draw a chart to `path` in the format of its suffix, see PICTURES; the path. Raises SpotError for
    another suffix, BankError for a folder that cannot be written.
    """
    suffix = writer_for(path, {suffix: suffix for suffix in PICTURES})
    return write_atomic(path, figure_bytes(draw_chart(chart), suffix))


def draw_chart(chart: Chart, subtitle: str = "") -> Figure:
    """The figure of a chart."""
    return DRAWERS[type(chart)](chart, subtitle)


def _lines(chart: Lines, subtitle: str) -> Figure:
    figure, axes = _axes(chart.title, subtitle, [line.name for line in chart.lines], chart.levels)
    handles: dict[str, Any] = {}
    for number, line in enumerate(chart.lines):
        colour, dash = colour_and_line(number)
        marker = MARKERS[number % len(MARKERS)]
        y = _values(line.y)
        (handles[line.name],) = axes.plot(
            line.x, y, dash, color=colour, marker=marker, ms=4, lw=1.5
        )
        if line.low:
            axes.fill_between(
                line.x, _values(line.low), _values(line.high), color=colour, alpha=0.15, lw=0
            )
    _finish(axes, chart.x, chart.y, handles, chart.levels)
    return figure


def _points(chart: Points, subtitle: str) -> Figure:
    figure, axes = _axes(chart.title, subtitle, [one.name for one in chart.groups], chart.levels)
    handles: dict[str, Any] = {}
    for number, group in enumerate(chart.groups):
        colour, _ = colour_and_line(number)
        marker = MARKERS[number % len(MARKERS)]
        (handles[group.name],) = axes.plot(
            group.x, group.y, marker, color=colour, ms=5, ls="", alpha=0.85
        )
        for place, (x, y, label) in enumerate(zip(group.x, group.y, group.labels, strict=False)):
            above = 3 if place % 2 else -9  # labels of neighbours do not meet
            axes.annotate(
                shorten(one_line(label), 18), (x, y), (4, above), textcoords="offset points",
                fontsize=7, color=MUTED, parse_math=False,
            )  # fmt: skip
    _finish(axes, chart.x, chart.y, handles, chart.levels)
    return figure


def _bars(chart: Bars, subtitle: str) -> Figure:
    labels = [shorten(one_line(label), 40) for label in chart.labels]
    left = max((text_width(label, SMALL) for label in labels), default=0.5) + 0.35
    height = 0.27 * len(labels) + 0.4
    figure, axes = _axes(chart.title, subtitle, [], chart.levels, left, height)
    places, values = np.arange(len(labels)), _values(chart.values)
    axes.barh(places, values, height=0.62, color=COLOURS[0], alpha=0.85, zorder=2)
    if chart.low:
        error = np.abs(np.stack([values - _values(chart.low), _values(chart.high) - values]))
        axes.errorbar(
            values, places, xerr=error, fmt="none", ecolor=TEXT, elinewidth=1, capsize=2.5
        )
    _finish(axes, chart.y, "", {}, chart.levels, across=True)
    axes.set_yticks(places, labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(False, axis="y")
    return figure


def _heat(chart: Heat, subtitle: str) -> Figure:
    rows, columns = len(chart.rows), len(chart.columns)
    left = max((text_width(shorten(row, 24), SMALL) for row in chart.rows), default=0.4) + 0.55
    height = min(max(0.28 * rows, 1.0), 6.5)
    below = max((text_width(shorten(name, 24), SMALL) for name in chart.columns), default=0.4)
    upright = below > 0.35
    bottom = 0.55 + (below if upright else 0.0)
    title = one_line(chart.title)
    figure, axes = framed(WIDTH, height, left, 1.2, title, visible(subtitle), bottom)
    values = np.array([_values(row) for row in chart.values], float).reshape(rows, columns)
    image = axes.imshow(np.ma.masked_invalid(values), aspect="auto", cmap="viridis")
    axes.set_xlabel(one_line(chart.x), fontsize=9.5, color=TEXT, parse_math=False)
    axes.set_ylabel(one_line(chart.y), fontsize=9.5, color=TEXT, parse_math=False)
    for axis, names in (("x", chart.columns), ("y", chart.rows)):
        step = -(-len(names) // MOST_TICKS)
        places = range(0, len(names), step)
        ticks = [shorten(one_line(names[place]), 24) for place in places]
        set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
        set_ticks(list(places), ticks, fontsize=SMALL, parse_math=False)
    if upright:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(color=MUTED, labelcolor=TEXT)
    if rows * columns <= MOST_VALUES:
        low, high = image.get_clim()
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                ink = "white" if value < (low + high) / 2 else "black"
                axes.text(
                    column, row, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=ink
                )
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.ax.tick_params(labelsize=7.5, labelcolor=TEXT)
    bar.set_label(one_line(chart.unit), fontsize=SMALL, color=TEXT)
    return figure


DRAWERS: dict[type, Callable[[Any, str], Figure]] = {
    Lines: _lines,
    Points: _points,
    Bars: _bars,
    Heat: _heat,
}


def _values(numbers: Sequence[Number]) -> np.ndarray:
    """Numbers with NaN, which leaves a gap, where one is not defined."""
    return np.array([np.nan if value is None else value for value in numbers], float)


def _axes(
    title: str,
    subtitle: str,
    names: Sequence[str],
    levels: Sequence[Level],
    left: float = 0.75,
    height: float = HEIGHT,
) -> tuple[Figure, Axes]:
    every = [*names, *(level.name for level in levels)]
    legend = max((text_width(shorten(one_line(name), 40), SMALL) for name in every), default=0.0)
    return framed(WIDTH, height, left, legend + 0.8, one_line(title), visible(subtitle))


def _finish(
    axes: Axes,
    x: str,
    y: str,
    handles: dict[str, Any],
    levels: Sequence[Level],
    across: bool = False,
) -> None:
    """Levels, axis titles and legend; whole numbers below positions and steps."""
    from matplotlib.ticker import MaxNLocator

    for number, level in enumerate(levels):
        draw = axes.axvline if across else axes.axhline
        dash = LEVEL_LINES[number % len(LEVEL_LINES)]
        handles[level.name] = draw(level.value, ls=dash, color=MUTED, lw=1.2, zorder=1)
    style(axes, x, y)
    places = np.concatenate([line.get_xdata() for line in axes.get_lines()] or [[0.5]])
    if not across and np.all(places == np.round(places)):
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    if len(handles) > 1 or levels:
        legend = axes.legend(
            list(handles.values()),
            [shorten(one_line(name), 40) for name in handles],
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            frameon=False,
            fontsize=SMALL,
            labelcolor=TEXT,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
