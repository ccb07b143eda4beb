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

import functools
import math
import string
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row, data_rows, file_sha256, shown
from spot.tasks.metrics import CLASS_METRICS, GROUPED, NUMBER_METRICS, TEXT_METRICS, metric
from spot.tasks.splits import SPLITS, plan, read_part
from spot.tasks.task import Example, Reference, Task, counted, digest

VERSION = 1
"""Counts changes in how a TOML task becomes text; part of every fingerprint."""


class Files(BaseModel):
    """Data files by split, relative to the TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str
    validation: str | None = None
    test: str | None = None


class UserTask(BaseModel):
    """The keys of a task's TOML file; see the module's docstring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.:-]*$")
    inputs: str = ""
    label: str = ""
    labels: dict[str, str] = {}
    target: str = ""
    metrics: tuple[str, ...] = ()
    family: str = ""
    group: str = ""
    description: str = ""
    license: str = ""
    files: Files | None = None
    seqio: str = ""

    @model_validator(mode="after")
    def _complete(self) -> UserTask:
        for value, word in self.labels.items():
            if not word.strip():
                raise ValueError(
                    f'key "labels": expected a word for the value "{value}", found "{word}"'
                )
        if self.seqio:
            if self.inputs or self.label or self.target or self.files or self.group:
                raise ValueError("expected no inputs, label, target, group or files beside seqio")
        elif not self.inputs or self.files is None:
            raise ValueError('expected "inputs" and "[files]", or "seqio"')
        elif bool(self.label) == bool(self.target) or bool(self.label) != bool(self.labels):
            raise ValueError('expected "label" with "labels", or "target" alone')
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Label words in class order."""
        return tuple(dict.fromkeys(self.labels.values()))


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
        raise SpotError(f"{file}: {_first(error)}", "spot/tasks/user.py lists the keys") from error
    _check_metrics(file, task)
    _fields(file, task.inputs)
    return task


def _first(error: ValidationError) -> str:
    """The first problem in words: key, what was expected, the nearest key for an unknown one."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = Files.model_fields if len(problem["loc"]) > 1 else UserTask.model_fields
        return f'unknown key "{key}".' + did_you_mean(str(problem["loc"][-1]), known)
    where = f'key "{key}": ' if key else ""
    return where + problem["msg"].removeprefix("Value error, ")


def _check_metrics(file: Path, task: UserTask) -> None:
    """Every metric exists, is for this kind of answer, and has the groups that it needs."""
    numeric = any(name in NUMBER_METRICS for name in task.metrics)
    kind = CLASS_METRICS if task.labels else NUMBER_METRICS if numeric else TEXT_METRICS
    fitting = [name for name in kind if task.group or name not in GROUPED]
    fitting = [name for name in fitting if name != "wsc_match"]  # needs a class beside the text
    for name in task.metrics:
        try:
            metric(name)
        except SpotError as error:
            raise SpotError(f"{file}: {error.message}", error.hint) from error
        if name not in fitting:
            need = "a group" if name in kind else "another kind of answer"
            raise SpotError(
                f'{file}: expected metrics that fit the task, found "{name}", which needs {need}',
                f"choose among {', '.join(fitting)}",
            )


def _fields(file: Path, template: str) -> list[str]:
    """The field names of a template; SpotError when it is not plain text with {field}s."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise SpotError(
            f'{file}: expected "inputs" with {{field}}s, found: {error}', "write {{ for a brace"
        ) from error
    names = [name for _, name, _, _ in parts if name is not None]
    plain = all(not spec and not conversion for _, _, spec, conversion in parts)
    plain = plain and all(name and set(name).isdisjoint(".[]") for name in names)
    if template and not (names and plain):
        raise SpotError(
            f'{file}: expected "inputs" to name fields like {{text}}, found "{template}"',
            "use plain field names in braces",
        )
    return names


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
    named = task.files.model_dump(exclude_none=True)
    files = {split: toml.parent / name for split, name in named.items()}
    parts, rule = plan(files, task.group or "input text")
    examples = _examples(task, _fields(toml, task.inputs))

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
        metrics=task.metrics or (("accuracy",) if task.labels else ("exact_match",)),
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


def _examples(task: UserTask, fields: list[str]) -> Callable[[Row], list[Example]]:
    """The function from a row to its one example."""
    numeric = any(name in NUMBER_METRICS for name in task.metrics)
    answer = (
        functools.partial(_classified, task)
        if task.label
        else functools.partial(_generated, task, numeric)
    )

    def examples(row: Row) -> list[Example]:
        values = {name: _plain(row, name) for name in fields}
        target, label, reference = answer(row)
        group = _plain(row, task.group) if task.group else ""
        return [Example(task.inputs.format_map(values), target, label, reference, group)]

    return examples


def _plain(row: Row, field: str) -> str:
    """A text or number as text that is not empty."""
    value = row.value(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown(value)
    return row.text(field)


def _classified(task: UserTask, row: Row) -> tuple[str, int, Reference]:
    value = row.value(task.label)
    found = value.strip() if isinstance(value, str) else shown(value)
    if found not in task.labels:
        known = ", ".join(task.labels)
        raise row.error(f'one of the values {known} in "{task.label}"', shown(value))
    word = task.labels[found]
    return word, task.words.index(word), None


def _generated(task: UserTask, numeric: bool, row: Row) -> tuple[str, int, Reference]:
    if isinstance(row.value(task.target), list):
        answers = row.texts(task.target)
    else:
        answers = (_plain(row, task.target),)
    if not numeric:
        return answers[0], -1, answers
    try:
        number = float(answers[0])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise row.error(f'a number in "{task.target}"', shown(answers[0]))
    return answers[0], -1, number
