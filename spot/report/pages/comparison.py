"""The part of a comparison of prompts: a table and a picture for each model and task, and of means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spot.analysis.finding import Bars, Cell, Level, Table
from spot.report.pages.facts import facts_of
from spot.report.pages.page import Linked, Part, Section
from spot.report.pages.reading import read
from spot.study.comparison import Variant, varying
from spot.verdicts.gains import counted
from spot.verdicts.verdict import Verdict

COMMAND = "spot compare"
Interval = tuple[float, float]


@dataclass(frozen=True)
class StoredDifference:
    """A difference to the first row, with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class StoredLine:
    """What rows and gaps have in common: the factors of a variant, and a model."""

    model: str
    kind: str
    loss: str
    start: str
    length: int

    @property
    def variant(self) -> Variant:
        """The factors."""
        return Variant(self.kind, self.loss, self.start, self.length)


@dataclass(frozen=True)
class StoredRow(StoredLine):
    """A variant on a model and its targets."""

    targets: tuple[str, ...]
    metric: str
    validation: float
    test: float
    deviation: float | None
    interval: Interval
    difference: StoredDifference | None
    verdict: Verdict
    learning_rate: float | None
    n: int
    trained: int
    seconds: float
    prompt: str | None = None


@dataclass(frozen=True)
class StoredReference:
    """A score that no prompt has part in."""

    model: str
    targets: tuple[str, ...]
    name: str
    test: float
    interval: Interval | None
    n: int


@dataclass(frozen=True)
class StoredGap(StoredLine):
    """A cell that could not be measured."""

    target: str
    reason: str


@dataclass(frozen=True)
class StoredComparison:
    """The content of comparison.json."""

    rows: tuple[StoredRow, ...]
    references: tuple[StoredReference, ...] = ()
    gaps: tuple[StoredGap, ...] = ()

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that have several values."""
        return varying([line.variant for line in (*self.rows, *self.gaps)])


def comparison_part(folder: Path) -> Part:
    """What a comparison has to show. Raises SpotError for a file that is damaged."""
    stored = read(folder / "comparison.json", StoredComparison, COMMAND)
    groups = dict.fromkeys((row.model, row.targets) for row in stored.rows)
    targets = dict.fromkeys(target for _, targets in groups for target in targets)
    names = ", ".join(targets) if len(targets) < 4 else counted(len(targets), "task")
    gaps = [
        f"gap: {gap.variant.label(stored.factors)} on {gap.target} ({gap.model}): {gap.reason}"
        for gap in stored.gaps
    ]
    return Part(
        f"Comparison of prompts on {names}",
        warnings=tuple(gaps),
        facts=facts_of(folder, COMMAND),
        sections=tuple(_section(stored, folder, *group) for group in groups),
    )


def _section(
    stored: StoredComparison, folder: Path, model: str, targets: tuple[str, ...]
) -> Section:
    """A group of rows that are compared with each other."""
    own = [row for row in stored.rows if (row.model, row.targets) == (model, targets)]
    beside = [one for one in stored.references if (one.model, one.targets) == (model, targets)]
    where = targets[0] if len(targets) == 1 else f"mean of {len(targets)} tasks"
    title = f"{where} on {Path(model).name or model}"
    rows: list[tuple[Cell, ...]] = [
        (one.name, None, one.test, None, *(one.interval or (None, None)), *[None] * 7, one.n)
        for one in beside
    ]
    for row in own:
        test = row.test if row.prompt is None else Linked(row.test, folder / row.prompt)
        gain = row.difference
        difference = (None, None, None) if gain is None else (gain.mean, gain.low, gain.high)
        rows.append(
            (
                row.variant.label(stored.factors), row.validation, test, row.deviation, *row.interval,
                *difference, row.verdict.kind, row.learning_rate, row.trained, row.seconds * 1000, row.n,
            )
        )  # fmt: skip
    columns = (
        "prompt", "validation ", f"test {own[0].metric} ", "± ", "95 % from ", "to ", "difference ",
        "from ", "to ", "verdict", "rate ", "trained ", "ms a step ", "rows ",
    )  # fmt: skip
    note = (
        "±: standard deviation over seeds. Intervals: 95 %, over test rows and seeds, of the score and its "
        "difference to the first row, which is paired. Rates and steps are chosen on validation. Of many "
        "intervals one in twenty misses by chance."
    )
    bars = Bars(
        title,
        f"test {own[0].metric}, with 95 % intervals",
        tuple(row.variant.label(stored.factors) for row in own),
        tuple(row.test for row in own),
        tuple(row.interval[0] for row in own),
        tuple(row.interval[1] for row in own),
        tuple(Level(one.name, one.test) for one in beside),
    )
    best = max(own, key=lambda row: row.validation)
    notes = (f"Validation chooses {best.variant.label(stored.factors)}: {best.verdict.sentence}.",)
    return Section(
        f"Test scores, {title}", (bars,), (Table(title, columns, tuple(rows), note),), notes
    )
