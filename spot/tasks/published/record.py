"""A published task as one record: its form, its data set in each source, its templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spot.tasks.published.form import Examples, Labels
from spot.tasks.published.templates import Template
from spot.tasks.sources.hub import Hub
from spot.tasks.sources.tfds import Tfds
from spot.tasks.text import Example


def _any(example: Example) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class PublishedTask:
    """All that is stated of one published task.

    `examples(row, labels)` makes a row's examples. `labels` are the label words in class order; ()
    with `labels_in_meta` means that the words are in the folder's meta.json. `shared` names the
    field that several rows may have in common and that must not fall on both sides of a cut ("":
    the whole input text). `answer` is the field without which a row is unlabelled. `trains` tells
    which examples may be trained on; all are scored. `only_test` tasks have no rows to train on.
    `tfds` and `hf` are its data sets there, None when it has none; `templates` are texts beside
    T5's form, by name.
    """

    family: str
    labels: Labels
    metrics: tuple[str, ...]
    examples: Examples
    description: str
    scoring: Literal["rank", "generate"] = "rank"
    shared: str = ""
    answer: str = "label"
    labels_in_meta: bool = False
    trains: Callable[[Example], bool] = _any
    only_test: bool = False
    tfds: Tfds | None = None
    hf: Hub | None = None
    templates: Mapping[str, Template] = field(default_factory=dict)
