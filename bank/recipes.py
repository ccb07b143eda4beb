"""Comparison of two recipes: anything but the budget makes keys less comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bank.entry import Entry
from bank.files import canonical_json

BUDGET = "budget"  # how long the value was trained: it leaves the key as it is, and is not compared
COMBINATION = "combination"  # what a prompt is made of: of keys that were trained alike
NOT_SET = "not set"
IDS_SHOWN = 3  # ids named in a warning before "and 7 more"
VALUE_SHOWN = 60  # letters of a recipe's value shown in a warning


def recipe_warnings(query: Entry, others: Sequence[Entry]) -> list[str]:
    """One sentence for each part of the recipe in which keys were trained otherwise than the query.

    Compared are the key step and the union of both recipes' keys, without `BUDGET` and `COMBINATION`;
    null counts as not set. Entries whose recipe is not known, as of imported prompts, share one sentence.
    """
    own = _facts(query)
    unknown: list[str] = []
    differing: dict[str, dict[str, list[str]]] = {name: {} for name in own}
    for entry in others:
        facts = _facts(entry)
        if entry.kind == "imported" or not _recipe_keys(own) & _recipe_keys(facts):
            unknown.append(entry.id)
            continue
        for name in own | facts:
            value = facts.get(name, NOT_SET)
            if value != own.get(name, NOT_SET):
                differing.setdefault(name, {}).setdefault(value, []).append(entry.id)
    warnings = [
        f"{name} differs: query {_short(own.get(name, NOT_SET))}, {_short(value)} in {len(ids)} of "
        f"{len(others)} keys ({some(ids)}); their similarity is less comparable"
        for name, by_value in differing.items()
        for value, ids in sorted(by_value.items())
    ]
    if unknown:
        warnings.append(
            f"the recipe of {len(unknown)} of {len(others)} keys is not known ({some(unknown)}); "
            "their similarity is less comparable"
        )
    return warnings


def some(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    rest = len(ids) - IDS_SHOWN
    return ", ".join(ids[:IDS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _facts(entry: Entry) -> dict[str, str]:
    """The parts of the recipe that must agree for keys to be comparable, as JSON text by name."""
    recipe: Mapping[str, Any] = {"key_step": entry.key_step} | {
        name: value
        for name, value in entry.recipe.items()
        if name not in (BUDGET, COMBINATION, "key_step")
    }
    return {name: canonical_json(value) for name, value in recipe.items() if value is not None}


def _recipe_keys(facts: Mapping[str, str]) -> set[str]:
    return set(facts) - {"key_step"}


def _short(value: str) -> str:
    return value if len(value) <= VALUE_SHOWN else f"{value[: VALUE_SHOWN - 1]}…"
