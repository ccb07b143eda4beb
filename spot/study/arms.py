"""What a study trains beside one run a source: starts from several sources at once.

A new one is one line in the table. Each start is made apart from the others, so that one that cannot be made,
as an average with negative weights, leaves a gap and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bank.entry import Entry
from bank.store import Bank
from spot.errors import SpotError, did_you_mean
from spot.strategies.single import start_prompts
from spot.strategies.start import Situation, Start
from spot.strategies.table import find_strategy

LEAST = {"average": 2, "average-matched": 2, "mixture": 1}
"""The strategies of transfer that a study tries with the k nearest, and the smallest k: an average of one
source is that one.
"""
GENERIC = "generic"
"""The bank's mixtures, which no search chooses (generic SPoT, section 2.2 of the paper)."""
RERANKED = "re-ranked"
"""The best by an estimate of a few nearest sources: a choice among runs from one source, without a start."""
ARMS = (*LEAST, GENERIC, RERANKED)


@dataclass(frozen=True)
class Maker:
    """A start that can be made: `what` it is, for people, and its strategy."""

    what: str
    strategy: str
    make: Callable[[], list[Start]]


def makers(
    arms: Sequence[str], situation: Situation, ks: Sequence[int], targets: Sequence[str]
) -> list[Maker]:
    """The starts of these arms, in their order; targets: the names of all targets of the study."""
    made = []
    if GENERIC in arms:
        for entry in generic_entries(situation.bank, targets):
            start = partial(_generic, entry, situation)
            made.append(Maker(f"the generic prompt {entry.task}", GENERIC, start))
    for arm in [arm for arm in arms if arm in LEAST]:
        for k in sizes(ks, LEAST[arm], len(situation.hits)):
            nearest = replace(situation, hits=situation.hits[:k])
            start = partial(find_strategy(arm).starts, nearest)
            made.append(Maker(f"the {arm} of {k}", arm, start))
    return made


def _generic(entry: Entry, situation: Situation) -> list[Start]:
    (prompt,) = start_prompts([entry.id], situation)
    return [Start(GENERIC, entry.id, entry.task, None, prompt, len(entry.members))]


def check_arms(names: Sequence[str]) -> list[str]:
    """The named arms in the order of ARMS, each once. Raises SpotError for an unknown name."""
    for name in names:
        if name not in ARMS:
            raise SpotError(
                f'no arm of a study is called "{name}".{did_you_mean(name, ARMS)}',
                f"choose from {', '.join(ARMS)}, joined by commas",
            )
    return [name for name in ARMS if name in names]


def sizes(ks: Sequence[int], least: int, most: int) -> list[int]:
    """The ks from `least` to `most`, each once."""
    return sorted({k for k in ks if least <= k <= most})


def generic_entries(bank: Bank, targets: Sequence[str]) -> list[Entry]:
    """The bank's mixtures that hold none of the targets, each by its entry that is best on validation."""
    entries = [
        entry
        for entry in bank.entries()
        if entry.kind == "mixture" and not set(entry.members) & set(targets)
    ]
    best: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: (-_validation(entry), entry.id)):
        best.setdefault(entry.task, entry)
    return sorted(best.values(), key=lambda entry: entry.id)


def _validation(entry: Entry) -> float:
    value = entry.scores.get("validation", {}).get("value")
    return -math.inf if value is None else float(value)
