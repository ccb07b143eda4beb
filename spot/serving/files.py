"""Answers to all rows of a file, written beside the rows' own columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np

from bank.files import replacing
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.serving.predicting import Predictor, row_texts
from spot.serving.writers import Columns, writer_of
from spot.tasks.files import Row, data_rows, file_sha256
from spot.tasks.row_form import label_key
from spot.tasks.task import Task
from spot.training.runs import Runs, model_facts, prompt_digest

ROWS = 1024
"""Rows that are answered and written at once; no more of them are in memory."""

DIGITS = 6
"""Decimals of a probability in a file."""


@dataclass(frozen=True)
class PredictedFile:
    """A file of answers: its number of rows, the column with the answer, and the columns with the
    probability of each label word, {} for generated answers.

    Where the rows have the task's own column with the answer, `label` is its name: `labelled` rows
    hold one of its values there, and `correct` of the answers agree.
    """

    path: Path
    rows: int
    answer: str
    probabilities: dict[str, str]
    label: str = ""
    labelled: int = 0
    correct: int = 0

    @property
    def accuracy(self) -> float | None:
        """Percent of the labelled rows; None without any."""
        return 100 * self.correct / self.labelled if self.labelled else None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "path": str(self.path), "accuracy": self.accuracy}


def predict_file(
    model: Model,
    task: Task | None,
    prompt: SoftPrompt | np.ndarray | None,
    source: Path | str,
    target: Path | str,
    *,
    input_length: int | None = None,
    target_length: int | None = None,
    runs: Runs | None = None,
) -> PredictedFile:
    """Answer every row of a .csv, .tsv, .jsonl or .parquet file into another of any of these.

    The rows keep their order and their columns; added are the answer ("label", or "prediction" where
    there is such a column; "answer" for free text) and "p_<word>", the probability of each label word.
    task, prompt and lengths are as for `predict`. The file is checked before the first row is scored,
    read in parts, and written under another name until it is whole; a file that is there for the same
    rows, prompt and model is found again.

    Raises SpotError, naming file and line, for a row that cannot be read, lacks a column or has an
    empty text; for an empty file, another suffix, one file for both, and as `predict` does.
    """
    source, target, runs = Path(source), Path(target), runs or Runs()
    writer_of(target)
    _check_places(source, target)
    predictor = Predictor(
        model, task, prompt, input_length=input_length, target_length=target_length
    )
    runs.reporter.phase(f"reading {source}")
    number, columns = _scanned(source, predictor.task)
    plan = _plan(target, predictor.task, number, columns)

    def answer() -> dict[str, Any]:
        return _answered(plan, source, predictor, columns, runs)

    read = {
        "model": model_facts(model),
        "prompt": None if prompt is None else prompt_digest(as_prompt(prompt)),
        "task": _task_facts(predictor.task),
        "lengths": asdict(predictor.lengths),
        "rows": file_sha256(source),
        "form": [source.suffix, target.suffix, DIGITS],
    }
    known = runs.remembered("predictions", target.name, read, answer)
    if not target.is_file() or file_sha256(target) != known["sha256"]:  # removed or changed since
        known = answer()
    elif not predictor.texts:
        runs.reporter.say(f"found: {target} (finished before)")
    return replace(plan, labelled=known["labelled"], correct=known["correct"])


def _check_places(source: Path, target: Path) -> None:
    """Raises SpotError for places that cannot be a file of rows and another one of answers."""
    if target.is_dir():
        raise SpotError(
            f"expected a file for the answers, found the folder {target}",
            "name a file in it, for example answers.csv",
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise SpotError(
            f"expected another file for the answers than {source}, whose rows they are",
            "name another file with --out",
        )


def _scanned(source: Path, task: Task) -> tuple[int, Columns]:
    """The number of rows of a file and its columns, every row checked.

    Raises SpotError for a task whose texts no columns make, a bad row, and no rows.
    """
    if task.render is None:
        raise SpotError(
            f'task "{task.name}": expected a template that columns fill, found none',
            "give texts as the task's own rows have them, on stdin with --as-is",
        )
    columns = Columns(source=source if source.suffix.lower() == ".parquet" else None)
    count = 0
    for row in data_rows(source):
        task.render(row)
        columns.see(row.fields)
        count += 1
    if not count:
        raise SpotError(f"expected rows to predict in {source}, found none", "give it rows")
    return count, columns


def _plan(target: Path, task: Task, count: int, columns: Columns) -> PredictedFile:
    """The file that will be written, before any answer is known."""
    taken = set(columns.types)
    names = ("label", "prediction") if task.scoring == "rank" else ("answer", "prediction")
    words = task.labels if task.scoring == "rank" else ()
    label = task.label if task.label in taken and words else ""
    answer, probabilities = _free(names, taken), {}
    taken.add(answer)
    for word in words:
        probabilities[word] = _free((f"p_{word}",), taken)
        taken.add(probabilities[word])
    return PredictedFile(target, count, answer, probabilities, label)


def _free(names: Sequence[str], taken: Collection[str]) -> str:
    """The first of the names that is not taken, else the last one with a number."""
    numbered = (f"{names[-1]}_{number}" for number in count(2))
    return next(name for name in chain(names, numbered) if name not in taken)


def _answered(
    plan: PredictedFile, source: Path, predictor: Predictor, columns: Columns, runs: Runs
) -> dict[str, Any]:
    """Write the file; the numbers of labelled rows and of correct answers among them."""
    for name in (plan.answer, *plan.probabilities.values()):
        columns.types[name] = {str} if name == plan.answer else {float}
    task, reporter, rows = predictor.task, runs.reporter, data_rows(source)
    labelled = correct = 0
    reporter.begin(f"answering {source}", plan.rows, 0)
    try:
        with (
            replacing(plan.path) as temporary,
            writer_of(plan.path)(temporary, columns) as write,
        ):
            while chunk := list(islice(rows, ROWS)):
                answers = predictor.answers(list(row_texts(task, chunk)))
                written = []
                for row, each in zip(chunk, answers, strict=True):
                    word = task.values.get(label_key(row.fields.get(plan.label)))
                    labelled += word is not None
                    correct += word == each.answer
                    written.append(_with_answer(plan, row, each.answer, each.probabilities))
                write(written)
                reporter.advance(predictor.texts, math.nan)
    finally:
        reporter.end()
    predictor.report_cut()
    return {"labelled": labelled, "correct": correct, "sha256": file_sha256(plan.path)}


def _with_answer(
    plan: PredictedFile, row: Row, answer: str, probabilities: Mapping[str, float]
) -> dict[str, object]:
    """The fields of a row with its answer and probabilities."""
    shares = {plan.probabilities[word]: round(p, DIGITS) for word, p in probabilities.items()}
    return {**row.fields, plan.answer: answer, **shares}


def _task_facts(task: Task) -> list[object]:
    """Everything of a task that its answers to new rows depend on."""
    wording = {**task.wording, "shots of": task.fingerprint() if task.shots else ""}
    template = [task.inputs, list(task.columns), dict(task.clean), task.front]
    gold = [task.label, dict(task.values)]
    return [task.name, task.scoring, list(task.labels), wording, template, gold]
