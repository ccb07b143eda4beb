"""The parts of an analysis. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spot.analysis import discrete, gate, layers, masks, nearest_tokens, norms, order, removal
from spot.analysis.case import Case
from spot.analysis.finding import Finding


class Part(NamedTuple):
    """One question to a prompt.

    find: raises SpotError, with a sentence, for a prompt that it cannot read, or want of a task or start.
    """

    question: str
    find: Callable[[Case], Finding]


PARTS: dict[str, Part] = {
    "norms": Part("how large its rows are, and how far they moved", norms.find),
    "nearest": Part("which tokens its rows are near to", nearest_tokens.find),
    "discrete": Part("what is left of it as words", discrete.find),
    "order": Part("what the order of its rows is worth", order.find),
    "removal": Part("what is left without some of its rows, or without any", removal.find),
    "masks": Part("what becomes of it under other attention masks", masks.find),
    "gate": Part("where the model attends to it", gate.find),
    "layers": Part("in which layers it works", layers.find),
}
