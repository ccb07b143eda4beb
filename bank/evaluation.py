"""Leave-one-out evaluation of similarities against the recorded transfers.

Protocol, for each target task that has outcomes and a key of its own (a query, else an entry):
1. Its outcomes are those of one (strategy, split, metric): the one with most sources. Several
   outcomes of one source are averaged, weighted by the precision of their gains. A source is an
   entry's id or a task's name, which stands for all the task's entries.
2. Sources left out: the target's own task, mixtures that hold it, and sources that are not in the
   bank (a "random" prompt, say).
3. Sources are ranked by the similarity of their keys to the target's own key, the mean over pairs
   where there are several; equal similarities by name. A centred similarity removes the mean of
   all the bank's keys.
4. top1: the most similar source is (one of) the best by score; top3: one of the best is among
   the three most similar; regret: score points between the best source and the most similar one;
   spearman: rank correlation of similarity with score.
The expectation of a random pick is given beside them. Figures are means over targets: plain ones, or
where all outcomes say on how many examples they were measured, weighted by 1 / (v + t), v the
variance of a target's scores by its examples and t that between targets (Hedges' estimate).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bank.entry import Entry, Prompts
from bank.errors import BankError
from bank.outcomes import Outcome, weights
from bank.similarities import SIMILARITIES, Similarity, find_similarity
from bank.store import QUERIES, Bank


@dataclass(frozen=True)
class TargetRow:
    """One target: its n sources, the most similar (`picked`), the best by score, and the figures.

    Scores and regrets are on the metric's scale of 0 to 100; spearman is None where all scores or
    all similarities are equal. `random_*` are the expectations of a uniformly random pick.
    """

    target: str
    strategy: str
    split: str
    metric: str
    n: int
    picked: str
    best: str
    picked_score: float
    best_score: float
    regret: float
    top1: bool
    top3: bool
    spearman: float | None
    random_top1: float
    random_top3: float
    random_regret: float


@dataclass(frozen=True)
class Evaluation:
    """One similarity over all targets: top1, top3 as fractions, regrets in score points. `shares` are the
    weights of the rows in these means.
    """

    similarity: str
    targets: int
    top1: float
    top3: float
    mean_regret: float
    mean_spearman: float | None
    random_top1: float
    random_top3: float
    random_regret: float
    rows: tuple[TargetRow, ...]
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Case:
    """One target: the score of each source, and the places of its keys and of the target's own.

    `variance`: of a source's score by the examples that it was measured on; None where unknown.
    """

    target: str
    group: tuple[str, str, str]
    scores: dict[str, float]
    keys: dict[str, list[int]]
    own: list[int]
    variance: float | None = None


def evaluate(bank: Bank, similarities: Iterable[str] | None = None) -> list[Evaluation]:
    """Score each similarity's ranking of sources by the bank's outcomes (protocol: see above).

    similarities: names; default: all, without those that need inits where an entry has none. Raises
    BankError: an unknown similarity, no target with a key and two sources with outcomes, a similarity
    that needs inits where one is not known. Damaged entries are left out, with a warning.
    """
    chosen = None if similarities is None else [find_similarity(name) for name in similarities]
    own, asked = bank.items(), bank.items(QUERIES)
    entries, queries = [entry for entry, _ in own], [entry for entry, _ in asked]
    cases = _cases(bank.outcomes(), entries, queries)
    if not cases:
        raise BankError(
            "expected outcomes of two or more sources for a target with a key, found none",
            "record some with `spot transfer` or `spot study`, or import them",
        )
    prompts = [arrays for _, arrays in (*own, *asked)]
    if chosen is None:
        inits_known = all(arrays.init is not None for arrays in prompts)
        chosen = [each for each in SIMILARITIES.values() if inits_known or not each.needs_inits]
    return [_evaluation(similarity, cases, prompts, len(entries)) for similarity in chosen]


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two equally long lists, ties averaged; None when one is constant."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length else None


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)


def _cases(
    outcomes: Sequence[Outcome], entries: Sequence[Entry], queries: Sequence[Entry]
) -> list[_Case]:
    """The targets that can be evaluated, sorted by name; steps 1 and 2 of the protocol."""
    by_target: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_target[outcome.target].append(outcome)
    cases = []
    for target, recorded in sorted(by_target.items()):
        own = [len(entries) + row for row, query in enumerate(queries) if query.task == target]
        own = own or [row for row, entry in enumerate(entries) if entry.task == target]
        groups: dict[tuple[str, str, str], dict[str, list[Outcome]]] = {}
        places: dict[str, list[int]] = {}
        for outcome in recorded:
            rows = _rows_of(outcome.source, target, entries)
            if rows:
                places[outcome.source] = rows
                group = groups.setdefault((outcome.strategy, outcome.split, outcome.metric), {})
                group.setdefault(outcome.source, []).append(outcome)
        if not own or not groups:
            continue
        best = min(groups, key=lambda name: (-len(groups[name]), name))
        scores = {
            source: float(weights(group) @ np.array([outcome.score for outcome in group]))
            for source, group in groups[best].items()
        }
        if len(scores) > 1:
            variance = _variance([each for group in groups[best].values() for each in group])
            cases.append(_Case(target, best, scores, places, own, variance))
    return cases


def _variance(outcomes: Sequence[Outcome]) -> float | None:
    """The mean variance of outcomes by their examples; None where one does not say."""
    errors = [outcome.error for outcome in outcomes]
    known = [error for error in errors if error is not None]
    return float(np.mean(np.square(known))) if len(known) == len(errors) else None


def _shares(cases: Sequence[_Case], rows: Sequence[TargetRow]) -> NDArray[np.float64]:
    """The weight of each target in a mean; the variance between targets is that of what there is to
    lose, the regret of a random pick, so that every similarity has the same weights.
    """
    variances = [case.variance for case in cases if case.variance is not None]
    if len(variances) < len(cases):
        return np.full(len(cases), 1 / len(cases))
    within = np.array(variances)
    regrets = [row.random_regret for row in rows]
    between = max(0.0, float(np.var(regrets, ddof=1) - within.mean())) if len(rows) > 1 else 0.0
    precision = 1 / (within + between)
    return np.asarray(precision / precision.sum())


def _rows_of(source: str, target: str, entries: Sequence[Entry]) -> list[int]:
    """The entries that an outcome's source stands for, without those trained on the target's data."""
    exact = [row for row, entry in enumerate(entries) if entry.id == source]
    rows = exact or [row for row, entry in enumerate(entries) if entry.task == source]
    return [row for row in rows if target not in (entries[row].task, *entries[row].members)]


def _evaluation(
    similarity: Similarity, cases: Sequence[_Case], prompts: Sequence[Prompts], bank_size: int
) -> Evaluation:
    """All cases under one similarity; the first `bank_size` prompts are the bank's entries."""
    keys = np.stack([arrays.key for arrays in prompts])
    present = [arrays.init for arrays in prompts if arrays.init is not None]
    inits = np.stack(present) if len(present) == len(prompts) else None
    similar = similarity.matrix(keys, inits, bank_size=bank_size)
    rows = tuple(_row(case, similar) for case in cases)
    shares = _shares(cases, rows)

    def mean(values: Sequence[float]) -> float:
        return float(shares @ np.array(values, dtype=np.float64))

    known = [row.spearman is not None for row in rows]
    correlations = np.array([row.spearman for row in rows if row.spearman is not None])
    return Evaluation(
        similarity=similarity.name,
        targets=len(rows),
        top1=mean([row.top1 for row in rows]),
        top3=mean([row.top3 for row in rows]),
        mean_regret=mean([row.regret for row in rows]),
        mean_spearman=float(np.average(correlations, weights=shares[known]))
        if any(known)
        else None,
        random_top1=mean([row.random_top1 for row in rows]),
        random_top3=mean([row.random_top3 for row in rows]),
        random_regret=mean([row.random_regret for row in rows]),
        rows=rows,
        shares=tuple(shares.tolist()),
    )


def _row(case: _Case, similar: NDArray[np.float64]) -> TargetRow:
    """Steps 3 and 4 of the protocol for one target."""
    sources = sorted(case.scores)
    scores = np.array([case.scores[source] for source in sources])
    nearness = np.array([similar[np.ix_(case.own, case.keys[source])].mean() for source in sources])
    order = np.argsort(-nearness, kind="stable")
    is_best = scores == scores.max()
    n, best = len(sources), int(is_best.sum())
    picked = int(order[0])
    return TargetRow(
        case.target,
        *case.group,
        n=n,
        picked=sources[picked],
        best=sources[int(np.argmax(scores))],
        picked_score=float(scores[picked]),
        best_score=float(scores.max()),
        regret=float(scores.max() - scores[picked]),
        top1=bool(is_best[picked]),
        top3=bool(is_best[order[:3]].any()),
        spearman=spearman(nearness.tolist(), scores.tolist()),
        random_top1=best / n,
        random_top3=1.0 - math.comb(n - best, 3) / math.comb(n, 3) if n >= 3 else 1.0,
        random_regret=float(scores.max() - scores.mean()),
    )
