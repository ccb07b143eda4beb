"""The picture of a comparison: test scores with their intervals, over model sizes where several models
are compared, over prompt lengths where several lengths are, else by variant.

Over sizes it is the figure of prompt tuning at scale (Lester et al. 2021, figures 1 and 3), and with the
kinds "prefix" and one of every layer that of P-tuning v2 (Liu et al. 2022, figure 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bank.characters import visible
from spot.errors import SpotError
from spot.models.counts import short
from spot.report.files import PICTURES, figure_bytes, write_atomic, writer_for
from spot.report.frame import framed, style
from spot.report.layout import one_line, shorten, text_width
from spot.report.palette import MUTED, colour_and_line
from spot.study.comparison import Comparison, Row
from spot.verdicts.gains import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.3  # of the axes, in inches
MARKERS = "osD^vPX*"
SMALL = 8.5  # points of labels
REFERENCES = ("no prompt", "constant answer")
"""The references that a picture shows, and their lines."""
REFERENCE_LINES = ("--", ":")


@dataclass(frozen=True)
class Axis:
    """A swept axis: its title, and the place and label of every row on it."""

    title: str
    places: dict[float, str]

    def of(self, row: Row) -> float:
        """The place of a row."""
        return float(row.parameters if self.title == SIZES else row.variant.length)


SIZES, LENGTHS = "parameters of the model", "tokens of the prompt"


def comparison_plot(comparison: Comparison, path: str | Path) -> Path:
    """Draw the comparison's summary, means over tasks where there are several, to `path` in the format of its
    suffix (see WRITERS); returns the path.

    Raises SpotError for another suffix, BankError for a folder that cannot be written.
    """
    write = writer_for(path, WRITERS)
    return write_atomic(path, write(comparison))


def swept_axis(comparison: Comparison) -> Axis | None:
    """The axis of model sizes where every model has its own, or else of lengths, if there are several;
    models of one size, as of other pretraining, are beside each other.
    """
    rows = comparison.summary
    names = {float(row.parameters): _model_name(row) for row in rows}
    if len(names) == len({row.model for row in rows}) > 1:
        return Axis(SIZES, staggered({size: names[size] for size in sorted(names)}))
    lengths = sorted({row.variant.length for row in rows})
    if len(lengths) > 1:
        return Axis(LENGTHS, {float(length): str(length) for length in lengths})
    return None


def _model_name(row: Row) -> str:
    return shorten(one_line(Path(row.model).name or row.model), 18)


def _label(comparison: Comparison, row: Row, factors: Sequence[str], sizes: bool = False) -> str:
    """A row by these factors, and by its model where it is not its place that tells."""
    own = row.variant.label(factors)
    return one_line(own if sizes or len(comparison.models) == 1 else f"{own}, {_model_name(row)}")


def staggered(names: dict[float, str]) -> dict[float, str]:
    """Labels of rising sizes: the count, and below it the name, a line lower than that of the size before
    where they would touch.
    """
    span = math.log(max(names) / min(names)) * 1.2
    labels: dict[float, str] = {}
    lower, end = False, -math.inf
    for size, name in names.items():
        middle, half = WIDTH * math.log(size / min(names)) / span, text_width(name, SMALL) / 2
        lower = middle - half < end + 0.1 and not lower
        labels[size] = f"{short(int(size))}\n" + ("\n" if lower else "") + name
        end = middle + half
    return labels


def draw_comparison(comparison: Comparison) -> Figure:
    """The figure of a comparison."""
    if not comparison.rows:
        raise SpotError("expected rows to draw, found none", "compare something first")
    axis = swept_axis(comparison)
    return _by_variant(comparison) if axis is None else _over(comparison, axis)


def _over(comparison: Comparison, axis: Axis) -> Figure:
    """A line for each variant, without the axis's own factor, over the axis."""
    factors = [name for name in comparison.varying if axis.title == SIZES or name != "length"] or [
        "kind"
    ]
    by_label: dict[str, list[Row]] = {}
    for row in comparison.summary:
        label = _label(comparison, row, factors, axis.title == SIZES)
        by_label.setdefault(label, []).append(row)
    names = [*by_label, *REFERENCES]
    legend = max(text_width(shorten(name), SMALL) for name in names) + 0.8
    height = max(3.4, 0.2 * len(names) + 0.3)
    title, bottom = f"Test scores by {axis.title}", 0.95 if axis.title == SIZES else 0.6
    figure, axes = framed(WIDTH, height, 0.75, legend, title, _subtitle(comparison), bottom)
    axes.set_xscale("log")
    span = max(axis.places) / min(axis.places)
    handles: dict[str, Any] = {}
    for number, (label, rows) in enumerate(by_label.items()):
        colour, line = colour_and_line(number)
        # Beside each other, so that intervals at one place can be told apart.
        aside = span ** (0.012 * (number - (len(by_label) - 1) / 2))
        rows = sorted(rows, key=axis.of)
        handles[label] = axes.errorbar(
            [axis.of(row) * aside for row in rows],
            [row.test for row in rows],
            _errors(rows),
            fmt=line,
            marker=MARKERS[number % len(MARKERS)],
            ms=5.5,
            color=colour,
            lw=1.6,
            elinewidth=1.1,
            capsize=3,
            alpha=0.95,
        )
    for name, line in zip(REFERENCES, REFERENCE_LINES, strict=True):
        points = _reference_points(comparison, axis, name)
        if len(points) > 1:
            handles[name] = axes.plot(*zip(*points, strict=True), line, color=MUTED, lw=1.2)[0]
        elif points:
            handles[name] = axes.axhline(points[0][1], ls=line, color=MUTED, lw=1.2)
    axes.set_xticks(list(axis.places), list(axis.places.values()), parse_math=False)
    axes.minorticks_off()
    axes.set_xlim(min(axis.places) / span**0.1, max(axis.places) * span**0.1)
    style(axes, axis.title, _metric(comparison))
    _bound(axes, comparison)
    _legend(axes, handles)
    return figure


def _reference_points(comparison: Comparison, axis: Axis, name: str) -> list[tuple[float, float]]:
    """A reference's scores over the axis: one a model over sizes; over lengths one, if it is that of all."""
    groups = {(row.model, row.targets): axis.of(row) for row in comparison.summary}
    scores = {
        (one.model, one.targets): one.test for one in comparison.references if one.name == name
    }
    points = [(place, scores[group]) for group, place in groups.items() if group in scores]
    if axis.title == SIZES:
        return sorted(points)
    return points[:1] if len({score for _, score in points}) == 1 else []


def _by_variant(comparison: Comparison) -> Figure:
    """A row for each variant: the mean, its interval, and the score of every seed as a ring."""
    rows, factors = comparison.summary, comparison.varying
    labels = [shorten(_label(comparison, row, factors), 48) for row in rows]
    left = max(text_width(label, SMALL) for label in labels) + 0.35
    height = 0.32 * len(rows) + 0.5
    *several, last = factors
    title = "Test scores by " + (f"{', '.join(several)} and " if several else "") + last
    legend = max(text_width(name, SMALL) for name in REFERENCES) + 0.8
    figure, axes = framed(
        WIDTH, height, left, legend, title, f"{_subtitle(comparison)}; rings: seeds"
    )
    first = list(dict.fromkeys(getattr(row.variant, factors[0]) for row in rows))
    for place, row in enumerate(rows):
        number = first.index(getattr(row.variant, factors[0]))
        colour, _ = colour_and_line(number)
        axes.errorbar(
            [row.test],
            [place],
            xerr=_errors([row]),
            fmt=MARKERS[number % len(MARKERS)],
            ms=6.5,
            color=colour,
            elinewidth=1.6,
            capsize=3.5,
            zorder=3,
        )
        seeds = [trial.test for trial in row.trials]
        axes.plot(
            seeds, [place - 0.22] * len(seeds), "o", ms=3, mfc="white", mec=colour, mew=0.9, zorder=2
        )  # fmt: skip
    handles: dict[str, Any] = {}
    groups = {(row.model, row.targets) for row in rows}
    for name, line in zip(REFERENCES, REFERENCE_LINES, strict=True):
        scores = {
            one.test
            for one in comparison.references
            if one.name == name and (one.model, one.targets) in groups
        }
        if len(scores) == 1:  # that of every model
            handles[name] = axes.axvline(scores.pop(), ls=line, color=MUTED, lw=1.2, zorder=1)
    style(axes, _metric(comparison), "")
    axes.set_yticks(range(len(rows)), labels, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(False, axis="y")
    _bound(axes, comparison, across=True)
    if handles:
        _legend(axes, handles)
    return figure


def _errors(rows: Sequence[Row]) -> list[list[float]]:
    """The distances of the means from the ends of their intervals, as Matplotlib takes them."""
    return [
        [max(0.0, row.test - row.interval[0]) for row in rows],
        [max(0.0, row.interval[1] - row.test) for row in rows],
    ]


def _bound(axes: Axes, comparison: Comparison, across: bool = False) -> None:
    """End the axis of scores where no score can be: few seeds have intervals that go beyond."""
    low, high = axes.get_xlim() if across else axes.get_ylim()
    least = min(0.0, *(trial.test for row in comparison.rows for trial in row.trials), 0.0)
    ends = (max(low, least - 1.0), min(high, 101.0))
    (axes.set_xlim if across else axes.set_ylim)(*ends)


def _subtitle(comparison: Comparison) -> str:
    """What the points and bars are."""
    row = comparison.summary[0]
    tasks = ", ".join(row.targets)
    tasks = tasks if len(row.targets) == 1 else f"mean of {len(row.targets)} tasks ({tasks})"
    model = "" if len(comparison.models) > 1 else f" on {row.model}"
    seeds = counted(len(row.trials), "seed")
    text = f"{tasks}{model}; {seeds}; bars: 95 % intervals over test rows and seeds"
    if comparison.gaps:
        text += f"; {counted(len({gap.variant for gap in comparison.gaps}), 'variant')} with gaps left out"
    return visible(text)


def _metric(comparison: Comparison) -> str:
    metrics = {row.metric for row in comparison.summary}
    return f"test {metrics.pop() if len(metrics) == 1 else 'score'}"


def _legend(axes: Axes, handles: dict[str, Any]) -> None:
    """The names of lines, on the right."""
    legend = axes.legend(
        list(handles.values()),
        [shorten(name) for name in handles],
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _picture(suffix: str, comparison: Comparison) -> bytes:
    return figure_bytes(draw_comparison(comparison), suffix)


# The suffix of a file -> the function that makes its bytes.
WRITERS = {suffix: partial(_picture, suffix) for suffix in PICTURES}
