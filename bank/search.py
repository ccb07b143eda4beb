"""The nearest keys of a bank for a target's query prompt: exact, ordered, with its doubts stated.

SPoT (arXiv 2110.07904) §4: the query is the target's prompt after as many steps of the same recipe
as the keys; anything that makes the two less comparable is a warning, or an error when it makes
them incomparable. One prompt says little of its task, so similarities are averaged over the pairs
of seeds, as in the paper's figure 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank import keys
from bank.entry import Entry, Prompts, id_of
from bank.errors import BankError
from bank.files import canonical_json
from bank.index import KeyIndex, load_index
from bank.keys import SIMILARITIES
from bank.similarity import check_name, max_inner_products
from bank.store import ENTRIES, Bank

__all__ = [
    "SIMILARITIES",
    "Hit",
    "SearchResult",
    "has_learned",
    "recipe_warnings",
    "rerank",
    "search",
    "searchable",
    "seeds_of_tasks",
]

RECIPE_FIELDS = (
    "init",
    "learning_rate",
    "optimizer",
    "batch_size",
    "weight_decay",
    "warmup_steps",
    "dropout",
    "precision",
    "input_length",
    "list_labels",
)
NAMES_SHOWN = 3  # ids named in a warning before "and 7 more"


@dataclass(frozen=True)
class Hit:
    """One found task (or mixture), as its entry of best validation; rank counts from 1.

    score: the similarity, the mean over `pairs` of one of its keys and one query. deviation: their
    sample standard deviation, None for a single pair.
    """

    rank: int
    id: str
    task: str
    seed: int
    family: str
    kind: str
    score: float
    pairs: int = 1
    deviation: float | None = None


@dataclass(frozen=True)
class SearchResult:
    """The hits, nearest first; what to doubt about them; and `n`, the number of keys compared."""

    hits: tuple[Hit, ...]
    warnings: tuple[str, ...]
    similarity: str
    n: int


def search(
    bank: Bank,
    query: Prompts | NDArray[Any] | Sequence[Prompts],
    *,
    similarity: str = "average",
    k: int = 3,
    exclude_tasks: Iterable[str] = (),
    query_entry: Entry | None = None,
    unlearned: bool = False,
) -> SearchResult:
    """The k tasks whose keys are most similar to the query's key [P, H]; equal scores by id.

    query: one prompt, or those of several seeds. Entries that differ by seed alone are one task.
    exclude_tasks: their entries, and mixtures that hold one of them, are not searched.
    unlearned: also search entries that have not learned their task, see `searchable`.
    query_entry: what is known of the query; its backbone, step and recipe are compared with the
    keys'. Centered similarities remove the mean over *all* the bank's keys, excluded ones too.
    Raises BankError: k < 1, an unknown similarity, no key to compare with, a query of NaN, of zeros,
    of another P, H or backbone, a similarity of changes where an init prompt is not known.
    """
    queries = _queries(query)
    check_name(similarity)
    if k < 1:
        raise BankError(f"expected k of 1 or more, found {k}")
    for prompts in queries:
        _check_query(bank, prompts, query_entry)
    records, faults = bank.scan(ENTRIES)
    if not records:
        raise BankError(
            f"the bank {bank.path} has no entries to search",
            "add some with `spot build-bank` or `spot bank import`",
        )
    entries = {record.entry.id: record.entry for record in records}
    index = load_index(bank, similarity, list(entries.values()))
    asked, passed_over = searchable([entries[id] for id in index.ids], exclude_tasks, unlearned)
    wanted = {entry.id for entry in asked}
    rows = [row for row, id in enumerate(index.ids) if id in wanted]
    if not rows:
        raise BankError(
            f"no key of the bank {bank.path} is left to search: "
            f"{len(index.ids)} excluded, {len(index.dropped) + len(faults)} damaged",
            "add entries of other tasks, or exclude fewer",
        )
    scores = np.stack([_scores(index, similarity, prompts) for prompts in queries])
    found = {index.ids[row]: scores[:, row] for row in rows}
    groups = seeds_of_tasks([entries[id] for id in found])
    hits = _ranked([_hit(group, found) for group in groups])[:k]
    warnings = [f"{name} is damaged and was passed over: {reason}" for name, reason in faults]
    warnings += [f"{id} is damaged and was passed over: {reason}" for id, reason in index.dropped]
    if index.blank:
        warnings.append(f"no direction under {similarity}, so similarity 0: {_some(index.blank)}")
    if k > len(groups):
        warnings.append(f"asked for k={k} of {len(groups)} tasks: all are listed")
    if passed_over:
        warnings.append(
            f"passed over, since no better than one answer for every row: {_some(passed_over)} "
            "(search.unlearned=true searches them)"
        )
    warnings += unlearned_warnings([entries[hit.id] for hit in hits])
    if query_entry is not None:
        warnings += recipe_warnings(query_entry, [entries[index.ids[row]] for row in rows])
    return SearchResult(hits, tuple(warnings), similarity, len(rows))


def rerank(hits: Sequence[Hit], losses: Mapping[str, float]) -> tuple[Hit, ...]:
    """The hits in order of the loss of their value prompts on the target, lowest first.

    Equal losses keep their order; ranks are counted anew. Raises BankError when a hit has no
    finite loss.
    """
    for hit in hits:
        if not math.isfinite(losses.get(hit.id, math.nan)):
            raise BankError(
                f"expected a finite loss for {hit.id}, found {losses.get(hit.id, 'none')}",
                "compute a loss for every hit before ordering by it",
            )
    ordered = sorted(hits, key=lambda hit: losses[hit.id])
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(ordered, start=1))


def searchable(
    entries: Sequence[Entry], exclude_tasks: Iterable[str] = (), unlearned: bool = False
) -> tuple[list[Entry], list[str]]:
    """(entries that a search compares, ids of those it passes over for they learned nothing).

    A prompt that has not learned its task holds its label words at most, and is near to anything.
    When no entry has learned its task, all are compared.
    """
    excluded = set(exclude_tasks)
    left = [entry for entry in entries if not excluded & _tasks(entry)]
    learned = left if unlearned else [entry for entry in left if has_learned(entry)]
    if not learned:
        return left, []
    kept = {entry.id for entry in learned}
    return learned, [entry.id for entry in left if entry.id not in kept]


def has_learned(entry: Entry) -> bool:
    """Whether the value is two standard errors or more above always answering the most frequent
    label on validation; True where that is not known (another's prompts, generated answers).
    """
    known = entry.scores.get("validation", {})
    value, majority, n = (known.get(name) for name in ("value", "majority", "n"))
    if value is None or majority is None or not n:
        return True
    share = min(max(majority / 100, 0.0), 1.0)
    return bool(value >= majority + 200 * math.sqrt(share * (1 - share) / n))


def unlearned_warnings(found: Sequence[Entry]) -> list[str]:
    """One sentence for each entry that has not learned its task: such a prompt knows the label
    words at most.
    """
    warnings = []
    for entry in found:
        if not has_learned(entry):
            known = entry.scores["validation"]
            warnings.append(
                f"{entry.id} has not learned its task: {known['value']:.1f} on validation, where one "
                f"answer for every row scores {known['majority']:.1f} (n {known['n']})"
            )
    return warnings


def recipe_warnings(query: Entry, others: Sequence[Entry]) -> list[str]:
    """One sentence for each field in which keys were trained otherwise than the query.

    Compared are the step of the key and RECIPE_FIELDS.
    """
    own = _recipe(query)
    warnings = []
    for name, value in own.items():
        differing: dict[str, list[str]] = {}
        for entry in others:
            other = _recipe(entry)[name]
            if other != value:
                differing.setdefault(other, []).append(entry.id)
        for other, ids in sorted(differing.items()):
            warnings.append(
                f"{name} differs: query {value}, {other} in {len(ids)} of {len(others)} keys "
                f"({_some(ids)}); their similarity is less comparable"
            )
    return warnings


def seeds_of_tasks(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The entries in groups that differ by seed alone: one group a task, recipe and data."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(id_of(replace(entry, seed=0)), []).append(entry)
    return list(groups.values())


def _queries(query: Prompts | NDArray[Any] | Sequence[Prompts]) -> list[Prompts]:
    if isinstance(query, Prompts):
        return [query]
    if isinstance(query, np.ndarray):
        return [Prompts(None, query, None)]
    if not query:
        raise BankError("expected a query of one seed or more, found none")
    return list(query)


def _check_query(bank: Bank, prompts: Prompts, query_entry: Entry | None) -> None:
    """Raises BankError unless the query is usable and fits the bank."""
    key = np.asarray(prompts.key)
    if key.ndim != 2 or key.dtype.kind != "f":
        raise BankError(
            f"expected the query as floats [P, H], found shape {key.shape} of {key.dtype}"
        )
    manifest = bank.manifest
    if manifest is not None:
        backbone = manifest.backbone if query_entry is None else query_entry.backbone
        fault = manifest.disagreement(backbone, key.shape)
        if fault:
            raise BankError(
                f"the query does not fit the bank {bank.path}: {fault}",
                "prompts of different models or shapes cannot be compared",
            )
    if not np.isfinite(key).all():
        raise BankError(
            "the query holds NaN or infinity",
            "its training has diverged: lower the learning rate and train it again",
        )
    if not key.any():
        raise BankError("the query is all zero", "was it trained and saved?")


def _scores(index: KeyIndex, similarity: str, prompts: Prompts) -> NDArray[np.float64]:
    """The similarity of the query with every row of the index [N]."""
    if index.keys is not None:
        return max_inner_products(prompts.key, index.keys)
    init = None if prompts.init is None else prompts.init[None]
    vector = keys.vectors(similarity, np.asarray(prompts.key)[None], init, index.mean)
    if not vector.any():
        raise BankError(
            f'the query has no direction under the similarity "{similarity}"',
            "choose another similarity, or train the query for more steps",
        )
    scores, places = index.vectors.search(vector, len(index.ids))
    out = np.empty(len(index.ids))
    out[places[0]] = scores[0]
    return out


def _hit(group: Sequence[Entry], scores: Mapping[str, NDArray[np.float64]]) -> Hit:
    """The seeds of a task as one hit, not ranked yet; scores [queries] by id."""
    best = min(group, key=lambda entry: (-_validation(entry), entry.id))
    pairs = np.stack([scores[entry.id] for entry in group])
    deviation = float(pairs.std(ddof=1)) if pairs.size > 1 else None
    return Hit(
        0, best.id, best.task, best.seed, best.family, best.kind,
        float(pairs.mean()), pairs.size, deviation,
    )  # fmt: skip


def _ranked(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Best score first, equal scores by id."""
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.id))
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(ordered, start=1))


def _validation(entry: Entry) -> float:
    """The value's score on validation; below all others where it is not known."""
    return float(entry.scores.get("validation", {}).get("value", -math.inf))


def _tasks(entry: Entry) -> set[str]:
    """The tasks whose data an entry has seen."""
    return {entry.task, *entry.members}


def _recipe(entry: Entry) -> dict[str, str]:
    """The fields that make two keys comparable, each as its JSON text; "unknown" when not given."""
    values = {"key_step": entry.key_step} | {name: entry.recipe.get(name) for name in RECIPE_FIELDS}
    return {
        name: "unknown" if value is None else canonical_json(value)
        for name, value in values.items()
    }


def _some(ids: Sequence[str]) -> str:
    rest = len(ids) - NAMES_SHOWN
    return ", ".join(ids[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
