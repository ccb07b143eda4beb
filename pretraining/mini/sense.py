"""Word-sense engine: does the word have the same sense in both sentences?

Facts: (word, sense index of the first text, sense index of the second).
"""

from __future__ import annotations

from functools import cache
from random import Random

from pretraining.mini.item import Item
from pretraining.mini.lexicon.senses import SENSES
from pretraining.mini.words import PRETRAIN, sentence, share
from pretraining.mini.world import World, when


@cache
def words(owner: str) -> tuple[str, ...]:
    """The ambiguous words that the owner uses: all in pretraining, three quarters in a task."""
    return share(tuple(SENSES), owner)


def meets(first: int, second: int, owner: str) -> bool:
    """True if the phrases of these numbers may meet in one item of the owner.

    Pretraining uses every phrase, but not the pairs of the tasks: those whose numbers add up to
    three. Within a sense the other pairs still connect all four phrases.
    """
    return (first + second == 3) != (owner == PRETRAIN)


def _wrap(rng: Random, pattern: str, w: World) -> str:
    """The phrase in a sentence that always has a name of the owner's slice."""
    text = pattern.replace("{n}", w.name(rng))
    who = w.name(rng)
    if "{n}" in pattern and rng.random() < 0.5:
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
    phrases = [texts.split(";") for texts in SENSES[word]]
    base = rng.randrange(4)
    same, other = (
        rng.choice([i for i in range(4) if meets(base, i, w.owner) and (far or i != base)])
        for far in (False, True)
    )
    shared = _wrap(rng, phrases[sense][base], w)
    pairs = [
        (sense, _wrap(rng, phrases[sense][same], w)),
        (1 - sense, _wrap(rng, phrases[1 - sense][other], w)),
    ]
    rng.shuffle(pairs)
    flip = rng.random() < 0.5
    items = []
    for other_sense, text in pairs:
        texts, senses = [shared, text], [sense, other_sense]
        if flip:
            texts.reverse()
            senses.reverse()
        fields = (("word", word), ("first", texts[0]), ("second", texts[1]))
        items.append(Item(fields, int(other_sense == sense), ((word, senses[0], senses[1]),)))
    return tuple(items)
