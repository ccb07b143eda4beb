"""Word-sense engine: does the word have the same sense in both sentences?

Facts: (word, sense index of the first text, sense index of the second).
"""

from __future__ import annotations

from functools import cache
from random import Random

from spot.tasks.mini.item import Item
from spot.tasks.mini.lexicon.senses import SENSES
from spot.tasks.mini.lexicon.senses_more import MORE_SENSES
from spot.tasks.mini.words import part, sentence
from spot.tasks.mini.world import World, when

ALL_SENSES = SENSES | MORE_SENSES


@cache
def words(owner: str) -> tuple[str, ...]:
    """The ambiguous words that belong to that owner."""
    return part(tuple(ALL_SENSES), owner)


def phrase(rng: Random, word: str, sense: int, skip: str = "") -> str:
    """A phrase in which the word has that sense, other than the pattern `skip`."""
    pool = [text for text in ALL_SENSES[word][sense].split(";") if text != skip]
    return rng.choice(pool)


def _wrap(rng: Random, pattern: str, w: World) -> str:
    text = pattern.replace("{n}", w.name(rng))
    who = w.name(rng)
    roll = rng.random()
    if roll < 0.4:
        return sentence(text)
    return sentence(
        rng.choice(
            (
                f"{who} remembered that {text}",
                f"{text}, as {who} told us {when(rng)}",
                f"{who} wrote that {text}",
                f"according to {who}, {text}",
                f"the {rng.choice(w.jobs)} said that {text}",
                f"{when(rng)} {who} told the {rng.choice(w.jobs)} that {text}",
            )
        )
    )


def engine(rng: Random, w: World) -> tuple[Item, ...]:
    """Two pairs of sentences that share one: label 1 same sense, 0 different."""
    word = rng.choice(words(w.owner))
    sense = rng.randrange(2)
    base = phrase(rng, word, sense)
    same = phrase(rng, word, sense, skip=base)
    other = phrase(rng, word, 1 - sense)
    shared = _wrap(rng, base, w)
    pairs = [(sense, _wrap(rng, same, w)), (1 - sense, _wrap(rng, other, w))]
    rng.shuffle(pairs)
    flip = rng.random() < 0.5
    items = []
    for found, text in pairs:
        texts, senses = [shared, text], [sense, found]
        if flip:
            texts.reverse()
            senses.reverse()
        fields = (("word", word), ("first", texts[0]), ("second", texts[1]))
        items.append(Item(fields, int(found == sense), ((word, senses[0], senses[1]),)))
    return tuple(items)
