"""The part of the baselines of a target: a row a method, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spot.analysis.finding import Bars, Cell, Table
from spot.report.pages.facts import facts_of
from spot.report.pages.page import Linked, Part, Section
from spot.report.pages.reading import read
from spot.strategies.transfer import BEST_FILE
from spot.study.methods.method import PROMPT_TUNING
from spot.verdicts.verdict import Verdict

COMMAND = "spot baselines"
Interval = tuple[float, float]


@dataclass(frozen=True)
class StoredCounts:
    """The values of a model that a method trains, and those it has."""

    trained: int


@dataclass(frozen=True)
class StoredRow:
    """A method."""

    method: str
    shots: int
    test: float
    deviation: float | None
    interval: Interval
    gain: Interval | None
    n: int
    runs: tuple[dict[str, object], ...]
    parameters: StoredCounts | None = None
    prompt: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """The method, of those that are there with and without a prompt with what it has."""
        return f"{self.method}, with prompt" if self.prompt else self.method


@dataclass(frozen=True)
class StoredBaselines:
    """The content of baselines.json; earlier releases wrote no verdict, and refused no method."""

    target: str
    metric: str
    rows: tuple[StoredRow, ...]
    verdict: Verdict | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


def _linked(row: StoredRow, folder: Path) -> float:
    """The test score, with the file of the prompt where one was trained."""
    prompt = folder / BEST_FILE
    return Linked(row.test, prompt) if row.method == PROMPT_TUNING and prompt.exists() else row.test


def baselines_part(folder: Path) -> Part:
    """What baselines have to show. Raises SpotError for a file that is damaged."""
    stored = read(folder / "baselines.json", StoredBaselines, COMMAND)
    title = f"{stored.target}: {stored.metric} on the test split"
    rows: list[tuple[Cell, ...]] = [
        (
            row.name, row.shots or None, None if row.parameters is None else row.parameters.trained,
            _linked(row, folder),
            row.deviation, *row.interval, *(row.gain or (None, None)), len(row.runs), row.n,
        )
        for row in stored.rows
    ]  # fmt: skip
    columns = (
        "method", "examples ", "trained ", "test ", "± ", "95 % from ", "to ", "over zero-shot from ",
        "to ", "runs ", "rows ",
    )  # fmt: skip
    note = (
        "±: standard deviation over seeds; intervals over test rows and seeds, of the mean and of its "
        "difference from the bare model, which is paired by row."
    )
    told = [f"{row.name}: {row.note}." for row in stored.rows if row.note]
    told += [f"{name} was left out: {reason}." for name, reason in stored.refused.items()]
    note = " ".join([note, *told])
    table = Table(title, columns, tuple(rows), note)
    bars = Bars(
        title,
        f"test {stored.metric}, with 95 % intervals",
        tuple(row.name for row in stored.rows),
        tuple(row.test for row in stored.rows),
        tuple(row.interval[0] for row in stored.rows),
        tuple(row.interval[1] for row in stored.rows),
    )
    return Part(
        f"Baselines of {stored.target}",
        () if stored.verdict is None else (stored.verdict,),
        facts=facts_of(folder, COMMAND),
        sections=(Section("Test scores", (bars,), (table,)),),
    )
