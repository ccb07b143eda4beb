"""The verdict on a result: its kind, one sentence for people, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KINDS: dict[str, str] = {
    "above chance": "better than guessing and than the best constant answer",
    "at chance": "not better than guessing or than the best constant answer",
    "too few rows": "perhaps better than chance, but so few rows cannot tell",
    "mixed": "above chance on some tasks, not on others",
    "measured": "a score without a chance level, as of free answers",
    "helped": "transfer is better than training from scratch",
    "helped early only": "transfer was ahead at early checks, but not at the end",
    "hurt": "transfer is worse than training from scratch",
    "better": "better than what it is compared with",
    "worse": "worse than what it is compared with",
    "no difference": "neither is better as far as these rows and seeds can tell",
    "near": "the nearest source is nearer than unrelated tasks are to each other",
    "not near": "the nearest source is no nearer than unrelated tasks are to each other",
    "unknown": "there is too little to compare with",
}
"""Every kind of verdict with its meaning."""


@dataclass(frozen=True)
class Verdict:
    """A plain judgement of a result: a key of KINDS, one sentence, and its numbers by name."""

    kind: str
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {"kind": self.kind, "sentence": self.sentence, "numbers": self.numbers}
