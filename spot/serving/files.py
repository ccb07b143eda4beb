"""Answers to all rows of a file, written beside the rows' own columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from bank.files import locked, replacing, sha256_hex, writing
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import as_prompt
from spot.serving.ensemble import Disagreement, comparing
from spot.serving.journal import Journal, discard, journal_path
from spot.serving.predicting import CONTENT_FREE, Answering, Prediction, Predictor
from spot.serving.writers import Columns, writer_of
from spot.tasks.files import Row, data_rows, file_sha256
from spot.tasks.row_form import label_key
from spot.tasks.task import Task
from spot.training.runs import Runs, model_facts, prompt_digest

ROWS = 1024
"""Rows that are answered and written at once; no more of them are in memory."""

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another process that writes the same file."""

DIGITS = 6
"""Decimals of a probability in a file."""


@dataclass(frozen=True)
class PredictedFile:
    """A file of answers: its number of rows, the column with the answer, and the columns with the
    probability of each label word, {} for generated answers; `margin` and `agreement` are the names of
    the columns with these, "" without.

    Where the rows have the task's own column with the answer, `label` is its name: `labelled` rows
    hold one of its values there, and `correct` of the answers agree. `skipped` rows could not be
    answered and are in `bad_rows`. `disagreement` is that of an ensemble's members.
    """

    path: Path
    rows: int
    answer: str
    probabilities: dict[str, str]
    label: str = ""
    labelled: int = 0
    correct: int = 0
    margin: str = ""
    agreement: str = ""
    bad_rows: Path | None = None
    skipped: int = 0
    disagreement: Disagreement | None = None

    @property
    def accuracy(self) -> float | None:
        """Percent of the labelled rows; None without any."""
        return 100 * self.correct / self.labelled if self.labelled else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are added to those of the rows, in order."""
        optional = (name for name in (self.margin, self.agreement) if name)
        return (self.answer, *self.probabilities.values(), *optional)

    def values(self, prediction: Prediction) -> list[str | float | None]:
        """The values of `columns` for an answer, rounded."""
        shares = prediction.probabilities
        numbers: list[float | None] = [shares[word] for word in self.probabilities]
        numbers += [prediction.margin] * bool(self.margin)
        numbers += [prediction.agreement] * bool(self.agreement)
        return [prediction.answer, *(n if n is None else round(n, DIGITS) for n in numbers)]

    def to_json(self) -> dict[str, Any]:
        """JSON values by name."""
        return {
            **asdict(self),
            "path": str(self.path),
            "bad_rows": None if self.bad_rows is None else str(self.bad_rows),
            "accuracy": self.accuracy,
            "disagreement": None if self.disagreement is None else self.disagreement.to_json(),
        }


def predict_file(
    model: Model,
    task: Task | None,
    prompt: Answering,
    source: Path | str,
    target: Path | str,
    *,
    input_length: int | None = None,
    target_length: int | None = None,
    calibrate: bool = False,
    margins: bool = False,
    bad_rows: Path | str | None = None,
    runs: Runs | None = None,
) -> PredictedFile:
    """Answer every row of a .csv, .tsv, .jsonl or .parquet file into another of any of these.

    The rows keep their order and their columns; added are the answer ("label", or "prediction" where
    there is such a column; "answer" for free text), "p_<word>", the probability of each label word, with
    `margins` "margin", the answer's probability less that of the next, and of an ensemble "agreement",
    the share of its prompts that gave the answer. task, prompt, lengths and calibrate are as for
    `predict`. bad_rows: a file for the rows without a text to answer, with their line and the reason; they
    are left out then.

    The file is checked before the first row is scored, read in parts, and written under another name
    until it is whole. Answers so far are kept beside it, and an interrupted call continues there; a file
    that is there for the same rows, prompts, model and options is found again.

    Raises SpotError, naming file and line, for a row that cannot be read and, without bad_rows, for one
    that lacks a column or has an empty text; for an empty file, another suffix, one file for two,
    margins of generated answers, and as `predict` does.
    """
    source, target, runs = Path(source), Path(target), runs or Runs()
    bad_rows = None if bad_rows is None else Path(bad_rows)
    check_places(source, target, bad_rows)
    predictor = Predictor(
        model, task, prompt,
        input_length=input_length, target_length=target_length, calibrate=calibrate,
    )  # fmt: skip
    if margins and predictor.task.scoring != "rank":
        raise SpotError(
            f'expected label words to give margins, found the task "{predictor.task.name}", whose '
            "answers are generated",
            "leave margins out",
        )
    runs.reporter.phase(f"reading {source}")
    scan = _scanned(source, predictor.task, bad_rows is not None)
    if bad_rows is not None:
        _write_bad(source, predictor.task, bad_rows, scan)
        if scan.bad:
            runs.reporter.warn(
                f"skipped {scan.bad:,} of {scan.bad + scan.good:,} rows, which are in {bad_rows}; "
                f"the first: {scan.reason}"
            )
    plan = _plan(target, predictor, scan, margins)
    read = _made_from(predictor, source, plan)
    job = _Job(plan, source, predictor, scan.columns, runs)
    known = runs.remembered("predictions", target.name, read, lambda: job.run(read))
    if not target.is_file() or file_sha256(target) != known["sha256"]:  # removed or changed since
        known = job.run(read)
    elif not predictor.texts and not job.written:
        runs.reporter.say(f"found: {target} (finished before)")
    discard(journal_path(target), read)
    disagreement = known.get("disagreement")
    return replace(
        plan,
        labelled=known["labelled"],
        correct=known["correct"],
        bad_rows=bad_rows,
        disagreement=disagreement and Disagreement.of_json(disagreement),
    )


def _made_from(predictor: Predictor, source: Path, plan: PredictedFile) -> dict[str, Any]:
    """All that the answers depend on, as JSON values by name."""
    digests = [None if p is None else prompt_digest(as_prompt(p)) for p in predictor.prompts]
    made_from: dict[str, Any] = {
        "model": model_facts(predictor.model),
        "prompt": digests[0],
        "task": _task_facts(predictor.task),
        "lengths": asdict(predictor.lengths),
        "rows": file_sha256(source),
        "form": [source.suffix, plan.path.suffix, DIGITS],
    }
    if predictor.ensemble is not None:
        shares = predictor.ensemble.shares.tolist()
        made_from["ensemble"] = [predictor.ensemble.combine, digests, shares]
    if predictor.calibrate:
        made_from["calibration"] = list(CONTENT_FREE)
    if plan.margin:
        made_from["margins"] = True
    return made_from


def check_places(source: Path, target: Path, bad_rows: Path | None) -> None:
    """Raises SpotError for places that cannot be a file of rows, one of answers and one of bad rows."""
    writer_of(target)
    if bad_rows is not None:
        writer_of(bad_rows, "the bad rows", "--bad-rows")
    for path in filter(None, (target, bad_rows)):
        what, option = ("answers", "--out") if path is target else ("bad rows", "--bad-rows")
        if path.is_dir():
            raise SpotError(
                f"expected a file for the {what}, found the folder {path}",
                f"name a file in it, for example {what.replace(' ', '-')}.csv",
            )
        if path.exists() and source.exists() and path.samefile(source):
            raise SpotError(
                f"expected another file for the {what} than {source}, whose rows they are",
                f"name another file with {option}",
            )
    if bad_rows is not None and bad_rows.resolve() == target.resolve():
        raise SpotError(
            f"expected another file for the bad rows than {target}, where the answers go",
            "name another file with --bad-rows",
        )


@dataclass
class _Scan:
    """What a file holds: good and bad rows, the columns of each, and the reason of the first bad one."""

    columns: Columns
    bad_columns: Columns
    good: int = 0
    bad: int = 0
    reason: str = ""


def _scanned(source: Path, task: Task, skip: bool) -> _Scan:
    """A file's rows, all checked. skip: bad rows are counted.

    Raises SpotError for a task whose texts no columns make, a bad row that is not skipped, and no good
    rows.
    """
    if task.render is None:
        raise SpotError(
            f'task "{task.name}": expected a template that columns fill, found none',
            "give texts as the task's own rows have them, on stdin with --as-is",
        )
    own = source if source.suffix.lower() == ".parquet" else None
    scan = _Scan(Columns(source=own), Columns(source=own))
    for row, _, fault in _rendered(source, task):
        if fault is None:
            scan.columns.see(row.fields)
            scan.good += 1
        elif skip:
            scan.bad_columns.see(row.fields)
            scan.bad += 1
            scan.reason = scan.reason or fault.message
        else:
            raise fault
    if not scan.good:
        found = f"{scan.bad:,} bad ones, the first: {scan.reason}" if scan.bad else "none"
        raise SpotError(f"expected rows to predict in {source}, found {found}", "give it rows")
    return scan


def _rendered(source: Path, task: Task) -> Iterator[tuple[Row, str, SpotError | None]]:
    """The rows of a file with their texts, or the error of a row that has none."""
    assert task.render is not None
    for row in data_rows(source):
        try:
            yield row, task.render(row), None
        except SpotError as fault:
            yield row, "", fault


def _good(source: Path, task: Task) -> Iterator[tuple[Row, str]]:
    """The rows of a file that have a text, with it."""
    return ((row, text) for row, text, fault in _rendered(source, task) if fault is None)


def _write_bad(source: Path, task: Task, path: Path, scan: _Scan) -> None:
    """Write the bad rows of a file with two columns more: their line, or row, and the reason."""
    columns = (
        scan.bad_columns if scan.bad else replace(scan.columns, types=dict(scan.columns.types))
    )
    taken = set(columns.types)
    line, reason = _free(("line",), taken), _free(("reason",), taken)
    columns.types |= {line: {int}, reason: {str}}
    rows = _rendered(source, task) if scan.bad else ()  # nothing is read again for none
    bad = ((row, fault) for row, _, fault in rows if fault is not None)
    with replacing(path) as temporary, writer_of(path)(temporary, columns) as write:
        while chunk := list(islice(bad, ROWS)):
            places = [f"{row.file}, {row.unit} {row.line}: " for row, _ in chunk]
            write(
                [
                    {**row.fields, line: row.line, reason: fault.message.removeprefix(place)}
                    for (row, fault), place in zip(chunk, places, strict=True)
                ]
            )


def _plan(target: Path, predictor: Predictor, scan: _Scan, margins: bool) -> PredictedFile:
    """The file that will be written, before any answer is known."""
    task, taken = predictor.task, set(scan.columns.types)
    names = ("label", "prediction") if task.scoring == "rank" else ("answer", "prediction")
    words = task.labels if task.scoring == "rank" else ()
    label = task.label if task.label in taken and words else ""

    def new(*names: str) -> str:
        name = _free(names, taken)
        taken.add(name)
        return name

    return PredictedFile(
        target,
        scan.good,
        answer=new(*names),
        probabilities={word: new(f"p_{word}") for word in words},
        label=label,
        margin=new("margin") if margins else "",
        agreement=new("agreement") if predictor.ensemble is not None else "",
        skipped=scan.bad,
    )


def _free(names: Sequence[str], taken: Collection[str]) -> str:
    """The first of the names that is not taken, else the last one with a number."""
    numbered = (f"{names[-1]}_{number}" for number in count(2))
    return next(name for name in chain(names, numbered) if name not in taken)


@dataclass
class _Job:
    """The writing of one file of answers; `written` says that it was."""

    plan: PredictedFile
    source: Path
    predictor: Predictor
    columns: Columns
    runs: Runs
    written: bool = False

    def run(self, made_from: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the rows that are not answered yet and write the file; the numbers of labelled rows and of
        correct answers among them, and how far an ensemble's members differ.
        """
        path, folder = journal_path(self.plan.path), self.runs.root / "predictions"
        place = sha256_hex(str(self.plan.path.resolve()))[:16]
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{place}.lock", LOCK_TIMEOUT):
            journal = Journal.begin(path, made_from, self.runs.reporter)
            self._answer(journal)
            self.runs.reporter.phase(f"writing {self.plan.path}")
            if file_sha256(self.source) != made_from["rows"]:
                raise SpotError(
                    f"expected {self.source} as it was when its rows were read first, found it changed",
                    "give the command again when the file is finished",
                )
            counts = self._write(journal)
            self.written = True
            self.predictor.report_cut()
            return {**counts, "sha256": file_sha256(self.plan.path)}

    def _answer(self, journal: Journal) -> None:
        """Answer the rows behind those in the journal, a chunk at a time."""
        reporter, done = self.runs.reporter, journal.rows
        rows = islice(_good(self.source, self.predictor.task), done, None)
        reporter.begin(f"answering {self.source}", self.plan.rows, done)
        try:
            while chunk := list(islice(rows, ROWS)):
                answers = self.predictor.answers([text for _, text in chunk])
                journal.add(done, [[self.plan.values(each), each.members] for each in answers])
                done += len(chunk)
                reporter.advance(done, math.nan)
        finally:
            reporter.end()

    def _write(self, journal: Journal) -> dict[str, Any]:
        """Write the rows with their answers."""
        plan, task = self.plan, self.predictor.task
        for name in plan.columns:
            self.columns.types[name] = {str} if name == plan.answer else {float}
        rows = _good(self.source, task)
        labelled = correct = 0
        disagreement = Disagreement()
        with (
            replacing(plan.path) as temporary,
            writer_of(plan.path)(temporary, self.columns) as write,
        ):
            for answers in journal.chunks():
                written = []
                for (row, _), (values, members) in zip(
                    islice(rows, len(answers)), answers, strict=True
                ):
                    word = task.values.get(label_key(row.fields.get(plan.label)))
                    labelled += word is not None
                    correct += word == values[0]
                    if members:
                        disagreement = disagreement.seen(
                            values[0], members, comparing(task.metrics)
                        )
                    written.append({**row.fields, **dict(zip(plan.columns, values, strict=True))})
                write(written)
        apart = asdict(disagreement) if disagreement.rows else None
        return {"labelled": labelled, "correct": correct, "disagreement": apart}


def _task_facts(task: Task) -> list[object]:
    """Everything of a task that its answers to new rows depend on."""
    wording = {**task.wording, "shots of": task.fingerprint() if task.shots else ""}
    template = [task.inputs, list(task.columns), dict(task.clean), task.front]
    gold = [task.label, dict(task.values)]
    return [task.name, task.scoring, list(task.labels), wording, template, gold]
