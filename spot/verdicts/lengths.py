"""Choose a length by validation: the shortest that the best is not one standard error ahead of.

The one-standard-error rule: Breiman et al., Classification and Regression Trees, 1984, section 3.4.3.
"""

from __future__ import annotations

from collections.abc import Sequence

PATIENCE = 2  # lengths in a row that change too little, or too much


def shortest(lengths: Sequence[int], scores: Sequence[float], errors: Sequence[float]) -> int:
    """The place of the shortest length whose score is within one standard error of the best; among equal
    lengths the higher score, then the first.

    errors: the standard error of each score; that of the best counts.

    >>> shortest([2, 4, 8], [70.0, 79.5, 81.0], [3.0, 2.0, 2.0])
    1
    """
    best = max(range(len(scores)), key=lambda place: scores[place])
    enough = scores[best] - errors[best]
    within = [place for place in range(len(scores)) if scores[place] >= enough]
    return min(within, key=lambda place: (lengths[place], -scores[place], place))


def levels_off(scores: Sequence[float], errors: Sequence[float]) -> bool:
    """True if neither of the last two scores, of longer and longer prompts, is a standard error above the
    best before them.

    >>> levels_off([60.0, 70.0, 71.0], [2.0] * 3), levels_off([60.0, 70.0, 71.0, 71.5], [2.0] * 4)
    (False, True)
    """
    if len(scores) <= PATIENCE:
        return False
    before, error = max(zip(scores[:-PATIENCE], errors[:-PATIENCE], strict=True))
    return max(scores[-PATIENCE:]) < before + error


def falls(scores: Sequence[float], errors: Sequence[float]) -> bool:
    """True if both of the last two scores, of shorter and shorter prompts, are more than a standard error
    below the best.

    >>> falls([80.0, 79.0, 75.0], [2.0] * 3), falls([80.0, 79.0, 75.0, 74.0], [2.0] * 4)
    (False, True)
    """
    best, error = max(zip(scores, errors, strict=True))
    return len(scores) > PATIENCE and max(scores[-PATIENCE:]) < best - error
