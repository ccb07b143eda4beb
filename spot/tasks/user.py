"""A user's own task: a data file and a TOML file of about ten lines.

    name = "shop_reviews"                 # letters, digits, _ - . :
    inputs = "review: {text}"             # {field} is a column or JSON field; {{ }} are braces
    label = "stars"                       # the field with the answer ...
    labels = {"1" = "bad", "5" = "good"}  # ... and the word for each of its values
    family = "sentiment"                  # optional, as are metrics, group, description, license
    metrics = ["accuracy"]
    [files]                               # .jsonl, .csv or .tsv; relative to this TOML; UTF-8
    train = "train.csv"
    test = "test.csv"                     # validation and test are optional

Values of `labels` that share a word are one class; classes are in the order of their words. For
free text give `target = "answer"` (a field; in JSONL it may be a list: the first is the target, all
are accepted) instead of `label` and `labels`. `group = "field"` keeps rows that share its value on
one side of a cut, and groups them for metrics. Instead of `inputs`, `label`/`target` and `[files]`,
`seqio = "task_name"` takes a seqio Task that a module of data.modules registers, with `labels` (the
targets and their words are then the same: `labels = {"yes" = "yes", "no" = "no"}`) or without.

Without [files].validation a tenth of train is held out, without test half of that or of validation,
by the rule of `spot.tasks.splits`. JSON true, false and numbers are looked up in `labels` as JSON
writes them ("true", "1"); cells of a table without the white space around them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from spot.errors import SpotError
from spot.tasks.files import Row, data_rows, file_sha256
from spot.tasks.row_form import RowForm, check_form, field_names, first_problem, row_examples
from spot.tasks.splits import SPLITS, plan, read_part
from spot.tasks.task import Task, counted, digest
from spot.tasks.text import Example

VERSION = 1
"""Counts changes in how a TOML task becomes text; part of every fingerprint."""


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

    @model_validator(mode="after")
    def _complete(self) -> UserTask:
        if self.seqio:
            if self.inputs or self.label or self.target or self.files or self.group:
                raise ValueError("expected no inputs, label, target, group or files beside seqio")
        elif not self.inputs or self.files is None:
            raise ValueError('expected "inputs" and "[files]", or "seqio"')
        elif bool(self.label) == bool(self.target) or bool(self.label) != bool(self.labels):
            raise ValueError('expected "label" with "labels", or "target" alone')
        return self


def read_toml(file: Path) -> UserTask:
    """The checked content of a task's TOML file; SpotError names the file and the key."""
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpotError(
            f"expected a task in TOML at {file}, found: {error}", "correct data.tasks or the file"
        ) from error
    try:
        task = UserTask.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, _known_keys)
        raise SpotError(
            f"{file}: {problem}", f"keys: {', '.join(UserTask.model_fields)}"
        ) from error
    check_form(str(file), task)
    return task


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


def _file_task(toml: Path, task: UserTask, cache_dir: Path | None) -> Task:
    assert task.files is not None
    names = task.files.model_dump(exclude_none=True)
    files = {split: toml.parent / name for split, name in names.items()}
    parts, rule = plan(files, task.group or "input text")
    examples = row_examples(task, field_names(str(toml), task.inputs))

    def key(row: Row, example: Example) -> str:
        return example.group if task.group else example.inputs

    def read(split: str) -> Iterator[Example]:
        return read_part(task.name, split, parts, data_rows, examples, key)

    def fingerprint() -> str:
        hashes = {split: file_sha256(path, cache_dir) for split, path in files.items()}
        return digest("user", VERSION, task.model_dump(exclude={"files"}), hashes)

    def available() -> str:
        absent = [str(path) for path in files.values() if not path.is_file()]
        return f"{absent[0]} is not there; correct [files] in {toml}" if absent else ""

    return Task(
        name=task.name,
        family=task.family,
        labels=task.words,
        metrics=task.scored_by,
        scoring="rank" if task.labels else "generate",
        splits=SPLITS,
        read=read,
        fingerprint=fingerprint,
        description=task.description,
        rows=counted(read),
        license=task.license,
        available=available,
        split_rule=rule,
    )
