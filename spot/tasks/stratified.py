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
    most of them have (of equals the first). Of n texts of a class the first k splits get k · share · n
    together, rounded, and one each at least where n is large enough to leave one for every split;
    `rest` is served first, then `held_out` in order. No split of `held_out` is larger than about
    `LARGEST` texts.
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
        ordered, start = sorted(texts), 0
        for split, end in zip(held_out, _ends(len(texts), len(held_out), share), strict=True):
            splits.update(dict.fromkeys(ordered[start:end], split))
            start = end
        splits.update(dict.fromkeys(ordered[start:], rest))
    return [splits[key] for key in hashes]


def _ends(n: int, count: int, share: float) -> list[int]:
    """Where each of `count` held-out splits ends among the n texts of a class; with n, each end grows
    by one at most.

    >>> [_ends(n, 2, 0.2) for n in (1, 2, 3, 7, 8, 50)]
    [[0, 0], [1, 1], [1, 2], [1, 3], [2, 3], [10, 20]]
    """
    ends: list[int] = []
    for place in range(1, count + 1):
        least = ends[-1] + 1 if ends else 1
        ends.append(min(max(int(place * share * n + 0.5), least), n - 1))
    return ends
