"""Texts of published tasks beside T5's form: one template is inputs, label words and cleanups.

The packaged ones stand in the tasks' records. A user's own are a TOML file with one section a task:

    [sst2]
    inputs = "Review: {sentence}\\nIs it good or bad?"   # {field} of a row; {options}: label words
    labels = ["bad", "good"]                             # the verbalizer, in class order
    clean = { sentence = ["strip"] }                     # optional; CLEANUPS lists them

White space around label words is left out. A template never changes the scoring: classes, accepted
answers and groups stay the task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bank.reading import read_toml
from spot.errors import SpotError, did_you_mean
from spot.settings import mistake, shown
from spot.tasks.files import Row
from spot.tasks.published.form import Examples, Labels
from spot.tasks.rendering import CLEANUPS, columns_of, filled, rendering
from spot.tasks.task import digest
from spot.tasks.text import Example

DEFAULT = "t5"


@dataclass(frozen=True)
class Template:
    """One task's inputs, label words (in class order; none: the task's own) and cleanups by field.

    `name` is the name of a packaged template, or the stem and digest of a user's own file.
    """

    inputs: str
    labels: tuple[str, ...] = ()
    clean: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""

    def digest(self) -> str:
        """Hex digest of the content; part of the task's fingerprint."""
        content = {"inputs": self.inputs, "labels": self.labels, "clean": dict(self.clean)}
        return digest("template", content)


T5 = Template(inputs="", name=DEFAULT)
"""Stands for T5's form, which code makes."""


class Section(BaseModel):
    """The keys of a template in a TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: str
    labels: tuple[str, ...] = ()
    clean: dict[str, tuple[str, ...]] = {}

    @field_validator("labels")
    @classmethod
    def _without_outer_space(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        """As label words of a user's own task."""
        words = tuple(word.strip() for word in labels)
        if not all(words):
            raise ValueError(f"expected a word for each class, found {shown(labels)}")
        return words


def template_of_file(task: str, file: Path) -> Template:
    """The template of a task in a user's TOML file; SpotError when the file has none.

    Its name is the file's stem and the first eight digits of the content's digest: one name for one
    content, wherever the file is.
    """
    sections = _sections(file)
    if task not in sections:
        names = ", ".join(sections) or "none"
        raise SpotError(
            f'expected a template of the task "{task}" in {file}, found {names}.'
            + did_you_mean(task, sections),
            f"add a section [{task}]",
        )
    try:
        section = Section.model_validate(sections[task])
    except ValidationError as error:
        problem = error.errors()[0]
        place, sentence = mistake(problem)
        key, origin = ".".join(map(str, place)), f'{file}, template of "{task}"'
        if problem["type"] == "extra_forbidden":
            sentence = f"unknown.{did_you_mean(key, Section.model_fields)}"
        raise SpotError(
            f'{origin}: key "{key}": {sentence}',
            'for example inputs = "Review: {sentence}" and labels = ["bad", "good"]; keys: '
            + ", ".join(Section.model_fields),
        ) from error
    template = Template(section.inputs, section.labels, section.clean)
    return replace(template, name=f"{file.stem}-{template.digest()[:8]}")


def _sections(file: Path) -> dict[str, object]:
    try:
        return read_toml(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpotError(
            f"expected templates in TOML at {file}, found: {reason}", "correct data.template"
        ) from error


def templated(
    name: str, task_examples: Examples, labels: Labels, template: Template
) -> tuple[Examples, Labels]:
    """The examples of the task `name` with the template's text and label words.

    SpotError for a field that the task does not have, an unknown cleanup, or another number of
    label words than the task has classes.
    """
    _check_fields(name, task_examples.fields, labels, template)
    words = template.labels or labels
    inputs = filled(template.inputs, "options", "".join(f"\n- {word}" for word in words))
    render = rendering(inputs, template.clean)

    def examples(row: Row, labels: Labels) -> list[Example]:
        plain = task_examples(row, labels)
        text = render(row)
        return [
            replace(e, inputs=text, targets=words[e.label] if words else e.targets) for e in plain
        ]

    return Examples(examples, columns_of(inputs), render, inputs, template.clean), words


def _check_fields(
    name: str, task_fields: tuple[str, ...], labels: Labels, template: Template
) -> None:
    """Check a template against the task: its fields, cleanups and label words."""
    try:
        named = columns_of(template.inputs)
    except ValueError as error:
        raise SpotError(
            f'template of "{name}": expected inputs with {{field}}s, found: {error}',
            "write {{ for a brace",
        ) from error
    fields = [field for field in named if field != "options"]
    usable = f"fields of the task: {', '.join(task_fields) or 'none that a template may use'}"
    for field_name in (*fields, *template.clean):
        if field_name not in task_fields:
            raise SpotError(
                f'template of "{name}": unknown field "{field_name}".'
                + did_you_mean(field_name, task_fields),
                usable,
            )
    for cleanup in (cleanup for cleanups in template.clean.values() for cleanup in cleanups):
        if cleanup not in CLEANUPS:
            raise SpotError(
                f'template of "{name}": unknown cleanup "{cleanup}".'
                + did_you_mean(cleanup, CLEANUPS),
                f"cleanups: {', '.join(CLEANUPS)}",
            )
    if template.labels and len(set(template.labels)) != len(labels):
        raise SpotError(
            f'template of "{name}": expected {len(labels)} different label words '
            f"(for {', '.join(labels) or 'a task without classes'}), found "
            f"{', '.join(template.labels)}",
            "give one word a class, in class order",
        )
    if not fields:
        raise SpotError(
            f'template of "{name}": expected inputs that name a field, found "{template.inputs}"',
            usable,
        )
