"""The nearest keys of a bank for a target's query prompt: exact, ordered, with its doubts stated.

SPoT (arXiv 2110.07904) §4: the query is the target's prompt after as many steps of the same recipe
as the keys; anything that makes the two less comparable is a warning, or an error when it makes
them incomparable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank import keys
from bank.entry import Entry, Prompts
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
    """One found entry; rank counts from 1, score is the similarity."""

    rank: int
    id: str
    task: str
    seed: int
    family: str
    kind: str
    score: float


@dataclass(frozen=True)
class SearchResult:
    """The hits, nearest first; what to doubt about them; and `n`, the number of keys compared."""

    hits: tuple[Hit, ...]
    warnings: tuple[str, ...]
    similarity: str
    n: int


def search(
    bank: Bank,
    query: Prompts | NDArray[Any],
    *,
    similarity: str = "per-token",
    k: int = 3,
    exclude_tasks: Iterable[str] = (),
    query_entry: Entry | None = None,
    unlearned: bool = False,
) -> SearchResult:
    """The k entries whose keys are most similar to the query's key [P, H]; equal scores by id.

    exclude_tasks: their entries, and mixtures that hold one of them, are not searched.
    unlearned: also search entries that have not learned their task, see `searchable`.
    query_entry: what is known of the query; its backbone, step and recipe are compared with the
    keys'. "centered" and "centered-delta" remove the mean over *all* the bank's keys, excluded ones
    too. Raises BankError: k < 1, an unknown similarity, no key to compare with, a query of NaN, of
    zeros, of another P, H or backbone, "delta" or "centered-delta" where an init prompt is not
    known.
    """
    prompts = query if isinstance(query, Prompts) else Prompts(None, np.asarray(query), None)
    check_name(similarity)
    _check_query(bank, prompts, k, query_entry)
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
    ranked = _ranked(index, similarity, prompts, rows, k)
    hits = tuple(_hit(rank, entries[id], score) for rank, (score, id) in enumerate(ranked, start=1))
    warnings = [f"{name} is damaged and was passed over: {reason}" for name, reason in faults]
    warnings += [f"{id} is damaged and was passed over: {reason}" for id, reason in index.dropped]
    if index.blank:
        warnings.append(f"no direction under {similarity}, so similarity 0: {_some(index.blank)}")
    if k > len(rows):
        warnings.append(f"asked for k={k} of {len(rows)} keys: all are listed")
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


def _check_query(bank: Bank, prompts: Prompts, k: int, query_entry: Entry | None) -> None:
    """Raises BankError unless k >= 1 and the query is usable and fits the bank."""
    if k < 1:
        raise BankError(f"expected k of 1 or more, found {k}")
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


def _ranked(
    index: KeyIndex, similarity: str, prompts: Prompts, rows: Sequence[int], k: int
) -> list[tuple[float, str]]:
    """The k best (score, id) among the given rows of the index; equal scores ordered by id."""
    if index.keys is not None:
        scores = max_inner_products(prompts.key, index.keys)
        found = [(float(scores[row]), index.ids[row]) for row in rows]
    else:
        init = None if prompts.init is None else prompts.init[None]
        vector = keys.vectors(similarity, np.asarray(prompts.key)[None], init, index.mean)
        if not vector.any():
            raise BankError(
                f'the query has no direction under the similarity "{similarity}"',
                "choose another similarity, or train the query for more steps",
            )
        found = _nearest(index, vector, set(rows), k)
    return sorted(found, key=lambda pair: (-pair[0], pair[1]))[:k]


def _nearest(
    index: KeyIndex, vector: NDArray[np.float32], rows: set[int], k: int
) -> list[tuple[float, str]]:
    """At least the k nearest (score, id) among `rows`, with *all* that equal the k-th in score.

    FAISS breaks ties by its own order, so more are fetched until the scores fall below the k-th.
    """
    total = len(index.ids)
    fetch = min(total, k + (total - len(rows)) + 1)
    while True:
        scores, places = index.vectors.search(vector, fetch)
        found = [
            (float(score), index.ids[place])
            for score, place in zip(scores[0], places[0], strict=True)
            if place in rows
        ]
        if fetch == total or (len(found) >= k and float(scores[0][-1]) < found[k - 1][0]):
            return found
        fetch = min(total, 4 * fetch)


def _hit(rank: int, entry: Entry, score: float) -> Hit:
    return Hit(rank, entry.id, entry.task, entry.seed, entry.family, entry.kind, score)


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
