"""Exact search: the keys of a bank that are most similar to a target's query prompt, with warnings.

SPoT (arXiv 2110.07904) §4: the query is the target's prompt after as many steps of the same recipe
as the keys; anything that makes the two less comparable is a warning, or an error when it makes
them incomparable. A single prompt is a noisy measure of its task, so similarities are averaged over
the pairs of seeds, as in the paper's figure 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.arrays import as_floats
from bank.entry import Entry, Prompts, id_of
from bank.errors import BankError
from bank.index import Keys, build_index, read_keys
from bank.recipes import recipe_warnings, some
from bank.similarities import find_similarity
from bank.store import Bank


@dataclass(frozen=True)
class Hit:
    """A task or mixture, represented by its entry of best validation score; rank counts from 1.

    score: the mean similarity over `pairs` of one of its keys and one query. deviation: their
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
    """The hits, nearest first, with warnings; `n` is the number of keys compared."""

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
    keys: Keys | None = None,
) -> SearchResult:
    """The k tasks whose keys are most similar to the query's key [P, H]; equal scores by id.

    query: one prompt, or those of several seeds. Entries that differ by seed alone are one task.
    exclude_tasks: their entries, and mixtures that hold one of them, are not searched.
    unlearned: also search entries that have not learned their task, see `searchable`.
    query_entry: the query's metadata; its backbone, key step and recipe are compared with the
    keys'. keys: the bank's, where `read_keys` has read them already. Centred similarities remove the
    mean over *all* the bank's keys, excluded ones too.
    Raises BankError: k < 1, an unknown similarity, no key to compare with, a query of NaN, of zeros,
    of another P, H or backbone, a similarity that needs an init prompt that is not known.
    """
    queries = _queries(query)
    measure = find_similarity(similarity)
    if k < 1:
        raise BankError(f"expected k of 1 or more, found {k}")
    for prompts in queries:
        _check_query(bank, prompts, query_entry)
    keys = read_keys(bank, measure) if keys is None else keys
    if not keys.entries and not keys.faults:
        raise BankError(
            f"the bank {bank.path} has no entries to search",
            "add some with `spot build-bank` or `spot bank import`",
        )
    entries = {entry.id: entry for entry in keys.entries}
    compared, skipped = searchable(keys.entries, exclude_tasks, unlearned)
    if not compared:
        raise BankError(
            f"no key of the bank {bank.path} is left to search: "
            f"{len(entries)} excluded, {len(keys.faults)} damaged",
            "add entries of other tasks, or exclude fewer; `spot bank verify` names what is damaged",
        )
    index = build_index(measure, keys)
    scores = np.stack([index.scores(measure, prompts) for prompts in queries])
    columns = {id: scores[:, column] for column, id in enumerate(index.ids)}
    groups = seeds_of_tasks(compared)
    hits = _ranked([_hit(group, columns) for group in groups])[:k]
    warnings = [f"{id} is damaged and was skipped: {reason}" for id, reason in keys.faults]
    if index.blank:
        warnings.append(f"no direction under {similarity}, so similarity 0: {some(index.blank)}")
    if k > len(groups):
        warnings.append(f"asked for k={k} of {len(groups)} tasks: all are listed")
    if skipped:
        warnings.append(
            f"skipped, since no better than the majority label: {some(skipped)} "
            "(search.unlearned=true searches them)"
        )
    warnings += unlearned_warnings([entries[hit.id] for hit in hits])
    if query_entry is not None:
        warnings += recipe_warnings(query_entry, compared)
    return SearchResult(hits, tuple(warnings), similarity, len(compared))


def rerank(hits: Sequence[Hit], losses: Mapping[str, float]) -> tuple[Hit, ...]:
    """The hits ordered by the loss of their value prompts on the target, lowest first.

    Equal losses keep their order; ranks are assigned anew. Raises BankError when a hit has no
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
    """(entries that a search compares, ids of those it skips because they learned nothing).

    A prompt that has not learned its task is close to its init and matches everything. When no
    entry has learned its task, all are compared.
    """
    excluded = set(exclude_tasks)
    candidates = [entry for entry in entries if not excluded & _tasks(entry)]
    if unlearned or not any(has_learned(entry) for entry in candidates):
        return candidates, []
    learned = [entry for entry in candidates if has_learned(entry)]
    return learned, [entry.id for entry in candidates if not has_learned(entry)]


def has_learned(entry: Entry) -> bool:
    """True if the value beats the majority label on validation by two standard errors or more.

    True as well where that is not known (imported prompts, generated answers).
    """
    validation = entry.scores.get("validation", {})
    value, majority, n = (validation.get(name) for name in ("value", "majority", "n"))
    if value is None or majority is None or not n:
        return True
    share = min(max(majority / 100, 0.0), 1.0)
    return bool(value >= majority + 200 * math.sqrt(share * (1 - share) / n))


def unlearned_warnings(entries: Sequence[Entry]) -> list[str]:
    """One sentence for each entry that has not learned its task."""
    warnings = []
    for entry in entries:
        if not has_learned(entry):
            validation = entry.scores["validation"]
            warnings.append(
                f"{entry.id} has not learned its task: {validation['value']:.1f} on validation, where "
                f"the majority label scores {validation['majority']:.1f} (n {validation['n']})"
            )
    return warnings


def seeds_of_tasks(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The entries grouped by everything but the seed: one group a task, recipe and data."""
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
    key = as_floats(
        prompts.key,
        "the query",
        hint="its training has diverged: lower the learning rate and train it again",
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
    if not key.any():
        raise BankError("the query is all zero", "was it trained and saved?")


def _hit(group: Sequence[Entry], scores: Mapping[str, NDArray[np.float64]]) -> Hit:
    """The hit of a task's seeds, not ranked yet; `scores` maps an id to one score a query."""
    best = min(group, key=lambda entry: (-_validation(entry), entry.id))
    pairs = np.stack([scores[entry.id] for entry in group])
    deviation = float(pairs.std(ddof=1)) if pairs.size > 1 else None
    return Hit(
        rank=0,
        id=best.id,
        task=best.task,
        seed=best.seed,
        family=best.family,
        kind=best.kind,
        score=float(pairs.mean()),
        pairs=pairs.size,
        deviation=deviation,
    )


def _ranked(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Best score first, equal scores by id."""
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.id))
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(ordered, start=1))


def _validation(entry: Entry) -> float:
    """The value's validation score; minus infinity where it is not known."""
    value = entry.scores.get("validation", {}).get("value")
    return -math.inf if value is None else float(value)


def _tasks(entry: Entry) -> set[str]:
    """The tasks whose data an entry has seen."""
    return {entry.task, *entry.members}
