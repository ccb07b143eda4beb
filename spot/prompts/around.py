"""Rows in front of the text and behind it (WARP: Hambardzumyan et al. 2021, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from spot.errors import SpotError
from spot.prompts.kind import Arrays, Form, Kind, Start
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

NAME = "around"
DESCRIPTION = "rows in front of the text and behind it"
OPTIONS = {"after": Option(1, "rows behind the text, the last of prompt.length", least=0)}


def around(after: int) -> Kind:
    """The kind whose last `after` rows stand behind the text."""
    return Kind(
        name=written(NAME, {"after": after}, OPTIONS),
        description=DESCRIPTION,
        arrays=("prompt",),
        init=partial(_init, after),
        effect=partial(_effect, after),
        key=lambda arrays: arrays["prompt"],
        count=lambda length, config: length * config.d_model,
        before=partial(_front, after),
        after=lambda length: length - _front(after, length),
        packed=False,
        is_rows=True,
    )


def _init(after: int, start: Start) -> Arrays:
    _front(after, start.length)
    return {"prompt": start.rows}


def _effect(
    after: int, arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any
) -> Effect:
    from spot.models.effect import Effect

    rows = arrays["prompt"]
    front = _front(after, rows.shape[1])
    return Effect(before=rows[:, :front], after=rows[:, front:], owner=owner)


def _front(after: int, length: int) -> int:
    """How many of a prompt's rows stand in front; SpotError if there are too few for those behind."""
    if after > length:
        raise SpotError(
            f"prompt.kind={NAME}: expected at least the {after} rows that stand behind the text, found "
            f"a prompt of {length}",
            f"set prompt.length={after} or more, or prompt.kind={NAME}:after={length}",
        )
    return length - after


FORM = Form(NAME, DESCRIPTION, around, OPTIONS)
