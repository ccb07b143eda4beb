"""Small English helpers of the mini suite: articles, plurals, lexicon slices, verbs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
PRETRAIN = "pretrain"
_IRREGULAR = {
    "sheep": "sheep", "goose": "geese", "fish": "fish", "salmon": "salmon", "trout": "trout",
    "cod": "cod", "deer": "deer", "scarf": "scarves", "fly": "flies", "man": "men",
    "woman": "women", "child": "children", "knife": "knives", "shelf": "shelves",
    "piano": "pianos", "kiwi": "kiwis", "potato": "potatoes", "mosquito": "mosquitoes",
    "fisherman": "fishermen", "postman": "postmen", "secretary": "secretaries",
    "photo": "photos", "radio": "radios", "crisis": "crises", "tuna": "tuna", "carp": "carp",
}  # fmt: skip
_VOWEL_SOUND_EXCEPTIONS = ("uni", "use", "uku", "one", "eur", "yuc")


def article(phrase: str) -> str:
    """The phrase with its indefinite article."""
    low = phrase.lower()
    vowel = low[0] in "aeiou" and not low.startswith(_VOWEL_SOUND_EXCEPTIONS)
    if low.startswith(("hour", "honest", "heir")):
        vowel = True
    return f"{'an' if vowel else 'a'} {phrase}"


def plural(noun: str) -> str:
    """The plural of a noun."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def sentence(text: str, end: str = ".") -> str:
    """The text with a capital first letter and an end mark."""
    return text[0].upper() + text[1:] + end


def pick_two(rng: random.Random, pool: Sequence[T]) -> tuple[T, T]:
    """Two different members of the pool."""
    first, second = rng.sample(range(len(pool)), 2)
    return pool[first], pool[second]


def part(pool: Sequence[T], owner: str) -> tuple[T, ...]:
    """The owner's slice of a word list: two thirds for pretraining, most of the rest for a task.

    The two share no word, so a sentence of a task with a sliced word is never in pretraining.
    """
    if owner == PRETRAIN:
        return tuple(word for i, word in enumerate(pool) if i % 3 != 2)
    rest = [word for i, word in enumerate(pool) if i % 3 == 2]
    rng = random.Random(f"slice {owner} {len(pool)}")
    count = len(rest) if len(rest) < 8 else max(8, round(len(rest) * 0.75))
    return tuple(rest[i] for i in sorted(rng.sample(range(len(rest)), count)))


def share(pool: Sequence[T], owner: str) -> tuple[T, ...]:
    """The owner's share of a list: all for pretraining, three quarters for a task."""
    if owner == PRETRAIN:
        return tuple(pool)
    rng = random.Random(f"share {owner} {len(pool)}")
    return tuple(pool[i] for i in sorted(rng.sample(range(len(pool)), round(len(pool) * 0.75))))


@dataclass(frozen=True)
class Verb:
    """Base, past and participle of a verb; the participle is "-" if there is no passive."""

    base: str
    past: str
    participle: str


def verb_pair(line: str) -> tuple[Verb, Verb]:
    """(verb, synonym) of a lexicon line "base/past/participle = …"; "-" stands for no participle."""
    verb, synonym = (Verb(*side.split("/")) for side in line.split(" = "))
    return verb, synonym
