"""Instructions for pretraining: the skills of the mini suite's families, but none of its tasks.

The engines run with domains, word slices, label words and keys that no source or target uses, behind
an instruction that names the label words. `plain_text` gives running sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pretraining import pick, plain, wording
from pretraining.mini import sentiment, topic
from pretraining.mini.engines import engine_of
from pretraining.mini.item import Item
from pretraining.mini.lexicon import people, things
from pretraining.mini.lexicon.reviews import PRETRAINING_REVIEWS as DOMAINS
from pretraining.mini.lexicon.reviews import REVIEWS
from pretraining.mini.words import PRETRAIN, article
from pretraining.mini.world import World, world
from spot.tasks.mini.suite import SPECS, written

TOPICS = (
    "fashion", "farming", "art", "transport", "gardening", "religion", "crime", "games",
    "housing", "sea",
)  # fmt: skip


@dataclass(frozen=True)
class PretrainingTask:
    """One task of the pretraining mixture: its family, the kind within it, and its share."""

    name: str
    family: str
    kind: str
    weight: float


@cache
def pretraining_tasks() -> tuple[PretrainingTask, ...]:
    """Every pretraining task; weights sum to 1 over the families in equal parts."""
    kinds = [("sentiment", name, 1 / len(DOMAINS)) for name in DOMAINS]
    kinds += [("inference", "two-way", 0.6), ("inference", "three-way", 0.4)]
    kinds += [("paraphrase", "statements", 0.6), ("paraphrase", "questions", 0.4)]
    kinds += [("boolean", "all", 1.0), ("topic", "statements", 0.6), ("topic", "questions", 0.4)]
    kinds += [("acceptability", "all", 1.0), ("sense", "all", 1.0)]
    kinds += [("alternatives", "choice", 0.6), ("alternatives", "pair", 0.4)]
    kinds += [("likeness", "choice", 1.0)]
    kinds += [("pick", "listed", 0.5), ("pick", "rule", 0.5)]
    return tuple(
        PretrainingTask(f"pretrain_{family}_{kind.replace(' ', '_')}", family, kind, weight / 10)
        for family, kind, weight in kinds
    )


@cache
def _world() -> World:
    return world(PRETRAIN)


def draw_items(task: PretrainingTask, rng: Random) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """A group of items, and its label words where they depend on the texts, else ()."""
    if task.family == "pick":
        return _pick(rng)
    topics: tuple[str, ...] = ()
    if task.family == "topic":
        topics = tuple(rng.sample(TOPICS, rng.choice((2, 3, 4, 5))))
    return engine_of(task.family, task.kind, topics)(rng, _world()), topics


def _pick(rng: Random) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Texts of two other groups, and a word of each that the other does not contain."""
    while True:
        others = [task for task in pretraining_tasks() if task.family not in ("pick", "likeness")]
        tasks = rng.sample(others, 2)
        first, second = (rng.choice(draw_items(task, rng)[0]).texts[-1] for task in tasks)
        words = pick.only_in(rng, first, second), pick.only_in(rng, second, first)
        if words[0] and words[1]:
            return pick.pair((first, second)), (words[0], words[1])


def wording_of(task: PretrainingTask) -> str:
    """The name of a task's questions and keys in the wording."""
    if task.family == "likeness":
        return "alternatives"
    return "plausible" if task.kind == "pair" else task.family


def words_of_task(task: PretrainingTask) -> str:
    """The name of a task's label words and meanings in the wording."""
    return "inference3" if task.kind == "three-way" else wording_of(task)


@cache
def answer_words() -> tuple[str, ...]:
    """Words that can name any class in an instruction that explains them: the families' own label
    words and the lexicons' nouns and adjectives, without label words of the suite.
    """
    words = {*wording.ALL_LABELS, *things.COLOURS, *things.SIZES, *people.JOBS}
    words |= {noun for nouns in things.KINDS.values() for noun in nouns}
    words |= {word for pair in things.OPPOSITES for word in pair}
    for name in REVIEWS:
        for cluster in sentiment.domain(name).clusters:
            words |= {*cluster.words[0], *cluster.words[1]}
    words -= {label for spec in SPECS for label in spec.labels}
    return tuple(sorted(word for word in words if word.isalpha() and word.islower()))


def _joined(words: Sequence[str]) -> str:
    """The words in their order: "x, y or z"."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _listed(rng: Random, words: Sequence[str]) -> str:
    """The words in random order: "x, y or z"."""
    shuffled = list(words)
    rng.shuffle(shuffled)
    return _joined(shuffled)


def _instruction(rng: Random, task: PretrainingTask, labels: tuple[str, ...], ask: str) -> str:
    """A question and the list of answers; one time in three the list alone."""
    answers = rng.choice(wording.ANSWERS).format(list=_listed(rng, labels))
    if rng.random() < 0.33:
        return answers
    return f"{_question(rng, task, ask)} {answers}"


def _explained(rng: Random, task: PretrainingTask, labels: tuple[str, ...], ask: str) -> str:
    """A question and the meaning of each label word."""
    meaning = rng.choice(wording.MEANINGS[words_of_task(task)])
    pairs = [f"{word} if {what}" for word, what in zip(labels, meaning, strict=True)]
    explained = rng.choice(wording.EXPLAINED).format(pairs=_listed(rng, pairs))
    return f"{_question(rng, task, ask)} {explained}"


def _drawn_labels(task: PretrainingTask, rng: Random) -> tuple[str, ...]:
    """Label words of the family or, seven times in ten, any words instead."""
    labels = rng.choice(wording.LABELS[words_of_task(task)])
    return tuple(rng.sample(answer_words(), len(labels))) if rng.random() < 0.7 else labels


def _question(rng: Random, task: PretrainingTask, ask: str) -> str:
    thing = task.kind if task.family == "sentiment" else ""
    return rng.choice(wording.QUESTIONS[wording_of(task)]).format(
        thing=thing, a_thing=article(thing) if thing else "", ask=ask
    )


def _rule(rng: Random, words: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """A rule that assigns a label word to each of the words a text may contain."""
    pairs = [
        f"{label} if it has the word {word}" for label, word in zip(labels, words, strict=True)
    ]
    return rng.choice(wording.EXPLAINED).format(pairs=_listed(rng, pairs))


def pretraining_examples(task: PretrainingTask, rng: Random) -> tuple[tuple[str, str], ...]:
    """Two (inputs, targets) pairs: one instruction in front of two texts that share most words but
    not the answer.

    In one batch, what such texts have in common cancels out of the gradient; what decides remains.
    """
    items, words = draw_items(task, rng)
    chosen = rng.sample(items, 2)
    ask = dict(chosen[0].fields).get("ask", "")
    explained = rng.random() < 0.5
    if task.kind == "rule":
        labels = tuple(rng.sample(answer_words(), 2))
        instruction = _rule(rng, words, labels)
    elif words:
        labels = words
        instruction = _instruction(rng, task, labels, ask)
    elif task.kind == "choice" or explained:
        labels = _drawn_labels(task, rng)
        instruction = _explained(rng, task, labels, ask)
    else:
        labels = rng.choice(wording.LABELS[words_of_task(task)])
        instruction = _instruction(rng, task, labels, ask)
    return _written(rng.choice(wording.KEYS[wording_of(task)]), instruction, labels, chosen)


def fixed_examples(task: PretrainingTask, rng: Random) -> tuple[tuple[str, str], ...]:
    """Like `pretraining_examples`, but always with the family's first label words and keys.

    The model learns from these to read the texts: while label words change, neither their meaning
    nor that of the text has a gradient before the other is learned.
    """
    items, words = draw_items(task, rng)
    labels = words or wording.LABELS[words_of_task(task)][0]
    instruction = f"Answer {_joined(labels)}."
    return _written(wording.KEYS[wording_of(task)][0], instruction, labels, rng.sample(items, 2))


def keyword_examples(task: PretrainingTask, rng: Random) -> tuple[tuple[str, str], ...]:
    """Like `pretraining_examples`, but with keywords for an instruction: the label words in class
    order, and between them words that name the family, in any number and order.

    A prompt that is learned one token at a time then means something before it is complete.
    """
    items, words = draw_items(task, rng)
    if task.kind == "rule":
        labels = tuple(rng.sample(answer_words(), 2))
        header = [word for pair in zip(labels, words, strict=True) for word in pair]
    else:
        labels = words or _drawn_labels(task, rng)
        header = list(labels)
    keywords = rng.sample(wording.KEYWORDS[wording_of(task)], rng.randint(2, 8))
    told = _scattered(header, keywords, rng)
    keys = rng.choice(wording.KEYS[wording_of(task)])
    return _written(keys, f"{' '.join(told)}.", labels, rng.sample(items, 2))


def prompted_examples(
    task: PretrainingTask, rng: Random, words: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The words of a header for a soft prompt, and two (inputs, targets) pairs without it.

    Most label words and half of the keys are drawn from `words`. The header has the label words in
    class order and up to four words that name the family: the more of these, the more answers are
    right, the others being random. So the loss falls with every word that names the family, and
    prompts of related tasks share these words. Another family may be named too, with label words of
    its own.
    """
    items, telling = draw_items(task, rng)
    mine = wording_of(task)
    if telling or rng.random() < 0.7:
        count = len(telling) or len(wording.LABELS[words_of_task(task)][0])
        labels = tuple(rng.sample(words, count))
    else:
        labels = rng.choice(wording.LABELS[words_of_task(task)])
    if task.family == "topic":
        telling = tuple(_of_topic(rng, topic) for topic in telling)
    told = (
        [word for pair in zip(labels, telling, strict=True) for word in pair]
        if telling
        else list(labels)
    )
    named = rng.randint(0, 4)
    blocks = [_scattered(told, rng.sample(wording.KEYWORDS[mine], named), rng)]
    right = (0.25, 0.6, 0.8, 1.0, 1.0)[named]
    if rng.random() < 0.35:
        other = rng.choice([name for name in wording.KEYWORDS if name != mine])
        keywords = rng.sample(wording.KEYWORDS[other], rng.randint(1, 3))
        own = rng.sample(words, 2) if named and rng.random() < 0.5 else []
        blocks.append(_scattered(own, keywords, rng))
        right = right if named else 0.0
    rng.shuffle(blocks)
    keys = draw_keys(task, rng, words)
    pairs = [
        (
            written(keys, item.texts),
            labels[item.label] if rng.random() < right else rng.choice(labels),
        )
        for item in rng.sample(items, 2)
    ]
    return tuple(word for block in blocks for word in block), tuple(pairs)


def draw_keys(task: PretrainingTask, rng: Random, words: Sequence[str]) -> tuple[str, ...]:
    """Keys of the family or, half of the time, any of the words instead."""
    keys = rng.choice(wording.KEYS[wording_of(task)])
    return tuple(rng.sample(words, len(keys))) if rng.random() < 0.5 else keys


def _of_topic(rng: Random, name: str) -> str:
    """The topic's name or a word of its texts."""
    _, _, objects = topic.phrases(name)
    return name if rng.random() < 0.5 else rng.choice(objects).split()[-1]


def _scattered(header: list[str], keywords: list[str], rng: Random) -> list[str]:
    """The header with each keyword inserted at a random place."""
    told = list(header)
    for keyword in keywords:
        told.insert(rng.randint(0, len(told)), keyword)
    return told


def _written(
    keys: tuple[str, ...], instruction: str, labels: tuple[str, ...], items: list[Item]
) -> tuple[tuple[str, str], ...]:
    """(inputs, targets) of each item: the instruction, then the texts under their keys."""
    return tuple(
        (f"{instruction} {written(keys, item.texts)}", labels[item.label]) for item in items
    )


def plain_text(rng: Random) -> str:
    """A paragraph of running sentences over all word lists, without label or instruction."""
    return plain.paragraph(rng, _world(), DOMAINS, TOPICS)
