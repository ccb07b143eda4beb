"""The text-to-text form of published tasks, and row functions that several families share.

The form is T5's (Raffel et al. 2020, appendix D): the task's name, then each field as `name: text`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from spot.tasks.files import Row
from spot.tasks.rendering import rendering
from spot.tasks.text import Example

Labels = tuple[str, ...]
LETTERS = ("A", "B", "C", "D")
_Function = Callable[[Row, Labels], list[Example]]


@dataclass(frozen=True)
class Examples:
    """A function from a row and the label words to its examples, with the fields that their texts read.

    `text` makes the text alone, of a row without its answer; None where a row has several. `inputs`
    and `clean` are that text as a template, "" where only code can make it.
    """

    function: _Function
    fields: tuple[str, ...]
    text: Callable[[Row], str] | None = None
    inputs: str = ""
    clean: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, row: Row, labels: Labels) -> list[Example]:
        return self.function(row, labels)


def form(task: str, fields: Mapping[str, str]) -> str:
    """The text-to-text form with the fields sorted by name.

    >>> form("rte", {"premise": "It rained.", "hypothesis": "It was dry."})
    'rte hypothesis: It was dry. premise: It rained.'
    """
    return " ".join([task, *(f"{name}: {fields[name]}" for name in sorted(fields))])


def formed(function: _Function, task: str, **fields: str) -> Examples:
    """Examples whose text is the form of `fields`, from their names there to those of the rows."""
    inputs = form(task, {name: f"{{{own}}}" for name, own in fields.items()})
    return Examples(function, tuple(fields.values()), rendering(inputs), inputs)


def classified(task: str, *fields: str) -> Examples:
    """Rows with text `fields` and a class index in "label" -> one example each."""

    def examples(row: Row, labels: Labels) -> list[Example]:
        label = row.label(labels)
        return [Example(form(task, {f: row.text(f) for f in fields}), labels[label], label)]

    return formed(examples, task, **{f: f for f in fields})


def rated(task: str) -> Examples:
    """Sentence pairs with a score from 0 to 5 -> the score to the nearest 0.2 as text.

    As in T5 (round half to even); `reference` keeps the exact score, which metrics compare with.
    """

    def examples(row: Row, labels: Labels) -> list[Example]:
        rating = row.number("label", 0.0, 5.0)
        pair = {f: row.text(f) for f in ("sentence1", "sentence2")}
        return [Example(form(task, pair), f"{round(rating * 5) / 5:.1f}", reference=rating)]

    return formed(examples, task, sentence1="sentence1", sentence2="sentence2")


def lettered(task: str, choices: str, *fields: str) -> Examples:
    """Rows with text `fields`, a list of texts `choices` and a class index in "label" -> one example
    each, with the choices under the LETTERS, which are the label words.
    """

    def text(row: Row) -> str:
        offered = dict(zip(LETTERS, row.texts(choices, len(LETTERS)), strict=True))
        return form(task, {**offered, **{f: row.text(f) for f in fields}})

    def examples(row: Row, labels: Labels) -> list[Example]:
        label = row.label(labels)
        return [Example(text(row), labels[label], label)]

    return Examples(examples, (*fields, choices), text)
