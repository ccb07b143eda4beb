"""A user's rows as examples: a text with {field}s, and a label or a free answer.

TOML files and rows in Python share these checks; `origin` names either in errors.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bank.characters import escaped, is_writable, seen
from spot.errors import SpotError, did_you_mean
from spot.settings import mistake, shown
from spot.tasks.files import Row, is_missing, plain
from spot.tasks.metrics import (
    CLASS_METRICS,
    GROUPED,
    NUMBER_METRICS,
    TEXT_METRICS,
    check_classes,
    metric,
)
from spot.tasks.published.mixtures import BUILT_IN
from spot.tasks.text import Example, Reference

EXAMPLES: Mapping[str, str] = {
    "name": 'name = "tickets", of letters, digits and _ - . :',
    "inputs": 'inputs = "{text}", with the names of columns in braces',
    "label": 'label = "queue", the column of the class',
    "labels": 'labels = ["billing", "bug"], or labels = {"1" = "bad", "5" = "good"}',
    "target": 'target = "answer", the column of a free answer',
    "metrics": 'metrics = ["accuracy", "macro_f1"]',
    "family": 'family = "sentiment"',
    "group": 'group = "customer", the column that keeps rows together',
    "description": 'description = "what customers write"',
    "license": 'license = "CC-BY-4.0"',
    "seqio": 'seqio = "my_task"',
    "files": '[files] with train = "tickets.csv" below it',
    "files.train": 'train = "tickets.csv"',
    "files.validation": 'validation = "more.csv"',
    "files.test": 'test = "test.csv"',
}
"""What each key of a task may look like."""


class RowForm(BaseModel):
    """The text, answer and metrics of a user's rows.

    `inputs` is a text with {field}s. `label` is the field with the class, whose values `labels`
    turns into label words; a list stands for values that are their own words, and without `labels`
    they are found in the rows (see `spot.tasks.own_rows`). Or `target` is the field with a free
    answer. `group` is the field that keeps rows together. White space around labels and label words
    is left out.
    """

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

    @field_validator("name")
    @classmethod
    def _no_mixture(cls, name: str) -> str:
        """A task of this name would be the mixture for commands that take both."""
        if name in BUILT_IN:
            raise ValueError(f'expected a name that no mixture has, as "my_{name}", found "{name}"')
        return name

    @field_validator("labels", mode="before")
    @classmethod
    def _by_value(cls, labels: Any) -> Any:
        """A list as the mapping of each value to itself; values as `label_key` has them, words without
        the white space around them.
        """
        if isinstance(labels, list | tuple):
            values = [label_key(value) for value in labels]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f'expected each label once, found "{twice}" more than once')
            return dict(zip(values, values, strict=True))
        if isinstance(labels, Mapping):
            return {
                label_key(value): word.strip() if isinstance(word, str) else word
                for value, word in labels.items()
            }
        return labels

    @property
    def words(self) -> tuple[str, ...]:
        """Label words in class order."""
        return tuple(dict.fromkeys(self.labels.values()))

    @property
    def classified(self) -> bool:
        """True if answers are classes."""
        return bool(self.label or self.labels)

    @property
    def scored_by(self) -> tuple[str, ...]:
        """The metrics that are named, else accuracy or exact match."""
        return self.metrics or (("accuracy",) if self.classified else ("exact_match",))

    @property
    def numeric(self) -> bool:
        """True if answers are numbers."""
        return any(name in NUMBER_METRICS for name in self.metrics)


def label_key(value: object) -> str:
    """The value of a label as text: true, false and numbers as JSON writes them, text without the
    white space around it, "" for nothing.

    >>> [label_key(value) for value in (True, 4, 2.5, " bug ", None)]
    ['true', '4', '2.5', 'bug', '']
    """
    if is_missing(value):
        return ""
    value = plain(value)
    return (
        shown(value) if isinstance(value, bool | int | float | list | dict) else str(value).strip()
    )


def explained(origin: str, error: ValidationError, keys: Callable[[int], list[str]]) -> SpotError:
    """The first mistake of a form: key, expectation and an example, or the nearest key for an unknown
    one. `keys(depth)` lists the keys at a depth of the form.
    """
    problem = error.errors()[0]
    if problem["type"] == "extra_forbidden":
        key = ".".join(map(str, problem["loc"]))
        known = keys(len(problem["loc"]))
        near = did_you_mean(str(problem["loc"][-1]), known)
        return SpotError(f'{origin}: unknown key "{key}".{near}', f"keys: {', '.join(known)}")
    place, sentence = mistake(problem)
    if problem["type"] == "string_pattern_mismatch":
        sentence = f"expected letters, digits and _ - . : alone, found {shown(problem['input'])}"
    key = ".".join(map(str, place))
    named = next((k for k in (key, str(place[0])) if k in EXAMPLES), key)
    return SpotError(f'{origin}: key "{key}": {sentence}', f"for example {EXAMPLES[named]}")


def absent(origin: str, key: str) -> SpotError:
    """The error for a key that has to be there."""
    return SpotError(
        f'{origin}: key "{key}": expected a value, found none', f"for example {EXAMPLES[key]}"
    )


def check_answer(origin: str, form: RowForm) -> None:
    """Raise SpotError unless a form has either a label or a target, and labels beside a label only."""
    if form.label and form.target:
        raise SpotError(
            f'{origin}: expected "label" or "target", found both',
            f"keep one: {EXAMPLES['label']}; or {EXAMPLES['target']}",
        )
    if not form.label and not form.target:
        raise SpotError(
            f'{origin}: expected "label" or "target", found neither',
            f"for example {EXAMPLES['label']}; or {EXAMPLES['target']}",
        )
    if form.labels and not form.label:
        raise SpotError(
            f'{origin}: expected no "labels" beside "target", found {shown(list(form.labels))}',
            f"for classes give {EXAMPLES['label']}",
        )


def check_words(origin: str, form: RowForm) -> None:
    """Raise SpotError unless labels, if there are any, have two different words at least."""
    for value, word in form.labels.items():
        if not word.strip():
            raise SpotError(
                f'{origin}: key "labels": expected a word for the value "{value}", found "{word}"',
                f"for example {EXAMPLES['labels']}",
            )
    if len(form.words) == 1:
        raise SpotError(
            f'{origin}: key "labels": expected two different words at least, found '
            f'"{form.words[0]}" alone: with one answer there is nothing to learn',
            f"for example {EXAMPLES['labels']}",
        )


def check_form(origin: str, form: RowForm) -> None:
    """Raise SpotError unless words differ, metrics fit the answers and `inputs` names plain fields."""
    check_words(origin, form)
    kind = CLASS_METRICS if form.classified else NUMBER_METRICS if form.numeric else TEXT_METRICS
    fitting = [name for name in kind if form.group or name not in GROUPED]
    fitting = [name for name in fitting if name != "wsc_match"]  # needs a class beside the text
    for name in form.metrics:
        try:
            metric(name)
        except SpotError as error:
            raise SpotError(f"{origin}: {error.message}", error.hint) from error
        if name not in fitting:
            need = "a group" if name in kind else "another kind of answer"
            raise SpotError(
                f'{origin}: expected metrics that fit the task, found "{name}", which needs {need}',
                f"choose among {', '.join(fitting)}",
            )
    if form.words:
        check_classes(origin, form.metrics, len(form.words))
    field_names(origin, form.inputs)


def field_names(origin: str, inputs: str) -> list[str]:
    """The field names in `inputs`; SpotError unless it is plain text with {field}s."""
    try:
        parts = list(string.Formatter().parse(inputs))
    except ValueError as error:
        raise SpotError(
            f'{origin}: key "inputs": expected text with {{field}}s, found: {error}',
            "write {{ for a brace",
        ) from error
    names = [name for _, name, _, _ in parts if name is not None]
    plain = all(not spec and not conversion for _, _, spec, conversion in parts)
    plain = plain and all(name and set(name).isdisjoint(".[]") for name in names)
    if inputs and not (names and plain):
        raise SpotError(
            f'{origin}: key "inputs": expected names of fields in braces, found "{inputs}"',
            f"for example {EXAMPLES['inputs']}",
        )
    return names


@dataclass(frozen=True)
class RowReader:
    """What a form makes of a row; the form's labels are known. `origin` names the form in errors."""

    form: RowForm
    origin: str

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The fields that `form.inputs` names, each once."""
        return tuple(dict.fromkeys(field_names(self.origin, self.form.inputs)))

    @cached_property
    def _classes(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.form.words)}

    def render(self, row: Row) -> str:
        """The input text of a row."""
        return self.form.inputs.format_map(self._values(row))

    def identity(self, row: Row) -> str:
        """What decides the row's split: its group, else its text without the words around it, without
        case, and with single spaces. Rows of one identity are never on two sides of a cut.
        """
        if self.form.group:
            return row.written(self.form.group)
        return " ".join("\n".join(self._values(row).values()).casefold().split())

    def example(self, row: Row) -> Example:
        """The example of a row. Raises SpotError, naming the row, for a field that is not there or
        holds something else.
        """
        inputs = self.render(row)
        target, label, reference = (
            self._classified(row) if self.form.label else self._generated(row)
        )
        group = row.written(self.form.group) if self.form.group else ""
        return Example(inputs, target, label, reference, group)

    def _values(self, row: Row) -> dict[str, str]:
        """The fields of the text; of several, some may be empty, as titles are."""
        if len(self.columns) == 1:
            return {self.columns[0]: row.written(self.columns[0])}
        blank = {name for name in self.columns if not label_key(row.value(name))}
        if len(blank) == len(self.columns):
            raise row.error(
                f"text in one of {', '.join(self.columns)}", "empty text in all of them"
            )
        return {name: "" if name in blank else row.written(name) for name in self.columns}

    def _classified(self, row: Row) -> tuple[str, int, Reference]:
        labels, value = self.form.labels, row.value(self.form.label)
        key = label_key(value)
        if key not in labels:
            some = ", ".join(list(labels)[:12]) + (", …" if len(labels) > 12 else "")
            expected = f'one of the values {some} in "{self.form.label}"'
            near = _same_look(key, labels) or f".{did_you_mean(key, labels)}".removesuffix(".")
            raise row.error(expected, f"{shown(value)}{near}")
        return labels[key], self._classes[labels[key]], None

    def _generated(self, row: Row) -> tuple[str, int, Reference]:
        form = self.form
        if isinstance(row.value(form.target), list):
            answers = row.texts(form.target)
        else:
            answers = (row.written(form.target),)
        if not form.numeric:
            return answers[0], -1, answers
        try:
            number = float(answers[0])
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise row.error(f'a number in "{form.target}"', shown(answers[0]))
        return answers[0], -1, number


def _same_look(key: str, labels: Iterable[str]) -> str:
    """The end of a sentence about a value that looks like one of the labels; "" for others."""
    alike = next((label for label in labels if seen(label) == seen(key)), None)
    if alike is None:
        return ""
    return f", which only looks like that: it is written {escaped(key)}, the label {escaped(alike)}"


def found_label(row: Row, field: str) -> str:
    """The value of a row's label; SpotError when it is empty, or a list or an object."""
    value = row.value(field)
    if isinstance(value, list | dict):
        raise row.error(f'a label in "{field}"', shown(value))
    if not (key := label_key(value)):
        raise row.error(f'a label in "{field}"', "nothing" if value is None else "empty text")
    if not is_writable(key):
        raise row.error(f'a label in "{field}"', "half of a surrogate pair, which is no character")
    return key
