"""The table of prompt kinds. A new one is one file and one line here."""

from __future__ import annotations

from spot.errors import SpotError, did_you_mean
from spot.prompts.kind import Kind
from spot.prompts.prefix import PREFIX
from spot.prompts.suffix import SUFFIX

KINDS: dict[str, Kind] = {kind.name: kind for kind in (PREFIX, SUFFIX)}


def find_kind(name: str) -> Kind:
    """The kind of this name; SpotError with the nearest one if there is none."""
    if name not in KINDS:
        raise SpotError(
            f'unknown prompt kind "{name}".{did_you_mean(name, KINDS)}',
            f"prompt.kind is one of {', '.join(KINDS)}",
        )
    return KINDS[name]
