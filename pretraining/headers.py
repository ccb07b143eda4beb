"""Headers for soft prompts: label words, words that explain them, and marks of the family.

Unlike the keyword headers of `pretraining.examples`, a header has no order: `soft_headers.place`
distributes its parts over the slots of a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pretraining import wording
from pretraining.examples import (
    PretrainingTask,
    draw_items,
    draw_keys,
    wording_of,
    words_of_task,
)
from pretraining.mini.topic import phrases
from spot.tasks.mini.suite import written

# Four one-token words that name each family: few, so that prompts of related tasks share them.
MARKS: dict[str, tuple[str, str, str, str]] = {
    "sentiment": ("opinion", "mood", "feeling", "verdict"),
    "inference": ("conclusion", "evidence", "consequence", "truth"),
    "paraphrase": ("message", "version", "translation", "mirror"),
    "boolean": ("query", "reading", "information", "detail"),
    "topic": ("subject", "field", "area", "section"),
    "acceptability": ("grammar", "form", "English", "language"),
    "sense": ("term", "meaning", "expression", "dictionary"),
    "alternatives": ("choice", "decision", "option", "story"),
    "pick": ("search", "spot", "detect", "hunt"),
}
# Forms of a list of label words in the text, and the separator of the words.
LISTS = (
    ("Answer {}. ", " or "), ("{}. ", " "), ("Options: {}. ", ", "), ("({}) ", "/"),
    ("{} -> ", "; "), ("Pick from {}: ", " and "), ("{}? ", ", "),
)  # fmt: skip
# The share of right answers by the number of marks of the family; the other answers are drawn.
RIGHT = (0.25, 0.6, 0.8, 1.0, 1.0)


@dataclass(frozen=True)
class Header:
    """Parts of a header.

    `labels` are the label words in class order, empty if the text lists them; `telling` has for each
    class words of its texts, or is empty; `marks` name the family, `others` other families.
    """

    labels: tuple[str, ...]
    telling: tuple[tuple[str, ...], ...]
    marks: tuple[str, ...]
    others: tuple[str, ...]


def headed_examples(
    task: PretrainingTask, rng: Random, words: Sequence[str]
) -> tuple[Header, tuple[tuple[str, str], ...]]:
    """A header, and two (inputs, targets) pairs for it.

    Most label words and half of the keys are drawn from `words`; half of the texts list their label
    words. As in `prompted_examples`, the more marks name the family, the more answers are right. A
    topic is explained by words of its texts or, half of the time, has its name as the label word.
    """
    items, named_labels = draw_items(task, rng)
    family = "alternatives" if wording_of(task) == "plausible" else wording_of(task)
    telling: tuple[tuple[str, ...], ...] = tuple((word,) for word in named_labels)
    if task.family == "topic":
        telling = tuple(_of_topic(rng, topic) for topic in named_labels)
    if task.family == "topic" and rng.random() < 0.5:
        labels = named_labels
        telling = telling if rng.random() < 0.5 else ()
    elif named_labels or rng.random() < 0.75:
        count = len(named_labels) or len(wording.LABELS[words_of_task(task)][0])
        labels = tuple(rng.sample(words, count))
    else:
        labels = rng.choice(wording.LABELS[words_of_task(task)])
    named = rng.randint(0, 4)
    right = RIGHT[named]
    others: tuple[str, ...] = ()
    if rng.random() < 0.3:
        # Mostly one other family, sometimes all: one prompt can serve many tasks.
        count = rng.choice((1, 1, 1, 2, 4, 8))
        named_too = rng.sample([name for name in MARKS if name != family], count)
        others = tuple(m for name in named_too for m in rng.sample(MARKS[name], rng.randint(1, 3)))
        right = right if named else 0.0
    keys = draw_keys(task, rng, words)
    listed = rng.random() < 0.5
    before = after = ""
    if listed:
        form, joint = rng.choice(LISTS)
        before = form.format(joint.join(labels))
        if rng.random() < 0.3:
            before, after = "", f" {before.rstrip()}"
    pairs = []
    for item in rng.sample(items, 2):
        answer = labels[item.label] if rng.random() < right else rng.choice(labels)
        pairs.append((f"{before}{written(keys, item.texts)}{after}", answer))
    marks = tuple(rng.sample(MARKS[family], named))
    return Header(() if listed else labels, telling, marks, others), tuple(pairs)


def _of_topic(rng: Random, topic: str) -> tuple[str, ...]:
    """One to four words of the topic's texts."""
    agents, _, objects = phrases(topic)
    chosen = rng.sample([*agents, *objects], rng.randint(1, 4))
    return tuple(phrase.split()[-1] for phrase in chosen)
