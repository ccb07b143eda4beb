"""The part of a transfer: both arms, their learning curves with the phases of learning, and the start's worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    """A check of a run."""

    step: int
    score: float | None
    n: int
    metrics: dict[str, float | None] = field(default_factory=dict)


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
    sources = ", ".join(dict.fromkeys(run.task or run.strategy for run in report.chosen))
    return Part(
        f"Transfer to {report.target}",
        (report.verdict,),
        facts=facts_of(folder, COMMAND),
        sections=(_scores(report, folder), *_curves(report, sources)),
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
        n = report.scratch[0].n_test if report.scratch else None
        rows.append((TFIDF, None, *([None] * 6), report.tfidf, None, None, n))
    columns = (
        "arm", "from", "seed ", "similarity ", "learning rate ", "step ", "validation ", "",
        f"test {report.metric} ", "gain from ", "gain to ", "rows ",
    )  # fmt: skip
    keep = [place for place, name in enumerate(columns) if name]
    table = Table(
        f"{report.metric} on the test split",
        tuple(columns[place] for place in keep),
        tuple(tuple(row[place] for place in keep) for row in rows),
        "validation chooses the learning rate and the step; a number that is a link leads to its run; the "
        "gain over scratch of the same seed has a 95 % interval over test rows",
    )
    gain = sum(report.gains) / len(report.gains) if report.gains else 0.0
    low, high = report.interval
    notes = [
        f"Transfer is {gain:+.1f} points over scratch, the mean of {counted(len(report.gains), 'seed')} "
        f"(95 % interval over test rows and seeds: {low:+.1f} to {high:+.1f})."
    ]
    return Section("Test scores", (), (table,), tuple(notes))
