"""Whether two tokens are forms of one word."""

from __future__ import annotations

LONG = 5  # letters from which a difference of two is a matter of form: "is" and "at" are two apart, too
STEM = 4  # letters of a stem at least
EDITS = 2


def alike(a: str, b: str) -> bool:
    """True for texts of tokens that differ in case, in their ending, or in at most EDITS letters of LONG or
    more.

    >>> alike("▁Tech", "tech"), alike("technology", "technologies"), alike("colour", "color")
    (True, True, True)
    >>> alike("totally", "completely"), alike("is", "at"), alike("", "")
    (False, False, True)
    """
    a, b = (text.strip("▁ ").casefold() for text in (a, b))
    shorter = min(len(a), len(b))
    if a == b:
        return True
    common = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    if common >= max(STEM, 2 / 3 * max(len(a), len(b))):
        return True
    return shorter >= LONG and distance(a, b) <= EDITS


def distance(a: str, b: str) -> int:
    """The fewest letters to insert, delete or replace to turn one text into the other (Levenshtein 1966)."""
    above = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))
        above = row
    return above[-1]
