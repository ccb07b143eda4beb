"""Common sense, and what comes next: WinoGrande, HellaSWAG, aNLI, PIQA, Social IQa, C4 as a prefix
language model.
"""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.files import Row
from spot.tasks.published.form import Examples, Labels, LocalTask, classified, lettered
from spot.tasks.published.qa import LETTERS
from spot.tasks.splits import hashed
from spot.tasks.task import Example

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
    "alpha_nli": LocalTask(
        "commonsense",
        ("hypothesis_1", "hypothesis_2"),
        ("accuracy",),
        classified("alpha_nli", "hypothesis_1", "hypothesis_2", "observation_1", "observation_2"),
        "Which hypothesis explains both observations? (aNLI, also called ART)",
        shared="observation_1",
    ),
    "piqa": LocalTask(
        "commonsense",
        ("sol1", "sol2"),
        ("accuracy",),
        classified("piqa", "goal", "sol1", "sol2"),
        "Which of two ways reaches the goal? (PIQA)",
        shared="goal",
    ),
    "social_iqa": LocalTask(
        "multiple choice",
        ("answerA", "answerB", "answerC"),
        ("accuracy",),
        classified("social_iqa", "answerA", "answerB", "answerC", "context", "question"),
        "Why people act so and how they feel, three choices (Social IQa)",
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
