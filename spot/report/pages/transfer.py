"""The part of a transfer: both arms, their learning curves, the phases of learning, the start's worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spot.analysis.finding import Cell, Level, Line, Lines, Table
from spot.report.pages.facts import facts_of
from spot.report.pages.page import Linked, Part, Section
from spot.report.pages.reading import read
from spot.strategies.start import SCRATCH
from spot.verdicts.curves import Point, head_start, mean_curve
from spot.verdicts.gains import counted
from spot.verdicts.scores import TFIDF
from spot.verdicts.verdict import Verdict

COMMAND = "spot transfer"
Interval = tuple[float, float]


@dataclass(frozen=True)
class StoredCheck:
    """A check of a run: its score and, in percent of rows, what is written."""

    step: int
    score: float | None
    n: int
    valid_labels: float | None = None
    commonest_label: float | None = None


@dataclass(frozen=True)
class StoredRun:
    """A run of a transfer, as report.json has it."""

    strategy: str
    source: str | None
    task: str | None
    seed: int
    learning_rate: float
    step: int
    validation: float
    test: float
    n_test: int
    similarity: float | None = None
    gain_interval: Interval | None = None
    history: tuple[StoredCheck, ...] = ()
    folder: str | None = None

    @property
    def points(self) -> list[Point]:
        """The validated checks, as points of the learning curve."""
        return [
            Point(check.step, check.score, check.n)
            for check in self.history
            if check.score is not None
        ]


@dataclass(frozen=True)
class StoredTransfer:
    """The content of report.json."""

    target: str
    metric: str
    strategy: str
    runs: tuple[StoredRun, ...]
    gains: tuple[float, ...]
    interval: Interval
    tfidf: float | None
    verdict: Verdict

    @property
    def scratch(self) -> list[StoredRun]:
        """The runs from scratch, one a seed."""
        return [run for run in self.runs if run.strategy == SCRATCH]

    @property
    def chosen(self) -> list[StoredRun]:
        """The runs by transfer that validation chose, one a seed."""
        best: dict[int, StoredRun] = {}
        for run in self.runs:
            if run.strategy != SCRATCH:
                best[run.seed] = max(best.get(run.seed, run), run, key=_choice)
        return list(best.values())


def _choice(run: StoredRun) -> tuple[float, str]:
    return run.validation, run.source or ""


def transfer_part(folder: Path) -> Part:
    """What a transfer has to show. Raises SpotError for a report that is damaged."""
    report = read(folder / "report.json", StoredTransfer, COMMAND)
    return Part(
        f"Transfer to {report.target}",
        (report.verdict,),
        facts=facts_of(folder, COMMAND),
        sections=(_scores(report, folder), *_curves(report)),
    )


def _scores(report: StoredTransfer, folder: Path) -> Section:
    chosen = report.chosen
    rows = [_row("scratch", run, folder) for run in report.scratch]
    rows += [
        _row("transfer" if run in chosen else "transfer, not chosen", run, folder)
        for run in report.runs
        if run.strategy != SCRATCH
    ]
    if report.tfidf is not None:
        n = report.runs[0].n_test if report.runs else None
        rows.append((TFIDF, None, None, None, None, None, None, report.tfidf, None, None, n))
    columns = (
        "arm", "from", "similarity ", "seed ", "learning rate ", "step ", "validation ",
        f"test {report.metric} ", "gain from ", "to ", "rows ",
    )  # fmt: skip
    table = Table(
        f"{report.target}: {report.metric} on the test split",
        columns,
        tuple(rows),
        "Validation chooses the learning rate, the step and, of several sources, one a seed. A test score "
        "that is a link leads to the run. Gains are over scratch of the same seed: 95 % intervals over rows.",
    )
    low, high = report.interval
    gain = sum(report.gains) / len(report.gains) if report.gains else 0.0
    note = (
        f"Transfer is {gain:+.1f} points from scratch, the mean of {counted(len(report.gains), 'seed')}; "
        f"95 % interval over rows and seeds: {low:+.1f} to {high:+.1f}."
    )
    return Section("Test scores", (), (table,), (note,))


def _row(arm: str, run: StoredRun, folder: Path) -> tuple[Cell, ...]:
    test = run.test if run.folder is None else Linked(run.test, folder / run.folder)
    source = run.source if run.strategy != SCRATCH else None
    return (
        arm, source, run.similarity, run.seed, run.learning_rate, run.step, run.validation, test,
        *(run.gain_interval or (None, None)), run.n_test,
    )  # fmt: skip


def _curves(report: StoredTransfer) -> list[Section]:
    """The learning curves, and the phases of learning where checks have counted what is written."""
    arms = {"scratch": report.scratch, "transfer": report.chosen}
    scores = {name: [run.points for run in runs] for name, runs in arms.items()}
    lines = [line for name, curves in scores.items() if (line := _line(name, curves)) is not None]
    if not lines:
        return []
    means = {name: mean_curve(curves) for name, curves in scores.items()}
    seeds = max(len(runs) for runs in arms.values())
    worth = head_start(means["transfer"], means["scratch"])
    notes = [worth[:1].upper() + worth[1:] + "." * bool(worth)]
    notes += [f"Means of {seeds} seeds; bands: the lowest and the highest seed."] * (seeds > 1)
    levels = [Level("transferred start", means["transfer"][0][1])] if worth else []
    title = f"Validation {report.metric} by step"
    chart = Lines(title, "step", report.metric, tuple(lines), tuple(levels))
    sections = [Section("Learning curves", (chart,), (), tuple(filter(None, notes)))]
    return sections + phases_of(arms)


PHASES: dict[str, Callable[[StoredCheck], float | None]] = {
    "answers that are a label word": lambda check: check.valid_labels,
    "answers that are the commonest label word": lambda check: check.commonest_label,
}
"""What a prompt learns first: to write label words at all, then to tell them apart."""


def phases_of(arms: Mapping[str, Sequence[StoredRun]]) -> list[Section]:
    """What the runs of each arm write, by step: a section, or none where no check has counted it."""
    lines = []
    for arm, runs in arms.items():
        for name, share in PHASES.items():
            curves = [
                [
                    Point(check.step, value, check.n)
                    for check in run.history
                    if (value := share(check)) is not None
                ]
                for run in runs
            ]
            lines.append(_line(f"{arm}: {name}", curves))
    drawn = tuple(line for line in lines if line is not None)
    if not drawn:
        return []
    note = (
        "A prompt first learns to write label words at all, often one of them for every row, and then the "
        "task: the score rises when the share of the commonest falls."
    )
    chart = Lines("Phases of learning: what is written", "step", "% of validation rows", drawn)
    return [Section("Phases of learning", (chart,), (), (note,))]


def _line(name: str, curves: Sequence[Sequence[Point]]) -> Line | None:
    """The mean of several seeds with the lowest and the highest of them; None without a point."""
    mean = mean_curve(curves)
    if not mean:
        return None
    x, y = (tuple(float(value) for value in values) for values in zip(*mean, strict=True))
    if len(curves) < 2:
        return Line(name, x, y)
    of_seeds = [dict(mean_curve([curve])) for curve in curves]
    kept = [[_last(curve, step) for curve in of_seeds] for step, _ in mean]
    values = [[value for value in each if value is not None] for each in kept]
    return Line(name, x, y, tuple(map(min, values)), tuple(map(max, values)))


def _last(curve: dict[int, float], step: int) -> float | None:
    """The score of the last check up to a step, as a mean curve takes it."""
    past = [score for own, score in curve.items() if own <= step]
    return past[-1] if past else None
