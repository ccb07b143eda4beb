"""The rule that cuts a user's own table into splits: within each class, in the order of a hash.

A row's side depends on its class and on the hash of its text among those of its class, never on the
order of rows. A new row moves at most one text of its class over each cut. Published tasks keep the
rule of `spot.tasks.splits`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

SALT = "spot-split-v2:"
"""What is hashed with a text: the seed of the cut."""

FIFTH = 0.2
HALF = 0.5
LARGEST = 2000
"""The most texts that are held out for one split: 2,000 test rows tell 3 points apart."""


def identity_hash(identity: str) -> bytes:
    """sha256 of salt and identity, which orders the texts of a class."""
    return hashlib.sha256((SALT + identity).encode()).digest()


def assigned(
    hashes: Sequence[bytes],
    classes: Sequence[int],
    held_out: Sequence[str],
    share: float,
    rest: str,
) -> list[str]:
    """The split of each row: `share` of the texts of each class for every split of `held_out`, in
    that order, and the others for `rest`.

    `hashes` are those of the rows' identities; rows of one identity stay together, in the class that
    most of them have (of equals the first). Of n texts of a class a split gets share · n, rounded, and
    one at least where n is large enough to leave one for every split; `rest` is served first, then
    `held_out` in order. No split of `held_out` is larger than about `LARGEST` texts.
    """
    votes: dict[bytes, Counter[int]] = defaultdict(Counter)
    for key, label in zip(hashes, classes, strict=True):
        votes[key][label] += 1
    strata: dict[int, list[bytes]] = defaultdict(list)
    for key, counts in votes.items():
        strata[min(counts, key=lambda label: (-counts[label], label))].append(key)
    share = min(share, LARGEST / max(len(votes), 1))
    splits: dict[bytes, str] = {}
    for texts in strata.values():
        ordered = iter(sorted(texts))
        for place, split in enumerate(held_out):
            for _ in range(_size(len(texts), place, share)):
                splits[next(ordered)] = split
        splits.update(dict.fromkeys(ordered, rest))
    return [splits[key] for key in hashes]


def _size(n: int, place: int, share: float) -> int:
    """The number of the n texts of a class for the held-out split of this place.

    >>> [[_size(n, place, 0.2) for place in (0, 1)] for n in (1, 2, 3, 8, 50)]
    [[0, 0], [1, 0], [1, 1], [2, 2], [10, 10]]
    """
    return 0 if n < place + 2 else max(1, int(share * n + 0.5))
