"""What comes next: WinoGrande, HellaSWAG, and C4 as a prefix language model."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.definition import Example
from spot.tasks.files import Row
from spot.tasks.local.form import Examples, Labels, LocalTask, classified, lettered
from spot.tasks.local.qa import LETTERS
from spot.tasks.splits import hashed

C4_WORDS = 128
"""Of a C4 text only so many words are used, so that both parts fit into usual lengths."""


def _c4(row: Row, labels: Labels) -> list[Example]:
    """The words up to a place are the input, the others the target, with no prefix (T5's
    `prefix_lm`). The place is drawn by the text's hash; a text of one word makes no example.
    """
    words = row.text("text").split()[:C4_WORDS]
    if len(words) < 2:
        return []
    place = 1 + hashed("spot-prefix-v1:", " ".join(words)) % (len(words) - 1)
    target = " ".join(words[place:])
    return [Example(" ".join(words[:place]), target, reference=(target,))]


TASKS: Mapping[str, LocalTask] = {
    "winogrande": LocalTask(
        "coreference",
        ("option1", "option2"),
        ("accuracy",),
        classified("winogrande", "option1", "option2", "sentence"),
        "Which option fills the gap? (WinoGrande)",
    ),
    "hellaswag": LocalTask(
        "multiple choice",
        LETTERS,
        ("accuracy",),
        lettered("hellaswag", "endings", "context"),
        "Which ending follows? (HellaSWAG)",
        shared="context",
    ),
    "c4": LocalTask(
        "language model",
        (),
        ("squad_f1",),
        Examples(_c4, ("text",)),
        "Continue a text of the web (C4 as a prefix language model)",
        scoring="generate",
        answer="text",
    ),
}
