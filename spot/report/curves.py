"""Learning curves: the validation score over steps for several runs, as picture or CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spot.errors import SpotError
from spot.report.files import checked_suffix, csv_bytes, figure_bytes, write_atomic
from spot.report.layout import shorten, text_width, wrapped
from spot.report.palette import MUTED, TEXT, colour_and_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SUFFIXES = (".png", ".svg", ".pdf", ".csv")


@dataclass(frozen=True)
class Curve:
    """One run: `scores[i]` on validation at `steps[i]` (rising).

    Curves of the same `group` (the seeds of one strategy, say) share a colour and a legend line.
    Raises SpotError when steps and scores do not fit, steps do not rise, or a score is not finite.
    """

    name: str
    steps: tuple[int, ...]
    scores: tuple[float, ...]
    group: str = ""

    def __post_init__(self) -> None:
        if not self.steps or len(self.steps) != len(self.scores):
            raise SpotError(
                f'curve "{self.name}": expected one score per step and at least one step, '
                f"found {len(self.steps)} steps and {len(self.scores)} scores",
                "check the run's metrics file",
            )
        for before, after in zip(self.steps, self.steps[1:], strict=False):
            if after <= before:
                raise SpotError(
                    f'curve "{self.name}": expected rising steps, found {after} after {before}',
                    "a resumed run may be recorded twice: keep one line per step",
                )
        for step, score in zip(self.steps, self.scores, strict=True):
            if not math.isfinite(score):
                raise SpotError(
                    f'curve "{self.name}": the score at step {step} is {score}',
                    "the run diverged there: end the curve before it",
                )

    @property
    def label(self) -> str:
        """What the legend says: the group, else the run's name."""
        return self.group or self.name

    @property
    def best(self) -> tuple[int, float]:
        """Step and score of the (first) best validation score: the value's checkpoint."""
        score = max(self.scores)
        return self.steps[self.scores.index(score)], score


def learning_curves(
    curves: Sequence[Curve],
    path: str | Path,
    *,
    title: str = "",
    subtitle: str = "",
    metric: str = "validation score",
) -> Path:
    """Write `curves` to `path` and return it; a ring marks the best step of each run.

    `.png .svg .pdf` are pictures, `.csv` has the columns group, run, step, score. Raises SpotError
    for no curves, another suffix, or a folder that cannot be written.
    """
    suffix = checked_suffix(path, SUFFIXES)
    if not curves:
        raise SpotError("expected at least one learning curve, found none", "train something first")
    if suffix == ".csv":
        rows = [
            (curve.group, curve.name, step, score)
            for curve in curves
            for step, score in zip(curve.steps, curve.scores, strict=True)
        ]
        return write_atomic(path, csv_bytes([("group", "run", "step", "score"), *rows]))
    return write_atomic(path, figure_bytes(_draw(curves, title, subtitle, metric), suffix))


def _draw(curves: Sequence[Curve], title: str, subtitle: str, metric: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels = list(dict.fromkeys(curve.label for curve in curves))
    legend = max(text_width(shorten(label), 8.5) for label in labels) + 0.65
    width, plot_height = 6.2 + legend, max(3.4, 0.2 * len(labels) + 0.2)
    heading = wrapped(title, 13, width - 0.4)
    below = wrapped(subtitle, 9.5, width - 0.4)
    top = 0.3 + 0.25 * len(heading) + 0.18 * len(below)
    height = top + plot_height + 0.65
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.75 / width, 0.6 / height, 5.3 / width, plot_height / height))
    _lines(axes, curves, labels)
    _frame(axes, metric)
    middle = 0.3
    for line, points, ink, drop in [(t, 13, TEXT, 0.25) for t in heading] + [
        (t, 9.5, MUTED, 0.18) for t in below
    ]:
        figure.text(
            0.2 / width, 1 - middle / height, line, fontsize=points, color=ink, va="center",
            parse_math=False,
        )  # fmt: skip
        middle += drop
    return figure


def _lines(axes: Axes, curves: Sequence[Curve], labels: list[str]) -> None:
    handles: dict[str, Line2D] = {}
    for curve in curves:
        colour, line = colour_and_line(labels.index(curve.label))
        (drawn,) = axes.plot(curve.steps, curve.scores, line, color=colour, lw=1.4)
        axes.plot(*curve.best, "o", ms=5, mfc="white", mec=colour, mew=1.3)
        handles.setdefault(curve.label, drawn)
    # handles are given outright: Matplotlib drops a label that begins with "_" otherwise
    legend = axes.legend(
        list(handles.values()),
        [shorten(label) for label in handles],
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=8.5,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _frame(axes: Axes, metric: str) -> None:
    axes.set_xlabel("step", fontsize=9.5, color=TEXT)
    axes.set_ylabel(metric, fontsize=9.5, color=TEXT, parse_math=False)
    axes.tick_params(labelsize=8.5, color=MUTED, labelcolor=TEXT)
    axes.grid(True, color="#E8E8E8", lw=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
