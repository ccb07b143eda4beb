"""The frame of a picture with axes: title and subtitle above, a grid behind, room for a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spot.report.layout import one_line, wrapped
from spot.report.palette import GRID, MUTED, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def framed(
    plot_width: float,
    plot_height: float,
    left: float,
    right: float,
    title: str,
    subtitle: str,
    bottom: float = 0.6,
) -> tuple[Figure, Axes]:
    """A figure with a heading above axes of this size in inches, and the room around them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = left + plot_width + right
    heading = wrapped(title, 13, width - 0.4)
    below = wrapped(subtitle, 9.5, width - 0.4)
    height = bottom + 0.35 + 0.25 * len(heading) + 0.18 * len(below) + plot_height
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (left / width, bottom / height, plot_width / width, plot_height / height)
    )  # fmt: skip
    middle = 0.3
    for line, points, ink, drop in [(t, 13, TEXT, 0.25) for t in heading] + [
        (t, 9.5, MUTED, 0.18) for t in below
    ]:
        figure.text(
            0.2 / width,
            1 - middle / height,
            line,
            fontsize=points,
            color=ink,
            va="center",
            parse_math=False,
        )
        middle += drop
    return figure, axes


def style(axes: Axes, x: str, y: str) -> None:
    """Label the axes, and draw a quiet grid behind what they show."""
    axes.set_xlabel(one_line(x), fontsize=9.5, color=TEXT, parse_math=False)
    axes.set_ylabel(one_line(y), fontsize=9.5, color=TEXT, parse_math=False)
    axes.tick_params(labelsize=8.5, color=MUTED, labelcolor=TEXT)
    axes.grid(True, color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
