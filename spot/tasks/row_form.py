"""A user's rows as examples: a text with {field}s, and a label or a free answer.

TOML files and rows in Python share these checks; `origin` names either in errors.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row, shown
from spot.tasks.metrics import CLASS_METRICS, GROUPED, NUMBER_METRICS, TEXT_METRICS, metric
from spot.tasks.text import Example, Reference


class RowForm(BaseModel):
    """The text, answer and metrics of a user's rows.

    `inputs` is a text with {field}s. `label` is the field with the class, whose values `labels`
    turns into label words; or `target` is the field with a free answer. `group` is the field that
    keeps rows together.
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

    @model_validator(mode="after")
    def _no_blank_word(self) -> RowForm:
        for value, word in self.labels.items():
            if not word.strip():
                raise ValueError(
                    f'key "labels": expected a word for the value "{value}", found "{word}"'
                )
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Label words in class order."""
        return tuple(dict.fromkeys(self.labels.values()))

    @property
    def scored_by(self) -> tuple[str, ...]:
        """The metrics that are named, else accuracy or exact match."""
        return self.metrics or (("accuracy",) if self.labels else ("exact_match",))

    @property
    def numeric(self) -> bool:
        """True if answers are numbers."""
        return any(name in NUMBER_METRICS for name in self.metrics)


def first_problem(error: ValidationError, keys: Callable[[int], list[str]]) -> str:
    """The first problem: key, expectation, and the nearest key for an unknown one.

    `keys(depth)` lists the keys at a depth of the file.
    """
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = did_you_mean(str(problem["loc"][-1]), keys(len(problem["loc"])))
        return f'unknown key "{key}".{near}'
    where = f'key "{key}": ' if key else ""
    return where + problem["msg"].removeprefix("Value error, ")


def check_form(origin: str, form: RowForm) -> None:
    """Raise SpotError unless metrics fit the answers and `inputs` names plain fields."""
    kind = CLASS_METRICS if form.labels else NUMBER_METRICS if form.numeric else TEXT_METRICS
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
    field_names(origin, form.inputs)


def field_names(origin: str, inputs: str) -> list[str]:
    """The field names in `inputs`; SpotError unless it is plain text with {field}s."""
    try:
        parts = list(string.Formatter().parse(inputs))
    except ValueError as error:
        raise SpotError(
            f'{origin}: expected "inputs" with {{field}}s, found: {error}', "write {{ for a brace"
        ) from error
    names = [name for _, name, _, _ in parts if name is not None]
    plain = all(not spec and not conversion for _, _, spec, conversion in parts)
    plain = plain and all(name and set(name).isdisjoint(".[]") for name in names)
    if inputs and not (names and plain):
        raise SpotError(
            f'{origin}: expected "inputs" to name fields like {{text}}, found "{inputs}"',
            "use plain field names in braces",
        )
    return names


def row_examples(form: RowForm, fields: list[str]) -> Callable[[Row], list[Example]]:
    """The function from a row to its one example; `fields` are those that `form.inputs` names."""
    answer = _classified if form.label else _generated

    def examples(row: Row) -> list[Example]:
        values = {name: _as_text(row, name) for name in fields}
        target, label, reference = answer(form, row)
        group = _as_text(row, form.group) if form.group else ""
        return [Example(form.inputs.format_map(values), target, label, reference, group)]

    return examples


def _as_text(row: Row, field: str) -> str:
    """A text or number as text that is not empty."""
    value = row.value(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown(value)
    return row.text(field)


def _classified(form: RowForm, row: Row) -> tuple[str, int, Reference]:
    value = row.value(form.label)
    key = value.strip() if isinstance(value, str) else shown(value)
    if key not in form.labels:
        expected = f'one of the values {", ".join(form.labels)} in "{form.label}"'
        raise row.error(expected, shown(value))
    word = form.labels[key]
    return word, form.words.index(word), None


def _generated(form: RowForm, row: Row) -> tuple[str, int, Reference]:
    if isinstance(row.value(form.target), list):
        answers = row.texts(form.target)
    else:
        answers = (_as_text(row, form.target),)
    if not form.numeric:
        return answers[0], -1, answers
    try:
        number = float(answers[0])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise row.error(f'a number in "{form.target}"', shown(answers[0]))
    return answers[0], -1, number
