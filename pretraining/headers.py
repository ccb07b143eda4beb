"""What a soft prompt may say in pretraining: label words, what tells their texts, the family.

Unlike the keyword headers of `pretraining.examples` a header is not a line of words: how its
parts share the places of a prompt is decided where prompts are made.
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

# Four words of one token that name a family each: few, so that prompts of kin tasks share them.
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
# How a text may list its label words, in class order: front or end, what joins them.
LISTS = (
    ("Answer {}. ", " or "), ("{}. ", " "), ("Options: {}. ", ", "), ("({}) ", "/"),
    ("{} -> ", "; "), ("Pick from {}: ", " and "), ("{}? ", ", "),
)  # fmt: skip
# How many answers are right when so many marks name the family; the others are drawn.
RIGHT = (0.25, 0.6, 0.8, 1.0, 1.0)


@dataclass(frozen=True)
class Header:
    """Label words in class order, or nothing if the text lists them; for each class words of its
    texts, or nothing; the family's marks and those of other families.
    """

    labels: tuple[str, ...]
    telling: tuple[tuple[str, ...], ...]
    marks: tuple[str, ...]
    others: tuple[str, ...]


def headed_examples(
    task: PretrainingTask, rng: Random, words: Sequence[str]
) -> tuple[Header, tuple[tuple[str, str], ...]]:
    """A header, and two (inputs, targets) pairs that it stands before; label words are mostly drawn
    from `words`, half of the keys as well; half of the texts list their label words.

    As in `prompted_examples`, the more marks name the family the more of the answers are right.
    A topic is told by words of its texts or, half of the time, by its name as the label word.
    """
    items, found = draw_items(task, rng)
    family = "alternatives" if wording_of(task) == "plausible" else wording_of(task)
    telling: tuple[tuple[str, ...], ...] = tuple((word,) for word in found)
    if task.family == "topic":
        telling = tuple(_of_topic(rng, topic) for topic in found)
    if task.family == "topic" and rng.random() < 0.5:
        labels = found
        telling = telling if rng.random() < 0.5 else ()
    elif found or rng.random() < 0.75:
        count = len(found) or len(wording.LABELS[words_of_task(task)][0])
        labels = tuple(rng.sample(words, count))
    else:
        labels = rng.choice(wording.LABELS[words_of_task(task)])
    named = rng.randint(0, 4)
    right = RIGHT[named]
    others: tuple[str, ...] = ()
    if rng.random() < 0.3:
        # Mostly one other family, at times all: a prompt may serve many tasks.
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
    """One to four words that the topic's texts use."""
    agents, _, objects = phrases(topic)
    chosen = rng.sample([*agents, *objects], rng.randint(1, 4))
    return tuple(phrase.split()[-1] for phrase in chosen)
