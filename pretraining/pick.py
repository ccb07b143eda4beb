"""Finding words: which listed word a text holds, and what to say when it holds one.

Only pretraining uses it. Nothing has to be understood, so it is learned first, and with it the
habit that all other instructions need: the answer is one of the words that the instruction names.
"""

from __future__ import annotations

import re
from random import Random

from pretraining.mini.item import Item


def words_of(text: str) -> list[str]:
    """The words of four letters and more that are written in small letters, in order."""
    return [word for word in re.findall(r"[A-Za-z']+", text) if len(word) > 3 and word.islower()]


def only_in(rng: Random, one: str, other: str) -> str | None:
    """A word that the first text holds and the second does not."""
    apart = sorted(set(words_of(one)) - set(words_of(other)))
    return rng.choice(apart) if apart else None


def pair(texts: tuple[str, str]) -> tuple[Item, ...]:
    """The two texts as items of class 0 and 1."""
    return tuple(Item((("text", text),), label) for label, text in enumerate(texts))
