"""A user's own task: a table and a TOML file of about ten lines, which `spot init` writes.

    name = "shop_reviews"                 # letters, digits, _ - . :
    inputs = "review: {text}"             # {field} is a column or JSON field; {{ }} are braces
    label = "stars"                       # the field with the answer ...
    labels = {"1" = "bad", "5" = "good"}  # ... and the word for each of its values
    family = "sentiment"                  # optional, as are metrics, group, description, license
    metrics = ["accuracy"]
    [files]                               # .csv, .tsv, .jsonl or .parquet; relative to this TOML; UTF-8
    train = "train.csv"
    test = "test.csv"                     # validation and test are optional

`labels = ["billing", "bug"]` stands for values that are their own words, in class order; without
`labels` the distinct values of all files are the label words, sorted. Values of `labels` that share a
word are one class; classes are in the order of their words. Of several fields in `inputs` some may be
empty in a row. For free text give `target = "answer"` (a field; in JSONL it may be a list: the first
is the target, all are accepted) instead of `label` and `labels`. `group = "field"` keeps rows that
share its value on one side of a cut, and groups them for metrics. Instead of `inputs`,
`label`/`target` and `[files]`, `seqio = "task_name"` takes a seqio Task that a module of data.modules
registers, with `labels` (the targets and their words are then the same) or without.

Without [files].test a fifth of train is held out, without [files].validation another, within each
class; see `spot.tasks.own_rows`, which also says what becomes of texts in two splits. true, false and
numbers are looked up in `labels` as JSON writes them ("true", "1"). White space around labels, in
files and here, is left out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bank import reading
from bank.files import stamp
from spot.errors import SpotError
from spot.tasks.files import data_rows, file_sha256
from spot.tasks.own_rows import OwnRows, Source
from spot.tasks.row_form import RowForm, absent, check_answer, check_form, explained
from spot.tasks.task import Task, digest, own_task

VERSION = 2
"""Counts changes in how a TOML task becomes text and splits; part of every fingerprint."""


class Files(BaseModel):
    """Data files by split, relative to the TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str
    validation: str | None = None
    test: str | None = None


class UserTask(RowForm):
    """The keys of a task's TOML file; see the module's docstring."""

    files: Files | None = None
    seqio: str = ""


def read_toml(file: Path) -> UserTask:
    """The checked content of a task's TOML file; SpotError names the file and the key."""
    try:
        content = reading.read_toml(file)
    except OSError as error:
        raise SpotError(
            f"expected a task in TOML at {file}, found: {error.strerror}",
            "check the path; `spot init TABLE` writes one for a table",
        ) from error
    except ValueError as error:
        raise SpotError(
            f"expected a task in TOML at {file}, found: {error}", "correct that place of the file"
        ) from error
    try:
        task = UserTask.model_validate(content)
    except ValidationError as error:
        raise explained(str(file), error, _known_keys) from error
    _check_complete(str(file), task)
    check_form(str(file), task)
    return task


def _check_complete(origin: str, task: UserTask) -> None:
    """Raise SpotError unless the keys that are there fit each other."""
    beside = ("inputs", "label", "target", "files", "group")
    if task.seqio:
        if key := next((key for key in beside if getattr(task, key)), ""):
            raise SpotError(
                f'{origin}: expected no key "{key}" beside "seqio", whose Task makes its own text',
                f'remove "{key}"',
            )
        return
    for key in ("inputs", "files"):
        if not getattr(task, key):
            raise absent(origin, key)
    check_answer(origin, task)


def _known_keys(depth: int) -> list[str]:
    return list(UserTask.model_fields if depth == 1 else Files.model_fields)


def user_task(file: Path, cache_dir: Path | None = None, modules: tuple[str, ...] = ()) -> Task:
    """The task that a TOML file describes; SpotError for a mistake in it. Reads no data yet.

    `modules` are the user's modules, imported only when the file names a seqio Task.
    """
    task = read_toml(file)
    if task.seqio:
        from spot.tasks.registered import load_modules, registered_task

        load_modules(modules)
        return registered_task(
            task.seqio,
            task_name=task.name,
            labels=task.words,
            metrics=task.metrics,
            family=task.family,
            description=task.description,
            license=task.license,
        )
    return _file_task(file, task, cache_dir)


def file_rows(toml: Path, task: UserTask) -> OwnRows:
    """The rows of a task's files, which lie relative to its TOML file."""
    assert task.files is not None
    files = task.files.model_dump(exclude_none=True)
    return OwnRows(str(toml), task, {s: _source(toml.parent / name) for s, name in files.items()})


def _source(path: Path) -> Source:
    return Source(str(path), lambda: data_rows(path), lambda: _stamp(path))


def _stamp(path: Path) -> object:
    """What changes with the file's content; None where there is no file that can be read."""
    return None if _fault(path) else stamp(path)


def _fault(path: Path) -> str:
    """What keeps a data file from being read; "" if nothing does."""
    try:
        reading.check_regular(path)
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _file_task(toml: Path, task: UserTask, cache_dir: Path | None) -> Task:
    own = file_rows(toml, task)
    files = {split: Path(source.place) for split, source in own.sources.items()}

    def fingerprint() -> str:
        hashes = {split: file_sha256(path, cache_dir) for split, path in files.items()}
        form = own.form.model_dump(exclude={"files"})
        return digest("user", VERSION, form, own.form.words, hashes)

    def available() -> str:
        faults = ((path, _fault(path)) for path in files.values())
        first = next(((path, fault) for path, fault in faults if fault), None)
        return f"{first[0]} {first[1]}; correct [files] in {toml}" if first else ""

    return replace(own_task(own, fingerprint, available), file=str(toml))
