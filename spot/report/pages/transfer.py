"""The part of a transfer: both arms, their learning curves, the phases of learning, the start's worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from spot.analysis.finding import Cell, Table
from spot.report.pages.facts import facts_of
from spot.report.pages.learning import StoredCheck, learning_sections
from spot.report.pages.page import Linked, Part, Section
from spot.report.pages.reading import read
from spot.strategies.start import SCRATCH
from spot.verdicts.gains import counted
from spot.verdicts.phases import PHASES
from spot.verdicts.scores import TFIDF
from spot.verdicts.verdict import Verdict

COMMAND = "spot transfer"
Interval = tuple[float, float]


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
    phases: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    skipped_phases: str = ""

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
        sections=(_scores(report, folder), *_learning(report)),
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
        "arm", "from", "similarity ", "seed ", "rate ", "step ", "validation ",
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


def _learning(report: StoredTransfer) -> list[Section]:
    arms = {"scratch": report.scratch, "transfer": report.chosen}
    histories = {arm: [run.history for run in runs] for arm, runs in arms.items()}
    seeds = max(map(len, arms.values()))
    sections = learning_sections(histories, report.metric, counted(seeds, "seed") * (seeds > 1))
    if not sections or not any(report.phases.values()):
        return sections
    last = sections[-1]
    sentence = report.skipped_phases
    notes = (*last.notes, *([f"{sentence[:1].upper()}{sentence[1:]}."] if sentence else []))
    return [*sections[:-1], replace(last, tables=(*last.tables, _phases(report)), notes=notes)]


def _phases(report: StoredTransfer) -> Table:
    """The phase of each arm at every step."""
    by_arm = {arm: dict(steps) for arm, steps in report.phases.items()}
    steps = sorted({step for of_arm in by_arm.values() for step in of_arm})
    rows = tuple((step, *(of_arm.get(step) for of_arm in by_arm.values())) for step in steps)
    note = "; ".join(f"{name}: {meaning}" for name, meaning in PHASES.items())
    return Table(
        "Phase of learning by step, of the mean over seeds", ("step ", *by_arm), rows, note
    )
