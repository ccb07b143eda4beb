"""A task as one value: rows of each split, label words, metrics, wording and a fingerprint.

Training, transfer and study read these values and never learn where a task's text comes from.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from spot.errors import SpotError
from spot.settings import HasDefaults, shown
from spot.tasks.files import Row
from spot.tasks.own_rows import OwnRows, Source
from spot.tasks.row_form import RowForm, RowReader, absent, check_answer, check_form, explained
from spot.tasks.splits import SPLITS
from spot.tasks.text import Example, Reference

__all__ = [
    "MIXING_LIMIT", "Example", "Mixture", "Reference", "Task", "counted", "digest",
    "listing_labels", "mixture_of", "own_task", "proportional_rates", "with_wording", "without_template",
]  # fmt: skip


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True)
class Task:
    """A task: its rows and how its predictions are scored.

    `labels` are the label words in class order, () when there are none. `metrics` are names in
    `spot.tasks.metrics.METRICS`; the main metric is the mean of all their values. `scoring` is
    "rank" (likelihood of each label word) or "generate" (greedy decoding). `read(split)` yields
    examples in file order and raises SpotError for a bad row; `rows(split)` counts them.
    `fingerprint()` is a hex digest of data and definition, cheap to call again; it covers label
    words listed in front and the template, but not `text` and `shots`, which depend on the
    vocabulary and the input length (see `spot.tasks.tokens`).

    `available()` is "" or the reason why the data is missing; `fetch()` downloads missing data if
    the task's `source` can, and raises SpotError where it cannot. `split_rule` states in words how
    the splits were made. `registered` is the name of the user's registered seqio Task behind this
    task, "" for every other task; its token ids are used as that Task makes them.

    `front` is the list of label words that `read` puts in front of every text, "" for none.
    `complete` puts a new text behind everything that stands in front of this task's texts.
    `shows_labels` says that the texts list the label words themselves, as FLAN's options do.
    `list_labels`, `template`, `text`, `shots` and `shot_seed` are its wording, see `wording`;
    `list_labels` None leaves it to the model whether label words are listed, see `on`.

    `render(row)` is the input text of one raw row without its answer, as `read` makes it but for what
    stands in `front`; `columns` are the fields that it reads. None and () where a task has no such form.
    `inputs` and `clean` are that text as a template (see `spot.tasks.rendering`), "" where only code
    makes it. `label` is the field with the answer, and `values` the label word of each of its values.
    `file` is the path of the TOML file behind the task, as it was given. `raw(split)` yields each of
    the examples with the row that it is made of, without what stands in front; None where rows are not
    known.
    """

    name: str
    family: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    scoring: Literal["rank", "generate"]
    splits: tuple[str, ...]
    read: Callable[[str], Iterator[Example]]
    fingerprint: Callable[[], str]
    description: str
    rows: Callable[[str], int]
    license: str = ""
    available: Callable[[], str] = lambda: ""
    split_rule: str = ""
    registered: str = ""
    front: str = ""
    complete: Callable[[str], str] = _unchanged
    fetch: Callable[[], None] = lambda: None
    source: str = ""
    shows_labels: bool = False
    list_labels: bool | None = None
    template: str = ""
    text: str = ""
    shots: int = 0
    shot_seed: int = 0
    columns: tuple[str, ...] = ()
    render: Callable[[Row], str] | None = None
    inputs: str = ""
    clean: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    raw: Callable[[str], Iterator[tuple[Row, Example]]] | None = None

    @property
    def members(self) -> tuple[Task, ...]:
        """The task alone, so that tasks and mixtures are read alike."""
        return (self,)

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate of each member."""
        return (1.0,)

    @property
    def wording(self) -> dict[str, object]:
        """The wording that differs from the default; keys as in an entry's recipe.

        `list_labels` (only what the user set: without it the model's default holds, see `on`),
        `template`, `text`, `shots`, `shot_seed`.
        """
        wording = {
            "template": self.template,
            "text": self.text,
            "shots": self.shots,
            "shot_seed": self.shot_seed if self.shots else 0,
        }
        set_by_user = {} if self.list_labels is None else {"list_labels": self.list_labels}
        return set_by_user | {key: value for key, value in wording.items() if value}

    def on(self, model: HasDefaults) -> Task:
        """The task as this model reads it: where `list_labels` is None, its label words are listed if
        the model's defaults say so, in a task that has label words and does not list them already.

        False that changes nothing is forgotten, so the wording names what differs from the default.
        Calling it again changes nothing.
        """
        listed = self.front or self.shows_labels or self.registered
        default = bool(model.defaults.list_labels and self.labels and not listed)
        if self.list_labels is None and default:
            return listing_labels(self)
        if self.list_labels is False and not default:
            return replace(self, list_labels=None)
        return self

    @classmethod
    def from_rows(
        cls,
        name: str,
        train: Iterable[Mapping[str, object]],
        validation: Iterable[Mapping[str, object]] | None = None,
        test: Iterable[Mapping[str, object]] | None = None,
        *,
        inputs: str = "{text}",
        labels: Sequence[str] | Mapping[Any, str] | None = None,
        label: str = "label",
        target: str | None = None,
        metrics: Sequence[str] | None = None,
        family: str = "",
        group: str = "",
        description: str = "",
        list_labels: bool | None = None,
    ) -> Task:
        """A task of rows in memory, each a mapping from field to value.

        `inputs` is the text, with a row's {field}s. `labels` are the label words, as the field
        `label` holds them, or a mapping from its values to label words (classes are in the order
        of the words); without them the distinct values of `label` are, sorted. `target` is the field
        with a free answer (or a list of accepted ones) instead. Missing splits are cut by the rule of
        `spot.tasks.own_rows`, which also says what becomes of texts in two splits; `group` names a
        field whose equal values stay on one side. All rows are checked now: SpotError names the split
        and the row, counted from 1. The rows are copied, so the fingerprint is of their content.

        >>> rows = [{"text": "Where is my money?", "label": "billing"}]
        >>> task = Task.from_rows("tickets", rows, rows, rows, labels=["billing", "bug"])
        >>> next(task.read("test")).label
        0
        """
        origin = f'task "{name}"'
        form = _row_form(
            origin, labels, label, target, name=name, inputs=inputs, metrics=metrics or (),
            family=family, group=group, description=description,
        )  # fmt: skip
        splits = {"train": train, "validation": validation, "test": test}
        given = {s: _memory_rows(origin, s, rows) for s, rows in splits.items() if rows is not None}
        if not given.get("train"):
            raise SpotError(f"{origin}: expected rows of train, found none", "give it rows")
        own = OwnRows(
            origin,
            form,
            {s: Source(f"the rows of {s}", rows.__iter__) for s, rows in given.items()},
        )
        own.cut()  # checks every row

        @functools.cache
        def fingerprint() -> str:
            content = {s: [asdict(own.reader.example(row)) for row in given[s]] for s in given}
            return digest("rows", 2, own.form.model_dump(), content)

        return with_wording(own_task(own, fingerprint), list_labels=list_labels)


def own_task(
    own: OwnRows, fingerprint: Callable[[], str], available: Callable[[], str] = lambda: ""
) -> Task:
    """The task of a user's own rows; without label words while its data is missing."""
    form = own.stated if available() else own.form
    return Task(
        name=form.name,
        family=form.family,
        labels=form.words,
        metrics=form.scored_by,
        scoring="rank" if form.classified else "generate",
        splits=SPLITS,
        read=own.read,
        fingerprint=fingerprint,
        description=form.description,
        rows=counted(own.read),
        license=form.license,
        available=available,
        split_rule=own.rule,
        columns=RowReader(form, own.origin).columns,
        render=RowReader(form, own.origin).render,
        inputs=form.inputs,
        label=form.label,
        values=form.labels,
        raw=own.raw,
    )


def _row_form(
    origin: str,
    labels: Sequence[str] | Mapping[Any, str] | None,
    label: str,
    target: str | None,
    **fields: Any,
) -> RowForm:
    """The checked form of rows in memory."""
    if labels is not None and (isinstance(labels, str) or not labels):
        raise SpotError(
            f"{origin}: expected labels as a list of different words, found {shown(labels)}",
            'for example labels=["billing", "bug"]',
        )
    if target is not None:
        answer: dict[str, Any] = {"target": target, "labels": labels or {}}
    else:
        answer = {"label": label, "labels": labels or {}}
    try:
        form = RowForm(**answer, **fields)
    except ValidationError as error:
        raise explained(origin, error, lambda depth: list(RowForm.model_fields)) from error
    if not form.inputs:
        raise absent(origin, "inputs")
    check_answer(origin, form)
    check_form(origin, form)
    return form


def _memory_rows(origin: str, split: str, rows: Iterable[Mapping[str, object]]) -> tuple[Row, ...]:
    """The rows of a split, copied."""
    place, copied = Path(f"{origin}, {split}"), []
    if not isinstance(rows, Iterable):
        raise SpotError(
            f"{origin}: expected the rows of {split} as a list of mappings, found {shown(rows)}",
            'for example [{"text": "my invoice is wrong", "label": "billing"}]',
        )
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            found = Row(place, number, {}, "row")
            raise found.error("a mapping from fields to values", shown(row))
        copied.append(Row(place, number, dict(row), "row"))
    return tuple(copied)


def listing_labels(task: Task) -> Task:
    """The task with its label words, in class order, in front of every text (FLAN's options, Wei et
    al. 2022, section 2.1): "no | yes. passage: …". Without label words it is unchanged.

    A prompt then need not store them, so one prompt can serve tasks of different label words. Texts that
    show them already stay as they are.
    Raises SpotError for a registered seqio Task, whose tokens are its own.
    """
    if not task.labels or task.front or task.shows_labels:
        return task
    if task.registered:
        raise SpotError(
            f'task "{task.name}": expected a text to list label words in, found the '
            f'registered seqio Task "{task.registered}", which makes its own tokens',
            "list them in its preprocessors, and leave data.list_labels off",
        )
    front = f"{' | '.join(task.labels)}. "

    def read(split: str) -> Iterator[Example]:
        for example in task.read(split):
            yield replace(example, inputs=front + example.inputs)

    def fingerprint() -> str:
        return digest("lists labels", task.fingerprint(), front)

    def complete(text: str) -> str:
        return front + task.complete(text)

    return replace(task, read=read, fingerprint=fingerprint, front=front, complete=complete)


def with_wording(
    task: Task,
    *,
    list_labels: bool | None = None,
    text: str = "",
    shots: int = 0,
    shot_seed: int = 0,
) -> Task:
    """The task with its label words listed in front of every text (None: as the model's default is),
    and with a text prompt and training examples in front of that.

    `text` and `shots` are put there when the task is tokenised, for only a vocabulary and an input
    length tell how many examples fit. SpotError for a registered seqio Task.
    """
    task = replace(listing_labels(task) if list_labels else task, list_labels=list_labels)
    if not text and not shots:
        return replace(task, text="", shots=0, shot_seed=0)
    if task.registered:
        raise SpotError(
            f'task "{task.name}": expected a text to put a prompt in front of, found the '
            f'registered seqio Task "{task.registered}", which makes its own tokens',
            "add the prompt in its preprocessors, and leave data.text and data.shots off",
        )
    return replace(task, text=text, shots=shots, shot_seed=shot_seed)


def without_template(task: Task) -> Task:
    """The task, taking new texts as the template has written them already."""
    return replace(task, columns=(), render=None, inputs="", clean={})


@dataclass(frozen=True)
class Mixture:
    """Tasks trained together: `rates[i]` is the share of examples from `members[i]`; sum 1."""

    name: str
    members: tuple[Task, ...]
    rates: tuple[float, ...]

    family = "mixture"

    @property
    def wording(self) -> dict[str, object]:
        """The members' wording; where it differs among them, a value by member's name."""
        keys = dict.fromkeys(key for member in self.members for key in member.wording)
        wording: dict[str, object] = {}
        for key in keys:
            values = {m.name: m.wording[key] for m in self.members if key in m.wording}
            same = len(values) == len(self.members) and len(set(map(str, values.values()))) == 1
            wording[key] = next(iter(values.values())) if same else values
        return wording

    def on(self, model: HasDefaults) -> Mixture:
        """The mixture whose members are as this model reads them."""
        return replace(self, members=tuple(member.on(model) for member in self.members))


MIXING_LIMIT = 2**19
"""Examples-proportional mixing counts no task as larger than this (Vu et al. 2022, section 3.1)."""


def mixture_of(name: str, members: Sequence[Task]) -> Mixture:
    """A mixture with examples-proportional rates; counts the training rows of each member."""
    sizes = {member.name: member.rows("train") for member in members}
    return Mixture(name, tuple(members), proportional_rates(sizes))


def proportional_rates(sizes: Mapping[str, int], limit: int = MIXING_LIMIT) -> tuple[float, ...]:
    """Examples-proportional rates min(n_i, K) / sum_j min(n_j, K), in the order of `sizes`.

    >>> proportional_rates({"a": 300, "b": 900}, limit=600)
    (0.3333333333333333, 0.6666666666666666)
    """
    capped = [min(n, limit) for n in sizes.values()]
    return tuple(n / sum(capped) for n in capped)


def digest(*parts: object) -> str:
    """Hex sha256 of the canonical JSON of `parts`; the fingerprint of any JSON-serialisable value.

    >>> digest("a", 1) == digest("a", 1) != digest("a", 2)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def counted(read: Callable[[str], Iterator[Example]]) -> Callable[[str], int]:
    """A `rows` function that reads a split once and caches its number of examples."""

    @functools.cache
    def rows(split: str) -> int:
        return sum(1 for _ in read(split))

    return rows
