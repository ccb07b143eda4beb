"""Sizes of the heatmap picture, in inches, computed from the text it has to hold.

Everything is placed by hand: cells stay square, no label is cut, and the HTML page knows where
each cell lies.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, radians, sin

from bank.characters import visible

Box = tuple[float, float, float, float]
MARGIN = 0.2
LEGEND_LINE = 0.21
TITLE_POINTS, SUBTITLE_POINTS, SMALL_POINTS = 13.0, 9.5, 8.5
LONGEST_LABEL = 34


@dataclass(frozen=True)
class Layout:
    """Positions in inches from the left and the TOP of a picture of `width` x `height`."""

    width: float
    height: float
    left: float  # of the cells
    top: float  # of the cells
    cell: float
    count: int
    dendrogram: float  # width
    strip: float  # width
    panel: float  # left edge of colour bar and legend
    bar_height: float
    label_points: float
    label_angle: float
    title: tuple[str, ...]
    subtitle: tuple[str, ...]

    @property
    def side(self) -> float:
        """Width and height of the square of cells."""
        return self.cell * self.count

    def box(self, left: float, top: float, width: float, height: float) -> Box:
        """Inches from the top left as Matplotlib's figure fractions (left, bottom, w, h)."""
        bottom = self.height - top - height
        return (left / self.width, bottom / self.height, width / self.width, height / self.height)


def text_width(text: str, points: float) -> float:
    """Width of `text` in inches when set in Matplotlib's default font at `points`."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer = RendererAgg(8, 8, 72)
    with quiet_glyphs():
        width, _, _ = renderer.get_text_width_height_descent(
            text, FontProperties(size=points), ismath=False
        )
    return float(width) / 72


@contextmanager
def quiet_glyphs() -> Iterator[None]:
    """Silence Matplotlib's warning about letters its font lacks: they are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def one_line(text: str) -> str:
    """The text as a picture can hold it: what cannot be seen as escapes, in one line.

    >>> one_line("news\\x1b")
    'news\\\\x1b'
    """
    return visible(text).replace("\n", "\\n")


def shorten(label: str, longest: int = LONGEST_LABEL) -> str:
    """`label`, its middle replaced by an ellipsis when longer than `longest` characters."""
    if len(label) <= longest:
        return label
    head = (longest - 1) // 2
    return f"{label[:head]}…{label[head + 1 - longest :]}"


def wrapped(text: str, points: float, width: float) -> tuple[str, ...]:
    """`text` broken into lines that are at most `width` inches wide (words are kept whole)."""
    if not text.strip():
        return ()
    per_character = text_width(text, points) / len(text)
    return tuple(textwrap.wrap(text, max(12, int(width / per_character * 0.97))))


def heatmap_layout(
    labels: Sequence[str],
    legend: Sequence[str],
    caption_width: float,
    title: str,
    subtitle: str,
) -> Layout:
    """The layout for `labels` (shortened, in order) and `legend` lines (families)."""
    count = len(labels)
    cell = min(0.5, max(0.155, 9.5 / count))
    points = min(9.5, max(4.0, cell * 72 * 0.75))
    longest = max(text_width(label, points) for label in labels)
    dendrogram = min(1.5, max(0.7, 0.12 * cell * count)) if count > 1 else 0.0
    strip = min(0.2, max(0.12, cell * 0.5)) if legend else 0.0
    left = MARGIN + dendrogram + strip + 0.05
    angle = 45.0 if count <= 20 and longest * cos(radians(45)) < left + cell / 2 - 0.1 else 90.0
    below = longest * sin(radians(angle)) + points / 72 * cos(radians(angle)) + 0.12
    panel = left + cell * count + 0.1 + longest + 0.3
    legend_width = max((text_width(line, SMALL_POINTS) for line in legend), default=0.0) + 0.35
    width = max(5.0, panel + max(1.1, legend_width, caption_width) + MARGIN)
    lines = wrapped(title, TITLE_POINTS, width - 2 * MARGIN)
    more = wrapped(subtitle, SUBTITLE_POINTS, width - 2 * MARGIN)
    top = MARGIN + 0.25 * len(lines) + 0.18 * len(more) + (0.15 if lines or more else 0.0)
    bar = min(3.0, max(1.3, cell * count * 0.45))
    panel_height = 0.3 + bar + 0.3 + LEGEND_LINE * (len(legend) + 1)
    height = top + max(cell * count + below, panel_height) + MARGIN
    return Layout(
        width,
        height,
        left,
        top,
        cell,
        count,
        dendrogram,
        strip,
        panel,
        bar,
        points,
        angle,
        lines,
        more,
    )
