"""Text for pretraining a backbone: the families' skills, none of the suite's tasks.

The engines run on domains, word slices, label words and keys that no source or target uses, with
an instruction in front that names the label words. `plain_text` gives running sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from spot.tasks.mini import (
    acceptability,
    alternatives,
    boolean,
    inference,
    paraphrase,
    plain,
    sense,
    sentiment,
    topic,
)
from spot.tasks.mini.item import Item
from spot.tasks.mini.lexicon import instructions as wording
from spot.tasks.mini.lexicon.reviews import PRETRAINING_REVIEWS as DOMAINS
from spot.tasks.mini.words import PRETRAIN, article
from spot.tasks.mini.world import World, world

TOPICS = (
    "fashion", "farming", "art", "transport", "gardening", "religion", "crime", "games",
    "housing", "sea",
)  # fmt: skip


@dataclass(frozen=True)
class PretrainingTask:
    """One skill of the mixture: family, kind within it, and its share of the mixture."""

    name: str
    family: str
    kind: str
    weight: float


def pretraining_tasks() -> tuple[PretrainingTask, ...]:
    """Every pretraining task; weights sum to 1 over the families in equal parts."""
    kinds = [("sentiment", name, 1 / len(DOMAINS)) for name in DOMAINS]
    kinds += [("inference", "two-way", 0.6), ("inference", "three-way", 0.4)]
    kinds += [("paraphrase", "statements", 0.6), ("paraphrase", "questions", 0.4)]
    kinds += [("boolean", "all", 1.0), ("topic", "statements", 0.6), ("topic", "questions", 0.4)]
    kinds += [("acceptability", "all", 1.0), ("sense", "all", 1.0), ("alternatives", "all", 1.0)]
    return tuple(
        PretrainingTask(f"pretrain_{family}_{kind.replace(' ', '_')}", family, kind, weight / 8)
        for family, kind, weight in kinds
    )


@cache
def _world() -> World:
    return world(PRETRAIN)


def _draw(task: PretrainingTask, rng: Random) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """A group of items and, for topics, the chosen topics."""
    w = _world()
    if task.family == "sentiment":
        return sentiment.engine(rng, task.kind, w), ()
    if task.family == "topic":
        topics = tuple(rng.sample(TOPICS, rng.choice((2, 3, 4, 5))))
        return topic.engine(rng, topics, w, ask=task.kind == "questions"), topics
    makers: dict[tuple[str, str], Callable[[Random, World], tuple[Item, ...]]] = {
        ("inference", "two-way"): inference.two_way,
        ("inference", "three-way"): inference.three_way,
        ("paraphrase", "statements"): paraphrase.statements,
        ("paraphrase", "questions"): paraphrase.questions,
        ("boolean", "all"): boolean.engine,
        ("acceptability", "all"): acceptability.engine,
        ("sense", "all"): sense.engine,
        ("alternatives", "all"): alternatives.engine,
    }
    return makers[task.family, task.kind](rng, w), ()


def _listed(rng: Random, words: list[str]) -> str:
    """The words in random order: "x, y or z"."""
    rng.shuffle(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _instruction(rng: Random, task: PretrainingTask, labels: tuple[str, ...], ask: str) -> str:
    thing = task.kind if task.family == "sentiment" else ""
    question = rng.choice(wording.QUESTIONS[task.family]).format(
        thing=thing, a_thing=article(thing) if thing else "", ask=ask
    )
    bank = "inference3" if len(labels) == 3 and task.family == "inference" else task.family
    explained = task.family != "topic" and (task.family == "alternatives" or rng.random() < 0.5)
    if explained:
        meaning = rng.choice(wording.MEANINGS[bank])
        pairs = [f"{word} if {what}" for word, what in zip(labels, meaning, strict=True)]
        return f"{question} {rng.choice(wording.EXPLAINED).format(pairs=_listed(rng, pairs))}"
    return f"{question} {rng.choice(wording.ANSWERS).format(list=_listed(rng, list(labels)))}"


def pretraining_example(
    task: PretrainingTask, rng: Random, label_sets: int | None = None
) -> tuple[str, str]:
    """One (inputs, targets) pair: instruction with label words, then keys and texts.

    label_sets: only the first so many sets of label words of the family; fewer are learned sooner.
    """
    items, topics = _draw(task, rng)
    item = rng.choice(items)
    if task.family == "topic":
        labels = topics
    elif task.kind == "three-way":
        labels = rng.choice(wording.LABELS["inference3"][:label_sets])
    else:
        labels = rng.choice(wording.LABELS[task.family][:label_sets])
    ask = dict(item.fields).get("ask", "")
    keys = rng.choice(wording.KEYS[task.family])
    body = " ".join(f"{key}: {text}" for key, (_, text) in zip(keys, item.fields, strict=True))
    return f"{_instruction(rng, task, labels, ask)} {body}", labels[item.label]


def plain_text(rng: Random) -> str:
    """A paragraph of running sentences over all word lists, with no label and no instruction."""
    return plain.paragraph(rng, _world(), DOMAINS, TOPICS)
