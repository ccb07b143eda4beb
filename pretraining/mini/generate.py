"""Whole splits from the engines: balanced, shuffled, and with no text in two places.

A group of items goes to one split of one task. It is drawn again if one of its inputs, or one of
its main texts (premise, passage, sentence), already belongs to another split or to another task of
the family.
"""

from __future__ import annotations

import re
from functools import cache
from random import Random

from pretraining.mini.engines import engine_of_task
from pretraining.mini.item import Item
from pretraining.mini.world import world
from spot.tasks.mini.suite import SPECS, SPLITS, VERSION, Spec

Split = tuple[Item, ...]
_MAIN = ("text", "sentence", "premise", "passage", "first", "second")
# Test and validation first: their rows then do not depend on the size of train.
_ORDER = ("test", "validation", "train")


def normalised(text: str) -> str:
    """The text in lower case, without punctuation and runs of spaces.

    >>> normalised("Ann's  cat, asleep.")
    "ann's cat asleep"
    """
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def owned_texts(item: Item) -> tuple[str, ...]:
    """The whole input and its main texts: no other split or task of the family may hold them."""
    whole = " | ".join(map(normalised, item.texts))
    if any(role == "ask" for role, _ in item.fields):
        return (whole,)
    return (whole, *(normalised(text) for role, text in item.fields if role in _MAIN))


def items(spec: Spec, split: str) -> Split:
    """The items of one split of one task; the same on every machine and Python."""
    return _family_until(spec.name)[0][split]


@cache
def _family_until(name: str) -> tuple[dict[str, Split], dict[str, str]]:
    """A task's splits, and the owner of every text once it and the family's earlier tasks are made."""
    spec = next(spec for spec in SPECS if spec.name == name)
    family = [other.name for other in SPECS if other.family == spec.family]
    earlier = family[: family.index(name)]
    owner = dict(_family_until(earlier[-1])[1]) if earlier else {}
    sizes = dict(zip(SPLITS, spec.sizes, strict=True))
    return {split: _fill(spec, split, sizes[split], owner) for split in _ORDER}, owner


def _fill(spec: Spec, split: str, size: int, owner: dict[str, str]) -> Split:
    """Draw groups until the split is full, and enter its texts in `owner`."""
    rng = Random(f"mini suite {VERSION} {spec.name} {split}")
    engine = engine_of_task(spec)
    w = world(spec.name)
    me = f"{spec.name} {split}"
    inputs: set[str] = set()
    items: list[Item] = []
    while len(items) < size:
        group = engine(rng, w)
        texts = [owned_texts(item) for item in group]
        if any(owner.get(text, me) != me for item_texts in texts for text in item_texts):
            continue
        if any(item_texts[0] in inputs for item_texts in texts):
            continue
        for item_texts in texts:
            inputs.add(item_texts[0])
            owner.update(dict.fromkeys(item_texts, me))
        items.extend(group[: size - len(items)])
    rng.shuffle(items)
    return tuple(items)
