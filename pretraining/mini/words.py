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
    """The phrase with "a" or "an" in front."""
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
    one, two = rng.sample(range(len(pool)), 2)
    return pool[one], pool[two]


def part(pool: Sequence[T], owner: str) -> tuple[T, ...]:
    """The owner's slice of a word list: two thirds for pretraining, the rest for the tasks.

    The two never share a word, so a task's sentence that holds a sliced word cannot occur in
    the pretraining mixture.
    """
    if owner == PRETRAIN:
        return tuple(word for i, word in enumerate(pool) if i % 3 != 2)
    kept = [word for i, word in enumerate(pool) if i % 3 == 2]
    rng = random.Random(f"slice {owner} {len(pool)}")
    count = len(kept) if len(kept) < 8 else max(8, round(len(kept) * 0.75))
    return tuple(kept[i] for i in sorted(rng.sample(range(len(kept)), count)))


def share(pool: Sequence[T], owner: str) -> tuple[T, ...]:
    """What the owner uses of a list that pretraining has the whole of: a task three quarters."""
    if owner == PRETRAIN:
        return tuple(pool)
    rng = random.Random(f"share {owner} {len(pool)}")
    return tuple(pool[i] for i in sorted(rng.sample(range(len(pool)), round(len(pool) * 0.75))))


@dataclass(frozen=True)
class Verb:
    """A verb's base, past and participle ("-" when it has no passive)."""

    base: str
    past: str
    participle: str


def verb_pair(line: str) -> tuple[Verb, Verb]:
    """A lexicon line "base/past/participle = ..." as (verb, synonym); "-" is no participle."""
    one, two = (Verb(*side.split("/")) for side in line.split(" = "))
    return one, two
