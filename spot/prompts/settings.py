"""The settings of a soft prompt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from spot.settings import Stage


class PromptSettings(Stage):
    """The soft prompt: its kind, its P tokens and where they start from.

    `init` None is the model's own start: "vocab", or for the embedded model "words".
    """

    kind: str = "prefix"
    length: int = Field(20, ge=1)
    init: str | None = None  # vocab, labels, random, text, words, entry:<id> or file:<path>
    text: str = ""  # for init = "text" and "words"
    filler: Literal["vocab", "random"] = "vocab"  # of the tokens behind those of labels or text

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, kind: str) -> str:
        from spot.prompts.kinds import find_kind

        return find_kind(kind).name
