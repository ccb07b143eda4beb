"""The pick family: find the listed word that a text contains.

Only pretraining uses it. It needs no understanding, so it is learned first, and with it what all
other instructions need: the answer is one of the words that the instruction names.
"""

from __future__ import annotations

import re
from random import Random

from pretraining.mini.item import Item


def words_of(text: str) -> list[str]:
    """The lower-case words of at least four letters, in order."""
    return [word for word in re.findall(r"[A-Za-z']+", text) if len(word) > 3 and word.islower()]


def only_in(rng: Random, text: str, other: str) -> str | None:
    """A random word that the text contains and the other does not; None if there is none."""
    apart = sorted(set(words_of(text)) - set(words_of(other)))
    return rng.choice(apart) if apart else None


def pair(texts: tuple[str, str]) -> tuple[Item, ...]:
    """The two texts as items of class 0 and 1."""
    return tuple(Item((("text", text),), label) for label, text in enumerate(texts))
