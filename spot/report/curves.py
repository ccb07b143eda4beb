"""Learning curves: the validation score over steps for several runs, as a picture or CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bank.characters import visible
from spot.errors import SpotError
from spot.report.files import PICTURES, csv_bytes, figure_bytes, write_atomic, writer_for
from spot.report.frame import framed, style
from spot.report.layout import one_line, shorten, text_width
from spot.report.palette import colour_and_line
from spot.verdicts.curves import Point, mean_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from spot.strategies.transfer import TransferReport


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
        """The legend line: the group, else the run's name."""
        return self.group or self.name

    @property
    def best(self) -> tuple[int, float]:
        """Step and score of the (first) best validation score: the value's checkpoint."""
        score = max(self.scores)
        return self.steps[self.scores.index(score)], score


@dataclass(frozen=True)
class Plot:
    """The curves of one picture and the text around them; `metric` labels the vertical axis."""

    curves: tuple[Curve, ...]
    title: str = ""
    subtitle: str = ""
    metric: str = "validation score"


def learning_curves(plot: Plot, path: str | Path) -> Path:
    """Write a plot to `path`, in the format of its suffix (see WRITERS), and return the path.

    A ring marks the best step of each run; of several runs of a group the mean is drawn, too. Raises
    SpotError for no curves, another suffix, or a folder that cannot be written.
    """
    write = writer_for(path, WRITERS)
    if not plot.curves:
        raise SpotError("expected at least one learning curve, found none", "train something first")
    plot = Plot(
        tuple(replace(c, name=one_line(c.name), group=one_line(c.group)) for c in plot.curves),
        *map(visible, (plot.title, plot.subtitle, plot.metric)),
    )
    return write_atomic(path, write(plot))


def transfer_plot(report: TransferReport) -> Plot:
    """The learning curves of a transfer: a curve a seed for each of the two arms.

    Validation scores are those that chose the learning rate and the step of each run.
    """
    runs = [("scratch", run) for run in report.baseline]
    runs += [("transfer", run) for run in report.transfer]
    curves = tuple(
        Curve(
            f"{arm} from {run.start.name}, seed {run.seed}"
            if arm == "transfer"
            else f"{arm}, seed {run.seed}",
            tuple(check.step for check in run.history),
            tuple(check.score for check in run.history),
            arm,
        )
        for arm, run in runs
    )
    sources = ", ".join(dict.fromkeys(run.start.name for run in report.transfer))
    several = len(report.baseline) > 1
    seeds = (
        f"{len(report.baseline)} seeds an arm, thick: their mean" if several else "1 seed an arm"
    )
    return Plot(
        curves,
        title=f"{report.target}: transfer from {sources}, and scratch",
        subtitle=f"{seeds}; a ring marks the best check of a run",
        metric=f"validation {report.metric}",
    )


def _csv(plot: Plot) -> bytes:
    rows = [
        (curve.group, curve.name, step, score)
        for curve in plot.curves
        for step, score in zip(curve.steps, curve.scores, strict=True)
    ]
    return csv_bytes([("group", "run", "step", "score"), *rows])


def _picture(suffix: str, plot: Plot) -> bytes:
    return figure_bytes(draw_curves(plot), suffix)


# The suffix of a file -> the function that makes its bytes.
WRITERS: dict[str, Callable[[Plot], bytes]] = {
    **{suffix: partial(_picture, suffix) for suffix in PICTURES},
    ".csv": _csv,
}


def draw_curves(plot: Plot) -> Figure:
    """The figure of a plot: axes on the left, a legend line for each group on the right."""
    labels = list(dict.fromkeys(curve.label for curve in plot.curves))
    legend = max(text_width(shorten(label), 8.5) for label in labels) + 0.65
    plot_height = max(3.4, 0.2 * len(labels) + 0.2)
    figure, axes = framed(5.3, plot_height, 0.75, legend + 0.15, plot.title, plot.subtitle)
    _lines(axes, plot.curves, labels)
    _frame(axes, plot.metric)
    if any(curve.steps[0] == 0 for curve in plot.curves):
        _spread_early_steps(axes, plot.curves)
    return figure


def _lines(axes: Axes, curves: Sequence[Curve], labels: list[str]) -> None:
    handles: dict[str, Line2D] = {}
    for label in labels:
        of_label = [curve for curve in curves if curve.label == label]
        colour, line = colour_and_line(labels.index(label))
        several = len(of_label) > 1
        for curve in of_label:
            faint = 0.4 if several else 1.0
            (drawn,) = axes.plot(curve.steps, curve.scores, line, color=colour, lw=1.1, alpha=faint)
            axes.plot(*curve.best, "o", ms=4.5, mfc="white", mec=colour, mew=1.2, alpha=faint)
        if several:
            points = [
                [
                    Point(step, score, 0)
                    for step, score in zip(curve.steps, curve.scores, strict=True)
                ]
                for curve in of_label
            ]
            (drawn,) = axes.plot(*zip(*mean_curve(points), strict=True), line, color=colour, lw=2.2)
        handles[label] = drawn
    # handles are passed explicitly: Matplotlib drops a label that begins with "_" otherwise
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


def _spread_early_steps(axes: Axes, curves: Sequence[Curve]) -> None:
    """Steps on a square-root axis, with a tick at checks that lie apart: the first few get room."""
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    steps = sorted({step for curve in curves for step in curve.steps})
    gap = math.sqrt(steps[-1]) / 12
    ticks: list[int] = []
    for step in steps:
        if not ticks or math.sqrt(step) - math.sqrt(ticks[-1]) >= gap:
            ticks.append(step)
    axes.set_xticks(ticks)
    axes.minorticks_off()
    axes.set_xlim(0, 1.02 * steps[-1])


def _frame(axes: Axes, metric: str) -> None:
    style(axes, "step", metric)
    low, high = axes.get_ylim()
    if high > 100:  # no metric is above 100: the axis ends there, with room for a ring
        axes.set_ylim(min(low, 95), 101)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
