"""Whole splits from the engines: balanced, shuffled, and with no text in two places.

A group of items goes to one split of one task. It is drawn again when one of its inputs, or one
of its main texts (premise, passage, sentence), already belongs to another split or to another
task of the family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from random import Random

from spot.tasks.mini.item import Item
from spot.tasks.mini.specs import SPECS, SPLITS, VERSION, Spec, groups
from spot.tasks.mini.world import world

Split = tuple[Item, ...]
_MAIN = ("text", "sentence", "premise", "passage", "first", "second")
# Test and validation first: the same whatever the size of train.
_ORDER = ("test", "validation", "train")


def normalised(text: str) -> str:
    """The text in lower case with punctuation and runs of spaces removed."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def owned_texts(item: Item) -> tuple[str, ...]:
    """What no other split or task of the family may hold: the whole input and its main texts."""
    whole = " | ".join(normalised(text) for _, text in item.fields)
    if any(role == "ask" for role, _ in item.fields):
        return (whole,)
    return (whole, *(normalised(text) for role, text in item.fields if role in _MAIN))


def _fill(spec: Spec, split: str, size: int, owner: dict[str, str]) -> Split:
    rng = Random(f"mini suite {VERSION} {spec.name} {split}")
    w = world(spec.name)
    me = f"{spec.name} {split}"
    seen: set[str] = set()
    items: list[Item] = []
    while len(items) < size:
        group = groups(spec, rng, w)
        texts = [owned_texts(item) for item in group]
        if any(owner.get(text, me) != me for all_texts in texts for text in all_texts):
            continue
        if any(all_texts[0] in seen for all_texts in texts):
            continue
        for all_texts in texts:
            seen.add(all_texts[0])
            owner.update(dict.fromkeys(all_texts, me))
        items.extend(group[: size - len(items)])
    rng.shuffle(items)
    return tuple(items)


@cache
def _made(name: str) -> tuple[dict[str, Split], dict[str, str]]:
    """A task's splits, and who owns which text of the family once this task is made."""
    spec = next(spec for spec in SPECS if spec.name == name)
    family = [other.name for other in SPECS if other.family == spec.family]
    earlier = family[: family.index(name)]
    owner = dict(_made(earlier[-1])[1]) if earlier else {}
    sizes = dict(zip(SPLITS, spec.sizes, strict=True))
    return {split: _fill(spec, split, sizes[split], owner) for split in _ORDER}, owner


def items(spec: Spec, split: str) -> Split:
    """The items of one split of one task; the same on every machine and Python."""
    return _made(spec.name)[0][split]


def written(keys: Iterable[str], item: Item) -> str:
    """The input text: "key: text key: text"."""
    return " ".join(f"{key}: {text}" for key, (_, text) in zip(keys, item.fields, strict=True))
