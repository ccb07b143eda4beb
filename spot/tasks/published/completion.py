"""Common sense, and what comes next: WinoGrande, HellaSWAG, aNLI, PIQA, Social IQa, C4 as a prefix
language model.
"""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.files import Row
from spot.tasks.published.form import LETTERS, Examples, Labels, classified, lettered
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template
from spot.tasks.sources.adapters import Fields, relabelled
from spot.tasks.sources.hub import Hub, converted, parquet_files
from spot.tasks.sources.tfds import Tfds
from spot.tasks.splits import hashed
from spot.tasks.text import Example

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


_DIGITS = {str(digit): digit for digit in range(4)}


def _hellaswag_of_hub(fields: Fields) -> Fields:
    """On the hub labels are digits as text, and the context is called ctx."""
    label = _DIGITS.get(str(fields.get("label")), -2)
    return {**fields, "context": fields.get("ctx"), "label": label}


TASKS: Mapping[str, PublishedTask] = {
    "winogrande": PublishedTask(
        family="coreference",
        labels=("option1", "option2"),
        metrics=("accuracy",),
        examples=classified("winogrande", "option1", "option2", "sentence"),
        description="Which option fills the gap? (WinoGrande)",
        tfds=Tfds("winogrande", {"train": "train_xl", "validation": "validation"}),
        hf=Hub(
            "allenai/winogrande",
            "01e74176c63542e6b0bcb004dcdea22d94fb67b5",
            parquet_files("winogrande_xl/", "train", "validation"),
            relabelled("answer", "1", "2"),
        ),
    ),
    "hellaswag": PublishedTask(
        family="multiple choice",
        labels=LETTERS,
        metrics=("accuracy",),
        examples=lettered("hellaswag", "endings", "context"),
        description="Which ending follows? (HellaSWAG)",
        shared="context",
        tfds=Tfds("hellaswag"),
        hf=Hub(
            "Rowan/hellaswag",
            "218ec52e09a7e7462a5400043bb9a69a41d06b76",
            parquet_files("data/", "train", "validation"),
            _hellaswag_of_hub,
        ),
        templates={
            "flan": Template("{context}\nWhich of these comes next?\n{endings}\nOPTIONS:{options}"),
            "gpt3": Template("{context}\n{endings}\nNext:"),
        },
    ),
    "alpha_nli": PublishedTask(
        family="commonsense",
        labels=("hypothesis_1", "hypothesis_2"),
        metrics=("accuracy",),
        examples=classified(
            "alpha_nli", "hypothesis_1", "hypothesis_2", "observation_1", "observation_2"
        ),
        description="Which hypothesis explains both observations? (aNLI, also called ART)",
        shared="observation_1",
        tfds=Tfds("art", adapt=relabelled("label", 1, 2)),
        hf=converted(
            "allenai/art", "anli", relabelled("label", 1, 2), train="train", validation="validation"
        ),
    ),
    "piqa": PublishedTask(
        family="commonsense",
        labels=("sol1", "sol2"),
        metrics=("accuracy",),
        examples=classified("piqa", "goal", "sol1", "sol2"),
        description="Which of two ways reaches the goal? (PIQA)",
        shared="goal",
        tfds=Tfds("piqa"),
        hf=converted("ybisk/piqa", "plain_text", train="train", validation="validation"),
    ),
    "social_iqa": PublishedTask(
        family="multiple choice",
        labels=("answerA", "answerB", "answerC"),
        metrics=("accuracy",),
        examples=classified("social_iqa", "answerA", "answerB", "answerC", "context", "question"),
        description="Why people act so and how they feel, three choices (Social IQa)",
        shared="context",
        hf=converted(
            "allenai/social_i_qa",
            "default",
            relabelled("label", "1", "2", "3"),
            train="train",
            validation="validation",
        ),
    ),
    "c4": PublishedTask(
        family="language model",
        labels=(),
        metrics=("squad_f1",),
        examples=Examples(_c4, ("text",)),
        description="Continue a text of the web (C4 as a prefix language model)",
        scoring="generate",
        answer="text",
        tfds=Tfds("c4/en"),
    ),
}
