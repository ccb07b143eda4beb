"""The table of prompt kinds. A new one is one file and one line here."""

from __future__ import annotations

from spot.errors import look_up
from spot.prompts.kind import Kind
from spot.prompts.prefix import PREFIX
from spot.prompts.suffix import SUFFIX

KINDS: dict[str, Kind] = {kind.name: kind for kind in (PREFIX, SUFFIX)}


def find_kind(name: str) -> Kind:
    """The kind of this name; SpotError with the nearest one if there is none."""
    return look_up(KINDS, name, "prompt kind", "prompt.kind")
