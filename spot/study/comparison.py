"""The table of a comparison: kinds, losses, starts and lengths of prompts beside each other, on one or
more tasks and models under one budget.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bank.files import replace_file

if TYPE_CHECKING:
    from spot.study.statistics import Interval
    from spot.training.runs import Runs
    from spot.verdicts.verdict import Verdict

FACTORS = ("kind", "loss", "start", "length")
"""The factors of a comparison that are settings of a prompt, in the order of a table's columns."""


@dataclass(frozen=True)
class Variant:
    """A way to train a prompt: a value for every factor."""

    kind: str
    loss: str
    start: str
    length: int

    def label(self, factors: Sequence[str] = FACTORS) -> str:
        """The values of these factors, as text.

        >>> Variant("prefix", "cross-entropy", "vocab", 20).label(["kind", "length"])
        'prefix, 20 tokens'
        """
        values = asdict(self)
        return ", ".join(
            f"{values[name]} token{'' if values[name] == 1 else 's'}"
            if name == "length"
            else str(values[name])
            for name in factors
        )


@dataclass(frozen=True)
class Trial:
    """One seed of a row: test and validation scores; of a mean over targets, without metrics and step."""

    seed: int
    test: float
    validation: float
    step: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Row:
    """A variant on a model and a target, or its mean over several targets.

    `interval` is the mean test score's, 95 %, over test rows and seeds; of a mean, over the rows of these
    targets. `difference` is that to the first variant on the same model and targets, paired by row and
    seed; None for the first one. `learning_rate` was chosen among `rates`, which have their mean validation
    scores; None and empty for a mean. `n`: test rows. `trained`: values of one prompt. `seconds`, of a step
    by prompt, and `memory` in bytes are those of `StepCost`, of a mean their mean and their most. `prompt`:
    the file of the seed that is best on validation; None for a mean.
    """

    model: str
    parameters: int
    targets: tuple[str, ...]
    metric: str
    variant: Variant
    trials: tuple[Trial, ...]
    interval: tuple[float, float]
    n: int
    trained: int
    seconds: float
    memory: int
    verdict: Verdict
    difference: Interval | None = None
    learning_rate: float | None = None
    rates: dict[float, float | None] = field(default_factory=dict)
    prompt: Path | None = None

    @property
    def test(self) -> float:
        """The test score's mean over seeds."""
        return statistics.fmean(trial.test for trial in self.trials)

    @property
    def deviation(self) -> float | None:
        """The test score's sample standard deviation over seeds, None for a single one."""
        scores = [trial.test for trial in self.trials]
        return statistics.stdev(scores) if len(scores) > 1 else None

    @property
    def validation(self) -> float:
        """The validation score's mean over seeds."""
        return statistics.fmean(trial.validation for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "model": self.model,
            "parameters": self.parameters,
            "targets": list(self.targets),
            "metric": self.metric,
            **asdict(self.variant),
            "learning_rate": self.learning_rate,
            "rates": {f"{rate:g}": score for rate, score in self.rates.items()},
            "validation": self.validation,
            "test": self.test,
            "deviation": self.deviation,
            "interval": list(self.interval),
            "difference": self.difference and asdict(self.difference),
            "verdict": self.verdict.to_json(),
            "n": self.n,
            "trained": self.trained,
            "seconds": self.seconds,
            "memory": self.memory,
            "prompt": self.prompt and str(self.prompt),
            "trials": [asdict(trial) for trial in self.trials],
        }


@dataclass(frozen=True)
class Reference:
    """A score on the same test rows that no trained prompt has part in, with its 95 % interval; None for a
    mean over targets.
    """

    model: str
    targets: tuple[str, ...]
    name: str
    test: float
    interval: tuple[float, float] | None
    n: int

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return asdict(self)


@dataclass(frozen=True)
class Gap:
    """A cell that could not be measured, and why."""

    model: str
    target: str
    variant: Variant
    reason: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        names = ("model", "target", "reason", "hint")
        return {**asdict(self.variant), **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True, eq=False)
class Comparison:
    """A finished comparison: rows by model, target and variant, and behind those of a model its means over
    targets, of every variant without a gap; what stands beside them; and what could not be measured.
    """

    rows: tuple[Row, ...]
    references: tuple[Reference, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def _lines(self) -> list[Row | Gap]:
        return [*self.rows, *self.gaps]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that have several values, gaps included; the kind where none has."""
        return varying([line.variant for line in self._lines])

    @property
    def varying(self) -> tuple[str, ...]:
        """The factors that have several values on one model, as the defaults of models may differ."""
        by_model = [
            [line.variant for line in self._lines if line.model == name] for name in self.models
        ]
        several = {name for variants in by_model for name in varying(variants)}
        return tuple(name for name in FACTORS if name in several)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in order."""
        return tuple(dict.fromkeys(line.model for line in self._lines))

    @property
    def groups(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(model, targets) of the rows that are compared with each other, in order."""
        return tuple(dict.fromkeys((row.model, row.targets) for row in self.rows))

    def of(self, model: str, targets: Sequence[str]) -> list[Row]:
        """The rows of a group."""
        return [row for row in self.rows if (row.model, row.targets) == (model, tuple(targets))]

    @property
    def summary(self) -> list[Row]:
        """The rows of each model over most targets: its means, or those of its only target."""
        most: dict[str, tuple[str, ...]] = {}
        for model, targets in self.groups:
            most[model] = max(most.get(model, ()), targets, key=len)
        return [row for model, targets in most.items() for row in self.of(model, targets)]

    @property
    def chosen(self) -> list[Row]:
        """The row of the summary that validation prefers on each model, the first of equals."""
        best: dict[str, Row] = {}
        for row in self.summary:
            if row.model not in best or row.validation > best[row.model].validation:
                best[row.model] = row
        return list(best.values())

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "references": [reference.to_json() for reference in self.references],
            "gaps": [gap.to_json() for gap in self.gaps],
        }


def varying(variants: Sequence[Variant]) -> tuple[str, ...]:
    """The factors that differ among variants; the kind where none does.

    >>> varying([Variant("prefix", "cross-entropy", "vocab", length) for length in (5, 20)])
    ('length',)
    """
    several = tuple(name for name in FACTORS if len({getattr(v, name) for v in variants}) > 1)
    return several or ("kind",)


def joined(comparisons: Sequence[Comparison]) -> Comparison:
    """Comparisons on several models as one table; references that are equal stand in it once."""
    return Comparison(
        tuple(row for each in comparisons for row in each.rows),
        tuple(dict.fromkeys(one for each in comparisons for one in each.references)),
        tuple(gap for each in comparisons for gap in each.gaps),
    )


def store_comparison(comparison: Comparison, runs: Runs) -> Path:
    """Write comparison.json to a folder among the runs that is named by its content; the folder. Prompts are
    named as seen from it.

    Raises BankError when it cannot be written.
    """
    content = comparison.to_json()
    prompts = [row.prompt and row.prompt.parent.name for row in comparison.rows]
    read = {**content, "rows": [{**row, "prompt": None} for row in content["rows"]]}
    names = dict.fromkeys(name for row in comparison.rows for name in row.targets)
    folder = runs.place("compare", "+".join(names), {**read, "prompts": prompts})
    for row in content["rows"]:
        if row["prompt"]:
            row["prompt"] = Path(os.path.relpath(row["prompt"], folder)).as_posix()
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(folder / "comparison.json", text.encode())
    return folder
