"""The plain prompt: P trained rows in front of the embedded text (Lester et al. 2021, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spot.prompts.kind import Form, Kind

if TYPE_CHECKING:
    from spot.models.effect import Effect


def _effect(arrays: Mapping[str, Any], _embedded: Any, _mask: Any, owner: Any) -> Effect:
    from spot.models.effect import Effect

    return Effect(before=arrays["prompt"], owner=owner)


PREFIX = Kind(
    name="prefix",
    description="rows in front of the text",
    arrays=("prompt",),
    init=lambda start: {"prompt": start.rows},
    effect=_effect,
    key=lambda arrays: arrays["prompt"],
    count=lambda length, config: length * config.d_model,
    before=lambda length: length,
    after=lambda length: 0,
    packed=True,
    is_rows=True,
    plain=lambda arrays: arrays["prompt"],
)

FORM = Form(PREFIX.name, PREFIX.description, lambda: PREFIX)
