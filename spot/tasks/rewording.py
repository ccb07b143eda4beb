"""A task in the words of another: its rows by the other's template, its classes by the other's label words.

A prompt that is tried on another task has learned one text and one set of label words. The task is shown
to it in these, so that what is measured is the domain and not the words (QQP says "duplicate" where MRPC
says "equivalent").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from spot.tasks.files import Row
from spot.tasks.metrics import NUMBER_METRICS
from spot.tasks.rendering import renamed, rendering
from spot.tasks.task import Task, digest
from spot.tasks.text import Example

Words = Literal["own", "by name", "by index"]


@dataclass(frozen=True)
class Reworded:
    """A task in the words of another. `text` tells whose template its rows have; `words` whose label words
    its classes have: its own, or those of the other, by name where they differ in case or order alone, else
    by index.
    """

    task: Task
    text: Literal["own", "source"]
    words: Words

    def __str__(self) -> str:
        """Both in words, behind the name of the task that they are of.

        >>> from spot.tasks.mini.suite import mini_task
        >>> str(reworded(mini_task("mini_mrpc"), mini_task("mini_qqp")))
        'text of the source, label words of the source by index'
        """
        if self.text == self.words == "own":
            return "own words"
        words = (
            "own label words" if self.words == "own" else f"label words of the source {self.words}"
        )
        text = "own text" if self.text == "own" else "text of the source"
        return f"{text}, {words}" if self.task.labels else text


def as_it_is(task: Task) -> Reworded:
    """The task in its own words."""
    return Reworded(task, "own", "own")


def reworded(task: Task, source: Task) -> Reworded:
    """The task as a prompt of the source expects it, on one model (see `Task.on`): with the source's
    template, text prompt and label words. Rows and splits stay the task's.

    Columns of a name that both have stand for each other, the others by their order. Where the templates
    have another number of columns, or code alone makes the text, the text stays the task's own; where that
    lists its label words itself, or a registered Task makes its own tokens, all stays as it is. Examples in
    front of a text are the task's own training rows, so another task than the source has none.

    Raises ValueError, with the reason, for tasks whose answers cannot be compared: chosen and written ones,
    numbers and texts, another number of classes.
    """
    if reason := incomparable(task, source):
        raise ValueError(reason)
    names = matched(source.columns, task.columns) if source.inputs else None
    lists_words = task.shows_labels and not task.front  # within its text
    if task.raw is None or (names is None and lists_words):
        return as_it_is(task)
    words, labels = _words(task.labels, source.labels)
    inputs, clean = (task.inputs, dict(task.clean)) if names is None else _template(source, names)
    own_text = (inputs, clean) == (task.inputs, dict(task.clean))
    wording = replace(
        task,
        text=source.text,
        shots=source.shots if task.name == source.name else 0,
        shot_seed=source.shot_seed,
        list_labels=source.list_labels,
    )
    if own_text and words == "own" and source.front == task.front:
        return Reworded(wording, "own", "own")
    # The task has read its rows itself: an empty column among several is one that it lets pass.
    several = len(task.columns) > 1
    render = None if own_text else rendering(inputs, clean, may_be_empty=several)
    changed = _rewritten(wording, source, inputs, clean, labels, render)
    return Reworded(changed, "own" if own_text else "source", words)


def incomparable(task: Task, source: Task) -> str:
    """The reason why a prompt of the source has no answer to the task, "" where it has."""
    here, there = len(task.labels), len(source.labels)
    if source.scoring != task.scoring:
        chosen, made = (source, task) if source.scoring == "rank" else (task, source)
        return (
            f"answers of {chosen.name} are chosen among label words, those of {made.name} written"
        )
    numbers = [any(name in NUMBER_METRICS for name in each.metrics) for each in (task, source)]
    if numbers[0] != numbers[1]:
        return "the answers of one are numbers, those of the other texts"
    if task.scoring == "rank" and here != there:
        return f"{there} classes against {here}"
    return ""


def matched(columns: Sequence[str], others: Sequence[str]) -> dict[str, str] | None:
    """The other column that stands for each column: that of its name, and of the rest in order; None where
    one has more than the other.

    >>> matched(("question1", "question2"), ("sentence1", "sentence2"))
    {'question1': 'sentence1', 'question2': 'sentence2'}
    >>> matched(("passage", "question"), ("question", "context"))
    {'passage': 'context', 'question': 'question'}
    """
    if not columns or len(columns) != len(others):
        return None
    rest = iter([other for other in others if other not in columns])
    return {column: column if column in others else next(rest) for column in columns}


def _words(own: Sequence[str], others: Sequence[str]) -> tuple[Words, tuple[str, ...]]:
    """The label words of the other task in this task's class order."""
    if tuple(own) == tuple(others):
        return "own", tuple(own)
    by_name = {word.casefold(): word for word in others}
    if len(by_name) == len(others) and by_name.keys() == {word.casefold() for word in own}:
        return "by name", tuple(by_name[word.casefold()] for word in own)
    return "by index", tuple(others)


def _template(source: Task, names: Mapping[str, str]) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The source's template, with columns of these names."""
    clean = {names[column]: steps for column, steps in source.clean.items() if column in names}
    return renamed(source.inputs, names), clean


def _rewritten(
    task: Task,
    source: Task,
    inputs: str,
    clean: Mapping[str, tuple[str, ...]],
    labels: tuple[str, ...],
    render: Callable[[Row], str] | None,
) -> Task:
    """The task with these label words and, where `render` makes one, this text; in front stands what stands
    in front of the source's.
    """
    assert task.raw is not None
    pairs, front = task.raw, source.front

    def raw(split: str) -> Iterator[tuple[Row, Example]]:
        for row, example in pairs(split):
            text = example.inputs if render is None else render(row)
            target = labels[example.label] if example.label >= 0 else example.targets
            yield row, replace(example, inputs=text, targets=target)

    def read(split: str) -> Iterator[Example]:
        for _, example in raw(split):
            yield replace(example, inputs=front + example.inputs)

    def fingerprint() -> str:
        template = [inputs, {name: list(steps) for name, steps in clean.items()}]
        return digest("reworded", task.fingerprint(), template, labels, front)

    words = dict(zip(task.labels, labels, strict=True))
    return replace(
        task,
        labels=labels,
        read=read,
        raw=raw,
        fingerprint=fingerprint,
        front=front,
        complete=lambda text: front + text,
        shows_labels=not front,  # what stands in front is known, whatever the model's default
        template=task.template if render is None else source.template,
        render=render or task.render,
        inputs=inputs,
        clean=clean,
        values={value: words.get(word, word) for value, word in task.values.items()},
    )
