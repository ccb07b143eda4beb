"""The cells of a matrix of prompts and tasks: what a source's prompts score on a task, and what that says.

Beside every number stand the bare model in the task's own words, and what one constant answer scores: on
MRPC "equivalent" for every row has an F1 of 81.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spot.prompts.prompt import SoftPrompt
from spot.study.statistics import Interval
from spot.tasks.examples import TokenizedSplit
from spot.tasks.rewording import Reworded
from spot.tasks.task import Task
from spot.training.evaluate import (
    Evaluation,
    best_constant,
    floors,
    one_answer_score,
    sample_of,
)
from spot.training.judging import metric_name
from spot.verdicts.gains import counted
from spot.verdicts.sample import Sample
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

BARE = "no prompt"


@dataclass(frozen=True, eq=False)
class SourcePrompts:
    """A row of a matrix: the prompts of one task, one a seed, under a name.

    task: the task that they were trained on, in the wording that they were trained with, of which only that
    and the name are read; None where it is not known, as of a mixture's prompts.
    """

    name: str
    prompts: tuple[SoftPrompt, ...]
    task: Task | None = None

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """The seed of each prompt, as far as it is known."""
        return tuple(prompt.facts.seed if prompt.facts else None for prompt in self.prompts)


@dataclass(frozen=True)
class Score:
    """A metric (0 to 100) over seeds: its mean, its sample standard deviation (None for a single prompt) and
    the 95 % interval over rows and seeds. `constant` is what the best constant answer has, `answer` that
    label word; None and "" where answers are written.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    constant: float | None
    answer: str = ""


@dataclass(frozen=True)
class SeedScore:
    """The scores of one prompt: the main one, and every metric."""

    seed: int | None
    value: float
    metrics: dict[str, float]


@dataclass(frozen=True, eq=False)
class Cell:
    """The prompts of a source on a task; source BARE: the bare model, in the task's own words.

    `value` is the main score, the mean of `metrics`. `n`: rows. `wording` tells whose text and label words
    the rows have. `over_bare` is the difference of the main score to the bare model's, `over_own` that to
    the task's own prompts, both paired by row; None for these themselves, and where there are none.
    """

    source: str
    task: str
    wording: str
    n: int
    value: Score
    metrics: dict[str, Score]
    seeds: tuple[SeedScore, ...]
    verdict: Verdict
    in_domain: bool = False
    over_bare: Interval | None = None
    over_own: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "source": self.source,
            "task": self.task,
            "in_domain": self.in_domain,
            "wording": self.wording,
            "n": self.n,
            "value": asdict(self.value),
            "metrics": {name: asdict(score) for name, score in self.metrics.items()},
            "over_bare": self.over_bare and self.over_bare.to_json(),
            "over_own": self.over_own and self.over_own.to_json(),
            "seeds": [asdict(seed) for seed in self.seeds],
            "verdict": self.verdict.to_json(),
        }


@dataclass(frozen=True)
class Gap:
    """A cell that cannot be measured, and why."""

    source: str
    task: str
    reason: str

    @property
    def sentence(self) -> str:
        """The gap as a sentence."""
        return f"not comparable: {self.source} on {self.task}, {self.reason}"


@dataclass(frozen=True, eq=False)
class TaskMatrix:
    """Every source's prompts on every task: cells and gaps by task, then by source in order, of which the
    bare model is the first.
    """

    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    split: str
    wording: str
    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]

    def cell(self, source: str, task: str) -> Cell | None:
        """The cell of a source (BARE: the bare model) and a task; None for a gap."""
        return next((c for c in self.cells if (c.source, c.task) == (source, task)), None)

    @property
    def shifted(self) -> list[Cell]:
        """The cells of prompts on tasks that they were not trained on."""
        return [cell for cell in self.cells if cell.source != BARE and not cell.in_domain]

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on all prompts on tasks that they were not trained on; None where there are none."""
        return judge_shift(self.shifted)

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        verdict = self.verdict
        return {
            "sources": list(self.sources),
            "tasks": list(self.tasks),
            "split": self.split,
            "wording": self.wording,
            "cells": [cell.to_json() for cell in self.cells],
            "gaps": [asdict(gap) for gap in self.gaps],
            "verdict": verdict and verdict.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Scoring:
    """What is scored for a cell: the source's prompts (None: the bare model) on the rows of a task."""

    source: SourcePrompts | None
    wording: Reworded
    rows: TokenizedSplit
    labels: list[list[int]]

    @property
    def prompts(self) -> tuple[SoftPrompt | None, ...]:
        """The prompts, None alone for the bare model."""
        return (None,) if self.source is None else self.source.prompts

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """Their seeds."""
        return (None,) if self.source is None else self.source.seeds


def cells_of(
    jobs: Sequence[Scoring], scores: Sequence[Sequence[Evaluation]], split: str
) -> list[Cell]:
    """The cells of one task; the first job is the bare model."""
    name = jobs[0].wording.task.name
    samples = [_sample(job, each) for job, each in zip(jobs, scores, strict=True)]
    own = next((place for place, job in enumerate(jobs) if _is_of(job, name)), None)
    cells = []
    for place, (job, evaluations) in enumerate(zip(jobs, scores, strict=True)):
        over_bare = _difference(job, samples[place], jobs[0], samples[0]) if place else None
        over_own = None
        if place and own not in (None, place):
            over_own = _difference(job, samples[place], jobs[own], samples[own])
        task, rows = job.wording.task, job.rows
        predictions = [each.predictions for each in evaluations]
        cells.append(
            Cell(
                BARE if job.source is None else job.source.name,
                name,
                str(job.wording),
                len(rows),
                _score(task, rows, samples[place]),
                {
                    metric: _score(alone, rows, sample_of(predictions, alone, rows))
                    for metric in task.metrics
                    for alone in [replace(task, metrics=(metric,))]
                },
                tuple(
                    SeedScore(seed, each.value, each.metrics)
                    for seed, each in zip(job.seeds, evaluations, strict=True)
                ),
                _judged(job, samples[place], split, over_bare),
                _is_of(job, name),
                over_bare,
                over_own,
            )
        )
    return cells


def _is_of(job: Scoring, task: str) -> bool:
    """True if the job's prompts were trained on the task of this name."""
    if job.source is None:
        return False
    return task == (job.source.task.name if job.source.task else job.source.name)


def _sample(job: Scoring, evaluations: Sequence[Evaluation]) -> Sample:
    """The main scores of a job with those on resamples of the rows, the same for all jobs of a task."""
    return sample_of([each.predictions for each in evaluations], job.wording.task, job.rows)


def _score(task: Task, rows: TokenizedSplit, scores: Sample) -> Score:
    """Scores by the task's metrics over seeds, with what a constant answer has."""
    low, high = scores.interval()
    values = [float(value) for value in scores.scores]
    return Score(
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else None,
        low,
        high,
        one_answer_score(task, rows),
        best_constant(task, rows) or "",
    )


def _difference(job: Scoring, ours: Sample, other: Scoring, theirs: Sample) -> Interval | None:
    """The difference of two samples of the same rows, by seed where both have several: of the seeds that both
    have. None where there are none.
    """
    if len(ours.scores) > 1 and len(theirs.scores) > 1 and job.seeds != other.seeds:
        common = [seed for seed in job.seeds if seed is not None and seed in other.seeds]
        if not common:
            return None
        ours = _of_seeds(ours, [job.seeds.index(seed) for seed in common])
        theirs = _of_seeds(theirs, [other.seeds.index(seed) for seed in common])
    gain = ours.minus(theirs)
    return Interval(gain.mean, *gain.interval(), 0.95)


def _of_seeds(whole: Sample, places: Sequence[int]) -> Sample:
    """The sample of some of the seeds."""
    rows = np.asarray(places)
    right = None if whole.right is None else whole.right[rows]
    return Sample(whole.scores[rows], whole.draws[rows], right)


def _judged(job: Scoring, scores: Sample, split: str, over_bare: Interval | None) -> Verdict:
    """The verdict on a cell, which ends with what the prompt spoiled."""
    task = job.wording.task
    note = ""
    if over_bare is not None and over_bare.high < 0:
        note = f"; worse than {BARE}: {over_bare.signed}"
    return judge_score(
        metric_name(task),
        len(job.rows),
        scores,
        floors(task, job.rows),
        split=split,
        subject=" by the bare model" if job.source is None else f" from {job.source.name}",
        note=note,
    )


def judge_shift(cells: Sequence[Cell]) -> Verdict | None:
    """The verdict on prompts on tasks that they were not trained on; None for no cells."""
    if not cells:
        return None
    kinds = [cell.verdict.kind for cell in cells]
    good = sum(kind in ("above chance", "measured") for kind in kinds)
    few = kinds.count("too few rows")
    beside = [cell.over_bare for cell in cells if cell.over_bare is not None]
    better, worse = (sum(test) for test in (
        [gain.low > 0 for gain in beside], [gain.high < 0 for gain in beside]
    ))  # fmt: skip
    kind = "above chance" if good == len(cells) else "mixed" if good else "at chance"
    sentence = (
        f"{good} of {counted(len(cells), 'cell')} on other tasks than the prompt's own "
        f"{'is' if good == 1 else 'are'} above chance"
    )
    if few:
        sentence += f", {few} {'has' if few == 1 else 'have'} too few rows to tell"
    sentence += f"; {better} better and {worse} worse than {BARE}"
    if len(cells) >= 20:
        sentence += "; of so many intervals one in twenty misses by chance"
    numbers = {"cells": len(cells), "above": good, "too_few": few, "better": better, "worse": worse}
    return Verdict(kind, sentence, numbers)
