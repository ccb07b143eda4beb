"""Prompts on tasks that they were not trained on, zero-shot (domain shift, Lester et al. 2021, section 5).

Every prompt is scored once on every task, on rows that had no part in its training or choice: the value of
an entry was chosen on its own task's validation rows. A task is shown to a prompt in the words that the
prompt has learned (`spot.tasks.rewording`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bank.files import replace_file
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.facts import check_facts
from spot.prompts.prompt import SoftPrompt
from spot.serving.fitting import trained_lengths
from spot.study.matrix_cells import BARE, Cell, Gap, Scoring, SourcePrompts, TaskMatrix, cells_of
from spot.tasks.rewording import Reworded, as_it_is, reworded
from spot.tasks.splits import check_split
from spot.tasks.task import Task
from spot.tasks.tokens import tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.batches import sample
from spot.training.evaluate import Evaluation
from spot.training.runs import Runs, scores_facts
from spot.training.slots import Reporter

FILE = "matrix.json"


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
        cells += cells_of(done, [scores[id(each)] for each in done], split)
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


def store_matrix(result: TaskMatrix, runs: Runs, folder: Path | None = None) -> Path:
    """Write FILE to a folder, by default one among the runs that is named by the content; the folder.

    Raises BankError when it cannot be written.
    """
    content: Mapping[str, Any] = result.to_json()
    place = folder or runs.place("matrix", "+".join(result.tasks), content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(place / FILE, text.encode())
    return place
