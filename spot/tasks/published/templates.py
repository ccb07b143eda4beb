"""How a task reads as text beside T5's form: templates and label words from TOML files.

spot/tasks/local/templates/<name>.toml holds one template a task:

    [sst2]
    inputs = "Review: {sentence}\\nIs it good or bad?"   # {field} of a row; {options}: label words
    labels = ["bad", "good"]                             # the verbalizer, in class order
    clean = { sentence = ["strip"] }                     # optional; CLEANUPS lists them

A template never changes what is scored: classes, accepted answers and groups stay the task's.
"""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from spot.errors import SpotError, did_you_mean
from spot.tasks.files import Row
from spot.tasks.published.form import Examples, Labels, LocalTask
from spot.tasks.task import Example, digest

FOLDER = Path(__file__).parent / "templates"
DEFAULT = "t5"

CLEANUPS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "capitalized": lambda text: text[:1].upper() + text[1:],
    "question": lambda text: text if text.endswith("?") else text + "?",
    "spaces": lambda text: " ".join(text.split()),
    "untokenized": lambda text: re.sub(r" (?=[.,;:?!%)]|n't\b|'\w)", "", text),
    "unhtml": lambda text: re.sub(r"<[^<>]{1,9}>", " ", text),
}


class Template(BaseModel):
    """One task's inputs, label words (in class order; none: the task's own) and cleanups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: str
    labels: tuple[str, ...] = ()
    clean: dict[str, tuple[str, ...]] = {}

    def digest(self) -> str:
        """Hex digest of the content; part of the task's fingerprint."""
        return digest("template", self.model_dump())


T5 = Template(inputs="")
"""Stands for T5's form, which code makes."""


def template_names(task: str) -> tuple[str, ...]:
    """The names of the templates that a published task has, T5's form first."""
    return (DEFAULT, *(f.stem for f in sorted(FOLDER.glob("*.toml")) if task in _packaged(f.stem)))


def read_template(task: str, name: str) -> Template:
    """The template called `name` of a task, or of a user's own .toml file at that path.

    SpotError for an unknown name, or a file whose content is no template.
    """
    if name == DEFAULT:
        return T5
    own = name.endswith(".toml")
    names = template_names(task)
    file = Path(name) if own else FOLDER / f"{name}.toml"
    if not own and name not in names:
        raise SpotError(
            f'task "{task}": expected the name of a template, found "{name}".'
            + did_you_mean(name, names),
            f"its templates: {', '.join(names)}; a path ending in .toml names your own",
        )
    table = _table(file)
    if task not in table:
        raise SpotError(
            f'expected a template of the task "{task}" in {file}, found {", ".join(table) or "none"}.'
            + did_you_mean(task, table),
            f"add a section [{task}]",
        )
    try:
        return Template.model_validate(table[task])
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        near = did_you_mean(key, Template.model_fields)
        raise SpotError(
            f'{file}, template of "{task}": key "{key}": {problem["msg"]}.{near}',
            f"keys: {', '.join(Template.model_fields)}",
        ) from error


@functools.cache
def _packaged(name: str) -> dict:
    return _table(FOLDER / f"{name}.toml")


def _table(file: Path) -> dict:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpotError(
            f"expected templates in TOML at {file}, found: {error}", "correct data.template"
        ) from error


def templated(
    name: str, task: LocalTask, labels: Labels, template: Template
) -> tuple[Examples, Labels]:
    """The task's examples with the template's text and label words.

    SpotError for a field that the task does not have, an unknown cleanup, or another number of
    label words than the task has classes.
    """
    fields = _checked(name, task, labels, template)
    words = template.labels or labels
    options = "".join(f"\n- {word}" for word in words)

    def examples(row: Row, labels: Labels) -> list[Example]:
        made = task.examples(row, labels)
        values = {field: _cleaned(_text(row, field), template, field) for field in fields}
        inputs = template.inputs.format_map({"options": options, **values})
        return [
            replace(one, inputs=inputs, targets=words[one.label] if words else one.targets)
            for one in made
        ]

    return Examples(examples, task.examples.fields), words


def _checked(name: str, task: LocalTask, labels: Labels, template: Template) -> list[str]:
    """The fields that a template names, once all of it fits the task."""
    known = task.examples.fields
    try:
        parts = list(string.Formatter().parse(template.inputs))
    except ValueError as error:
        raise SpotError(
            f'template of "{name}": expected inputs with {{field}}s, found: {error}',
            "write {{ for a brace",
        ) from error
    named = [field for _, field, _, _ in parts if field is not None]
    fields = [field for field in dict.fromkeys(named) if field != "options"]
    for field in (*fields, *template.clean):
        if field not in known:
            raise SpotError(
                f'template of "{name}": unknown field "{field}".{did_you_mean(field, known)}',
                f"fields of the task: {', '.join(known) or 'none that a template may use'}",
            )
    for cleanup in (c for some in template.clean.values() for c in some):
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
            f"fields of the task: {', '.join(known) or 'none that a template may use'}",
        )
    return fields


def _text(row: Row, field: str) -> str:
    """A field as text; a list of texts with its places as letters, one a line."""
    if isinstance(row.value(field), list):
        texts = row.texts(field)
        return "\n".join(f"{chr(65 + place)}: {text}" for place, text in enumerate(texts))
    return row.text(field)


def _cleaned(text: str, template: Template, field: str) -> str:
    for cleanup in template.clean.get(field, ()):
        text = CLEANUPS[cleanup](text)
    return text
