"""What a source gives for one task: which splits, their rows, and a digest of their content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spot.tasks.files import Row

Source = Literal["local", "tfds", "hf"]
Fields = Mapping[str, object]
Adapt = Callable[[Fields], Fields | None]
"""From a row's fields as published to those of TFDS; None for a row without an answer."""


@dataclass(frozen=True)
class Store:
    """The rows of one task in one source.

    `files` maps a split to what `rows` takes; a split that it lacks is cut from another (see
    `spot.tasks.splits`). `hashes()` is a digest of each split's content. `available()` is "" or why
    the data is missing, without a look at any network; `fetch()` brings the data here if it can,
    and raises SpotError where it cannot.
    """

    source: Source
    files: Mapping[str, Path]
    rows: Callable[[Path], Iterator[Row]]
    hashes: Callable[[], dict[str, str]]
    available: Callable[[], str]
    fetch: Callable[[], None]
    hint: str


def as_published(fields: Fields) -> Fields:
    """The fields as they are: nothing differs from TFDS."""
    return fields


def labelled(fields: Fields) -> Fields | None:
    """The fields as they are; None where annotators did not agree on a label (-1)."""
    return None if fields.get("label") == -1 else fields


def renamed(**names: str) -> Adapt:
    """Fields under other names: `renamed(context="premise")` calls the premise context.

    >>> renamed(context="premise")({"premise": "Ice melts.", "label": 1})
    {'label': 1, 'context': 'Ice melts.'}
    """

    def adapt(fields: Fields) -> Fields:
        others = {k: v for k, v in fields.items() if k not in names.values()}
        return {**others, **{new: fields.get(old) for new, old in names.items()}}

    return adapt


def relabelled(field: str, *order: object) -> Adapt:
    """The class index as the place of `field`'s value in `order`; -2 for an unknown value.

    >>> relabelled("answer", "1", "2")({"answer": "2"})["label"]
    1
    """

    def adapt(fields: Fields) -> Fields:
        value = fields.get(field)
        return {**fields, "label": order.index(value) if value in order else -2}

    return adapt
