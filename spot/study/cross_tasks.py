"""Prompts on tasks that they were not trained on, zero-shot (domain shift, Lester et al. 2021, section 5).

Every prompt is scored once on every task, on rows that had no part in its training or choice: the value of
an entry was chosen on its own task's validation rows. A task is shown to a prompt in the words that the
prompt has learned (`spot.tasks.rewording`). Beside every number stand the bare model in the task's own
words, and what one constant answer scores: on MRPC "equivalent" for every row has an F1 of 81.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bank.files import replace_file
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.facts import check_facts
from spot.prompts.prompt import SoftPrompt
from spot.serving.fitting import trained_lengths
from spot.study.statistics import Interval
from spot.tasks.examples import TokenizedSplit
from spot.tasks.rewording import Reworded, as_it_is, reworded
from spot.tasks.splits import check_split
from spot.tasks.task import Task
from spot.tasks.tokens import tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.batches import sample
from spot.training.evaluate import (
    Evaluation,
    best_constant,
    floors,
    one_answer_score,
    sample_of,
)
from spot.training.judging import metric_name
from spot.training.runs import Runs, scores_facts
from spot.training.slots import Reporter
from spot.verdicts.gains import counted
from spot.verdicts.sample import Sample
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict

BARE = "no prompt"
FILE = "matrix.json"


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


def matrix(
    model: Model,
    tasks: Sequence[Task],
    prompts: Sequence[SourcePrompts],
    *,
    split: str = "test",
    wording: Literal["source", "own"] = "source",
    examples: int | None = None,
    input_length: int | None = None,
    target_length: int | None = None,
    runs: Runs | None = None,
) -> TaskMatrix:
    """Score every source's prompts and the bare model on every task, zero-shot; finished scores are found
    again.

    split: of the tasks, test or validation. wording: "source" shows a task in the words that a prompt was
    trained with, as far as they fit, "own" in its own. examples: rows that are scored, a seeded sample of
    the split, the same for all; None: all. lengths: in tokens, by default those that a prompt was trained
    with. Raises SpotError before anything is scored: no tasks or prompts, two of one name, unusable rows, a
    prompt of another model.
    """
    runs = runs or Runs()
    columns = scorings(
        model, tasks, prompts, split=split, wording=wording, examples=examples,
        input_length=input_length, target_length=target_length, reporter=runs.reporter,
    )  # fmt: skip
    jobs = [each for column in columns for each in column if isinstance(each, Scoring)]
    gaps = [each for column in columns for each in column if isinstance(each, Gap)]
    if not any(job.source for job in jobs):
        raise SpotError(
            "expected a task whose answers compare with those of a prompt's own, found none: "
            + "; ".join(f"{gap.source} on {gap.task}, {gap.reason}" for gap in gaps[:4]),
            "name other tasks, or show each in its own words: --wording own",
        )
    scores = _scored(model, jobs, runs)
    cells: list[Cell] = []
    for column in columns:
        done = [each for each in column if isinstance(each, Scoring)]
        cells += _cells(done, [scores[id(each)] for each in done], split)
    return TaskMatrix(
        tuple(row.name for row in prompts),
        tuple(task.name for task in tasks),
        split,
        wording,
        tuple(cells),
        tuple(gaps),
    )


def scorings(
    model: Model,
    tasks: Sequence[Task],
    prompts: Sequence[SourcePrompts],
    *,
    split: str,
    wording: Literal["source", "own"],
    examples: int | None,
    input_length: int | None = None,
    target_length: int | None = None,
    reporter: Reporter | None = None,
) -> list[list[Scoring | Gap]]:
    """What `matrix` scores, by task: the bare model, then the sources; raises what that raises."""
    _check(model, tasks, prompts)
    columns = []
    for task in (each.on(model) for each in tasks):
        check_split(task.name, split, task.splits)
        if reporter is not None:
            reporter.phase(f"reading the rows of {task.name}")

        def prepared(row: SourcePrompts | None, words: Reworded) -> Scoring:
            lengths = trained_lengths(
                None if row is None else row.prompts[0], input_length, target_length
            )
            rows = tokens(words.task, split, model.vocabulary, lengths)
            return Scoring(
                row, words, sample(rows, examples), label_tokens(words.task, model.vocabulary)
            )

        column: list[Scoring | Gap] = [prepared(None, as_it_is(task))]
        for row in prompts:
            own = as_it_is(task)
            if wording == "source" and row.task is not None:
                try:
                    own = reworded(task, row.task.on(model))
                except ValueError as reason:
                    column.append(Gap(row.name, task.name, str(reason)))
                    continue
            column.append(prepared(row, own))
        columns.append(column)
    return columns


def _check(model: Model, tasks: Sequence[Task], prompts: Sequence[SourcePrompts]) -> None:
    """Raises SpotError for no tasks or prompts, equal names, and prompts of another model."""
    for what, names in (
        ("tasks", [task.name for task in tasks]),
        ("prompts", [row.name for row in prompts]),
    ):
        if not names:
            raise SpotError(
                f"expected {what} for a matrix, found none",
                "name some tasks" if what == "tasks" else "train some first: spot build-bank",
            )
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SpotError(
                f'expected {what} of different names, found "{twice}" more than once',
                "name each once",
            )
    for row in prompts:
        if row.name == BARE:
            raise SpotError(
                f'expected another name for prompts than "{BARE}", which stands for the bare model',
                "rename them",
            )
        if not row.prompts:
            raise SpotError(f"{row.name}: expected prompts, found none", "give one a seed")
        for prompt in row.prompts:
            check_facts(prompt.facts, row.name, model)


def is_found(model: Model, scoring: Scoring, prompt: SoftPrompt | None, runs: Runs) -> bool:
    """True if the scores of this prompt of a cell were finished before."""
    task = scoring.wording.task
    read = scores_facts(model, prompt, task, scoring.rows, scoring.labels)
    return runs.remembered_at("scores", task.name, read).is_file()


def _scored(model: Model, jobs: Sequence[Scoring], runs: Runs) -> dict[int, list[Evaluation]]:
    """The evaluations of every job by its id, one a prompt. What is left is told in rows, for they take
    most of the time.
    """
    left = {
        (id(job), place): len(job.rows)
        for job in jobs
        for place, prompt in enumerate(job.prompts)
        if not is_found(model, job, prompt, runs)
    }
    every = sum(len(job.prompts) for job in jobs)
    if found := every - len(left):
        runs.reporter.say(f"found: {found} of {every} scorings (finished before)")
    silent = replace(runs, reporter=Reporter())
    total, done = sum(left.values()), 0
    runs.reporter.begin("scoring, by row", total, 0)
    scores: dict[int, list[Evaluation]] = {}
    try:
        for job in jobs:
            scores[id(job)] = []
            for place, prompt in enumerate(job.prompts):
                task = job.wording.task
                evaluation = silent.evaluate(model, prompt, task, job.rows, job.labels)
                scores[id(job)].append(evaluation)
                done += left.get((id(job), place), 0)
                if (id(job), place) in left:
                    runs.reporter.advance(done, math.nan)
    finally:
        runs.reporter.end()
    return scores


def _cells(
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


def store_matrix(result: TaskMatrix, runs: Runs, folder: Path | None = None) -> Path:
    """Write FILE to a folder, by default one among the runs that is named by the content; the folder.

    Raises BankError when it cannot be written.
    """
    content: Mapping[str, Any] = result.to_json()
    place = folder or runs.place("matrix", "+".join(result.tasks), content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(place / FILE, text.encode())
    return place
