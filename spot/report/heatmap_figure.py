"""Drawing the task-similarity heatmap: cells, dendrogram, family strip, colour bar, legend.

Matplotlib's `Figure` objects only: nothing here touches pyplot's global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spot.report import layout as sizes
from spot.report.layout import Layout
from spot.report.palette import MUTED, TEXT, UNKNOWN, colour_and_hatch
from spot.study.clusters import Clustering
from spot.study.similarity import TaskSimilarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

NO_FAMILY = "(no family)"
OFF_SCALE = "outside the scale"
SCALE_NOTE = "scale: pairs of different tasks"
VALUES_UP_TO = 20  # tasks; beyond that the numbers in the cells would be too small


def draw_heatmap(
    similarity: TaskSimilarity,
    clustering: Clustering,
    families: Mapping[str, str],
    title: str,
    subtitle: str,
) -> tuple[Figure, Layout]:
    """The figure for M tasks in leaf order, and where its parts lie."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tasks = clustering.ordered_tasks
    matrix = similarity.matrix[np.ix_(clustering.order, clustering.order)]
    low, high = colour_range(matrix)
    legend = family_styles(tasks, families)
    entries = list(legend)
    if matrix.min() < low or matrix.max() > high:
        entries.append(OFF_SCALE)
    caption = sizes.shorten(similarity.similarity or "similarity")
    labels = [sizes.shorten(task) for task in tasks]
    note_width = max(
        sizes.text_width(SCALE_NOTE, sizes.SMALL_POINTS),
        sizes.text_width(caption, sizes.SUBTITLE_POINTS),
    )
    place = sizes.heatmap_layout(labels, entries, note_width, title, subtitle)
    figure = Figure(figsize=(place.width, place.height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(place.box(place.left, place.top, place.side, place.side))
    mesh = _cells(axes, matrix, low, high, place)
    _labels(axes, labels, place)
    _values(axes, matrix, mesh, place)
    _dendrogram(figure, clustering, place)
    _strip(figure, [families.get(task, "") or NO_FAMILY for task in tasks], legend, place)
    _panel(figure, mesh, matrix, caption, entries, legend, place)
    _heading(figure, place)
    return figure, place


def colour_range(matrix: NDArray[np.float64]) -> tuple[float, float]:
    """Lowest and highest value OFF the diagonal of [M,M]: self-similarity must not eat the range.

    Equal values get a range of 0.1 around them; one task uses its own value.
    """
    away = matrix[~np.eye(len(matrix), dtype=bool)]
    values = away if away.size else matrix
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(1.0, abs(high)):
        return low - 0.05, high + 0.05
    return low, high


def family_styles(
    tasks: tuple[str, ...], families: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Colour and hatch of each family in order of appearance; empty when no family is known."""
    names = [families.get(task, "") for task in tasks]
    named = list(dict.fromkeys(name for name in names if name))
    styles = {name: colour_and_hatch(index) for index, name in enumerate(named)}
    if named and not all(names):
        styles[NO_FAMILY] = (UNKNOWN, "")
    return styles


def _cells(
    axes: Axes, matrix: NDArray[np.float64], low: float, high: float, place: Layout
) -> ScalarMappable:
    from matplotlib import colormaps

    # viridis: perceptually uniform and safe for colour-blind readers; grey never occurs in it
    colours = colormaps["viridis"].with_extremes(over="#DADADA", under="#DADADA")
    width = 0.8 if place.cell > 0.3 else 0.3
    mesh = axes.pcolormesh(
        matrix, cmap=colours, vmin=low, vmax=high, edgecolors="white", linewidth=width
    )
    axes.invert_yaxis()
    for spine in axes.spines.values():
        spine.set_visible(False)
    return mesh


def _labels(axes: Axes, labels: list[str], place: Layout) -> None:
    centres = np.arange(place.count) + 0.5
    slanted = place.label_angle != 90
    axes.yaxis.tick_right()
    axes.set_yticks(centres, labels, fontsize=place.label_points, color=TEXT)
    axes.set_xticks(
        centres,
        labels,
        fontsize=place.label_points,
        color=TEXT,
        rotation=place.label_angle,
        ha="right" if slanted else "center",
        va="top",
        rotation_mode="anchor" if slanted else "default",
    )
    axes.tick_params(length=0, pad=3)
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_parse_math(False)  # a "$" in a task's name is a "$"


def _values(axes: Axes, matrix: NDArray[np.float64], mesh: ScalarMappable, place: Layout) -> None:
    if place.count > VALUES_UP_TO:
        return
    colours = mesh.to_rgba(matrix)
    for (row, column), value in np.ndenumerate(matrix):
        axes.text(
            column + 0.5,
            row + 0.5,
            cell_text(value),
            ha="center",
            va="center",
            fontsize=place.cell * 16,
            color=ink_on(colours[row, column]),
        )


def ink_on(colour: Sequence[float] | NDArray[np.float64]) -> str:
    """Black or white, whichever has the higher WCAG contrast on `colour` (RGB in 0..1)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def cell_text(value: float) -> str:
    """A value as printed in a cell: two decimals, fewer for the large numbers of inner products."""
    return f"{value:z.2f}" if abs(value) < 10 else f"{value:.3g}"


def _dendrogram(figure: Figure, clustering: Clustering, place: Layout) -> None:
    if place.count < 2:
        return
    from matplotlib.collections import LineCollection
    from scipy.cluster.hierarchy import dendrogram

    tree = dendrogram(clustering.linkage, no_plot=True)
    # SciPy puts leaf i at 5 + 10 i; cell i has its centre at i + 0.5
    lines = [
        list(zip(depth, np.asarray(along) / 10, strict=True))
        for along, depth in zip(tree["icoord"], tree["dcoord"], strict=True)
    ]
    left = place.left - place.strip - 0.05 - place.dendrogram
    axes = figure.add_axes(place.box(left, place.top, place.dendrogram, place.side))
    axes.add_collection(LineCollection(lines, colors=MUTED, linewidths=0.9))
    deepest = max(float(clustering.linkage[:, 2].max()), 1e-9)
    axes.set_xlim(deepest * 1.03, 0)
    axes.set_ylim(place.count, 0)
    axes.axis("off")


def _strip(
    figure: Figure, names: list[str], styles: Mapping[str, tuple[str, str]], place: Layout
) -> None:
    if not styles:
        return
    from matplotlib.patches import Rectangle

    left = place.left - place.strip - 0.03
    axes = figure.add_axes(place.box(left, place.top, place.strip, place.side))
    for row, name in enumerate(names):
        colour, hatch = styles[name]
        axes.add_patch(
            Rectangle((0, row), 1, 1, facecolor=colour, hatch=hatch, edgecolor="white", lw=0.4)
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(place.count, 0)
    axes.axis("off")


def _panel(
    figure: Figure,
    mesh: ScalarMappable,
    matrix: NDArray[np.float64],
    caption: str,
    entries: list[str],
    styles: Mapping[str, tuple[str, str]],
    place: Layout,
) -> None:
    low, high = mesh.get_clim()
    over, under = bool(matrix.max() > (high or 0)), bool(matrix.min() < (low or 0))
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}
    axes = figure.add_axes(place.box(place.panel, place.top + 0.27, 0.18, place.bar_height))
    bar = figure.colorbar(mesh, cax=axes, extend=extend.get((over, under), "neither"))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=sizes.SMALL_POINTS, length=2, color=MUTED, labelcolor=TEXT)
    _write(figure, place, place.panel, place.top + 0.1, caption, sizes.SUBTITLE_POINTS, TEXT)
    line = place.top + 0.27 + place.bar_height + 0.17
    _write(figure, place, place.panel, line, SCALE_NOTE, sizes.SMALL_POINTS, MUTED)
    for number, name in enumerate(entries):
        middle = line + sizes.LEGEND_LINE * (number + 1) + 0.06
        colour, hatch = styles.get(name, ("#DADADA", ""))
        _swatch(figure, place, middle, colour, hatch)
        ink = MUTED if name == OFF_SCALE else TEXT
        _write(figure, place, place.panel + 0.25, middle, name, sizes.SMALL_POINTS, ink)


def _swatch(figure: Figure, place: Layout, middle: float, colour: str, hatch: str) -> None:
    from matplotlib.patches import Rectangle

    left, bottom, width, height = place.box(place.panel, middle - 0.065, 0.18, 0.13)
    figure.add_artist(
        Rectangle(
            (left, bottom),
            width,
            height,
            facecolor=colour,
            hatch=hatch,
            edgecolor="white",
            lw=0.4,
            transform=figure.transFigure,
        )
    )


def _write(
    figure: Figure, place: Layout, left: float, middle: float, text: str, points: float, ink: str
) -> None:
    figure.text(
        left / place.width,
        1 - middle / place.height,
        text,
        fontsize=points,
        color=ink,
        va="center",
        parse_math=False,
    )


def _heading(figure: Figure, place: Layout) -> None:
    middle = sizes.MARGIN + 0.1
    for line in place.title:
        _write(figure, place, sizes.MARGIN, middle, line, sizes.TITLE_POINTS, TEXT)
        middle += 0.25
    for line in place.subtitle:
        _write(figure, place, sizes.MARGIN, middle - 0.02, line, sizes.SUBTITLE_POINTS, MUTED)
        middle += 0.18
