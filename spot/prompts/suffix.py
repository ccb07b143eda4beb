"""Prompt rows behind the text: the encoder of a T5 reads them behind EOS, a decoder between the text
and its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spot.prompts.kind import Form, Kind

if TYPE_CHECKING:
    from spot.models.effect import Effect


def _effect(arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect

    return Effect(after=arrays["suffix"], owner=owner)


SUFFIX = Kind(
    name="suffix",
    description="rows behind the text, in front of the answer",
    arrays=("suffix",),
    init=lambda start: {"suffix": start.rows},
    effect=_effect,
    key=lambda arrays: arrays["suffix"],
    count=lambda length, config: length * config.d_model,
    before=lambda length: 0,
    after=lambda length: length,
    packed=False,
    is_rows=True,
)

FORM = Form(SUFFIX.name, SUFFIX.description, lambda: SUFFIX)
