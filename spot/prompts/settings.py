"""The settings of a soft prompt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from spot.settings import Length, Stage


class PromptSettings(Stage):
    """The soft prompt: its kind, its P tokens and where they start from.

    `init` None is the model's own start: "vocab", or for the embedded model "words".
    """

    kind: str = "prefix"
    """What the prompt does to the model."""
    length: Length = Field(20, ge=1)
    """Tokens of the prompt."""
    init: str | None = None
    """Where the prompt starts: vocab, labels, random, text, words, entry:<id>, file:<path> or
    nearest:<path>; where it is not set, the model's own start."""
    text: str = ""
    """The text of the inits text and words."""
    filler: Literal["vocab", "random"] = "vocab"
    """The tokens behind those of the inits labels, text and words."""

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, kind: str) -> str:
        from spot.prompts.kinds import find_kind

        return find_kind(kind).name
