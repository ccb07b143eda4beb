"""Rows in front of the text with a say in who attends to whom (Lester et al. 2021, section 2, let all
attend to all; CPM-2, Zhang et al. 2021, tries the others).

A decoder reads from the left: none of its rows sees the text or a row behind it. The defaults are what it
does anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from spot.errors import SpotError
from spot.models.config import ModelConfig
from spot.prompts.kind import Form, Kind
from spot.variants import Option, written

if TYPE_CHECKING:
    from spot.models.effect import Effect

Among = Literal["all", "causal", "itself"]
NAME = "masked"
DESCRIPTION = "rows in front of the text that see, and are seen by, only what they are told"
OPTIONS = {
    "among": Option(
        "causal",
        "which rows of the prompt a row sees: all, causal (those in front of it), or itself",
        choices=("all", "causal", "itself"),
    ),
    "text": Option(0, "1: the rows see the text", least=0, most=1),
    "seen": Option(1, "0: the text does not see the rows; what is written does", least=0, most=1),
}


def masked(among: str, text: int, seen: int) -> Kind:
    """The kind whose rows see `among` themselves, the text if `text`, and are seen by it if `seen`."""
    return Kind(
        name=written(NAME, {"among": among, "text": text, "seen": seen}, OPTIONS),
        description=DESCRIPTION,
        arrays=("prompt",),
        init=lambda start: {"prompt": start.rows},
        effect=partial(_effect, cast(Among, among), bool(text), bool(seen)),
        key=lambda arrays: arrays["prompt"],
        count=lambda length, config: length * config.d_model,
        before=lambda length: length,
        after=lambda length: 0,
        packed=True,
        check=partial(_check, among, text),
        is_rows=True,
    )


def _effect(
    among: Among,
    text: bool,
    seen: bool,
    arrays: Mapping[str, Any],
    _embedded: Any,
    _mask: Any,
    owner: Any,
) -> Effect:
    from spot.models.effect import Effect, Visibility

    return Effect(before=arrays["prompt"], owner=owner, visible=Visibility(among, text, seen))


def _check(among: str, text: int, config: ModelConfig) -> None:
    asked = [*(["among=all"] if among == "all" else []), *(["text=1"] if text else [])]
    if asked and len(config.stacks) == 1:
        raise SpotError(
            f"prompt.kind={NAME} with {' and '.join(asked)}: expected rows that see only what stands in "
            "front of them, for this model is causal",
            f"leave {' and '.join(asked)} out, or use a T5, whose encoder sees both ways",
        )


FORM = Form(NAME, DESCRIPTION, masked, OPTIONS)
