"""Field names and class indices of one publisher turned into those of TFDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Fields = Mapping[str, object]
Adapt = Callable[[Fields], Fields | None]
"""From a row's fields as published to those of TFDS; None for a row without an answer."""


def as_published(fields: Fields) -> Fields:
    """The fields unchanged: nothing differs from TFDS."""
    return fields


def labelled(fields: Fields) -> Fields | None:
    """The fields unchanged; None where annotators did not agree on a label (-1)."""
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
    """The class index as the position of `field`'s value in `order`; -2 for an unknown value.

    >>> relabelled("answer", "1", "2")({"answer": "2"})["label"]
    1
    """

    def adapt(fields: Fields) -> Fields:
        value = fields.get(field)
        return {**fields, "label": order.index(value) if value in order else -2}

    return adapt
