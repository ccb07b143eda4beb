"""Learning curves of scratch and transfer, what the start is worth, and the phases of learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spot.analysis.finding import Level, Line, Lines
from spot.report.pages.page import Section
from spot.training.slots import Check
from spot.verdicts.curves import Point, head_start, mean_curve


@dataclass(frozen=True)
class StoredCheck:
    """A check of a run: its score and, in percent of rows, what is written."""

    step: int
    score: float | None
    n: int
    valid_labels: float | None = None
    commonest_label: float | None = None

    @classmethod
    def of(cls, check: Check) -> StoredCheck:
        """A check as a file has it."""
        shares = check.valid_labels, check.commonest_label
        return cls(check.step, check.to_json()["score"], check.n, *shares)


History = Sequence[StoredCheck]
Arms = Mapping[str, Sequence[History]]
"""The histories of the runs of "scratch" and of "transfer"."""
WRITTEN: dict[str, Callable[[StoredCheck], float | None]] = {
    "label words": lambda check: check.valid_labels,
    "the commonest label word": lambda check: check.commonest_label,
}
"""What a prompt learns first: to write label words at all, then to tell them apart."""


def learning_sections(arms: Arms, metric: str, of: str) -> list[Section]:
    """The learning curves, and the phases of learning where checks have counted what is written; nothing
    without checks. of: what a curve is the mean of, in words, "" for a single run.
    """
    scores = {arm: [points(history) for history in runs] for arm, runs in arms.items()}
    lines = [line for arm, curves in scores.items() if (line := mean_line(arm, curves))]
    if not lines:
        return []
    worth = worth_of(scores)
    notes = [worth[:1].upper() + worth[1:] + "."] if worth else []
    notes += [f"Means of {of}; bands: the lowest and the highest."] if of else []
    levels = (Level("transferred start", scores_at_start(scores["transfer"])),) if worth else ()
    chart = Lines(f"Validation {metric} by step", "step", metric, tuple(lines), levels)
    return [Section("Learning curves", (chart,), (), tuple(notes)), *_phases(arms)]


def points(history: History) -> list[Point]:
    """The validated checks, as points of the learning curve."""
    return [Point(each.step, each.score, each.n) for each in history if each.score is not None]


def worth_of(scores: Mapping[str, Sequence[Sequence[Point]]]) -> str:
    """What the transferred start is worth in steps from scratch, in a sentence; "" without checks there."""
    return head_start(mean_curve(scores["transfer"]), mean_curve(scores["scratch"]))


def scores_at_start(curves: Sequence[Sequence[Point]]) -> float:
    """The mean score at the first check."""
    return mean_curve(curves)[0][1]


def _phases(arms: Arms) -> list[Section]:
    """What the runs of each arm write, by step."""
    lines = []
    for arm, runs in arms.items():
        for name, share in WRITTEN.items():
            curves = [
                [
                    Point(check.step, value, check.n)
                    for check in history
                    if (value := share(check)) is not None
                ]
                for history in runs
            ]
            lines.append(mean_line(f"{arm}: {name}", curves))
    drawn = tuple(line for line in lines if line is not None)
    if not drawn:
        return []
    note = (
        "The share of greedy answers that are label words of the task, and that are the commonest of these: "
        "near 100 % it is one answer for every row."
    )
    chart = Lines("Phases of learning: what is written", "step", "% of validation rows", drawn)
    return [Section("Phases of learning", (chart,), (), (note,))]


def mean_line(name: str, curves: Sequence[Sequence[Point]]) -> Line | None:
    """The mean of several runs with the lowest and the highest of them; None without a point."""
    curves = [curve for curve in curves if curve]
    mean = mean_curve(curves)
    if not mean:
        return None
    x, y = (tuple(float(value) for value in values) for values in zip(*mean, strict=True))
    if len(curves) < 2:
        return Line(name, x, y)
    values = [[score for curve in curves for score in _last(curve, step)] for step, _ in mean]
    return Line(name, x, y, tuple(map(min, values)), tuple(map(max, values)))


def _last(curve: Sequence[Point], step: int) -> list[float]:
    """The score of the last check up to a step, as a mean curve takes it; none before the first check."""
    return [point.score for point in curve if point.step <= step][-1:]
