"""The study: every target from every source, so that retrieval can be judged against the oracle.

Trains (or finds again) one run a source and seed for each target, and turns them into records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError
from bank.search import SIMILARITIES
from bank.store import Bank
from spot.config import Config
from spot.models.model import Model
from spot.retrieval.target import Answer, search_target, zero_shot_losses
from spot.strategies.transfer import (
    Candidate,
    Start,
    check_target,
    count_for,
    hit_starts,
    score_on_test,
    start_prompts,
    train_starts,
)
from spot.study.records import SINGLE, TransferRecord, reportable
from spot.study.statistics import Interval
from spot.study.tables import BEST, MethodScores, TransferTable, method_scores, transfer_table
from spot.training.runs import Runs, runs_of
from spot.training.slots import Reporter

Order = dict[str, dict[str, float]]  # of each target, the scores of its sources by id


@dataclass(frozen=True)
class Study:
    """A finished study: the paper's table, and each method's mean gain over scratch with its
    interval. `by_order` has the scores of the best of the top k for every order of the sources, the
    config's similarity among them; `scratch` those from scratch.
    """

    table: TransferTable
    gains: dict[str, Interval]
    records: tuple[TransferRecord, ...]
    scratch: MethodScores
    by_order: dict[str, dict[int, MethodScores]]

    def gains_by_order(
        self, scratch: NDArray[np.float64] | None = None
    ) -> dict[str, dict[int, Interval]]:
        """Mean gains of the best of the top k, for every order and k, over the study's scores from
        scratch or over others [targets, seeds].
        """
        compared = self.scratch.test if scratch is None else scratch
        return {
            name: {k: one.gain_over(compared) for k, one in found.items()}
            for name, found in self.by_order.items()
        }


def study(
    targets: Sequence[str],
    config: Config,
    bank: Bank,
    backbone: Model,
    reporter: Reporter | None = None,
    ks: Sequence[int] = (1, 3),
) -> Study:
    """Oracle, best of top k and scratch for every target, from all single-task entries that a search
    compares; each mixture entry is a generic start beside them.

    Choices are made on validation, scores are of the test split. Raises SpotError or BankError for
    unusable input; a run that fails stops the study, since a table with gaps would mislead.
    """
    runs = runs_of(config, reporter)
    records: list[TransferRecord] = []
    every: dict[str, Order] = {}
    warned: set[str] = set()
    for target in targets:
        check_target(target, config)
    for target in dict.fromkeys(targets):
        k = count_for(target, config, bank)
        answer = ranking(config.search.similarity, target, k, config, bank, backbone, runs.reporter)
        for warning in answer.result.warnings:
            if warning not in warned:
                runs.reporter.warn(warning)
                warned.add(warning)
        hits = [hit for hit in answer.result.hits if hit.kind != "mixture"]
        ids = [hit.id for hit in hits]
        for name, scores in orders(target, ids, k, config, bank, backbone).items():
            every.setdefault(name, {})[target] = scores
        begin = [Start("none")]
        begin += hit_starts("oracle", target, hits, config, bank, backbone)
        begin += generic_starts(target, targets, config, bank, backbone)
        ranked = [order[target] for order in every.values()]
        trained = train_starts(target, begin, config, backbone, runs)
        records += scored(target, trained, ranked, config, backbone, runs)
    similarity = config.search.similarity
    planned = {target: list(scores) for target, scores in every[similarity].items()}
    usable = [k for k in ks if k <= min(len(ids) for ids in planned.values())]
    table = transfer_table(records, ks=usable, similarity=similarity, planned=planned)
    by_order = {
        name: best_of([reordered(one, order[one.target]) for one in records], usable)
        for name, order in every.items()
    }
    _, _, (scratch, *methods) = method_scores(records, ks=usable, planned=planned)
    gains = {one.name: one.gain_over(scratch.test) for one in methods}
    return Study(table, gains, tuple(records), scratch, by_order)


def ranking(
    similarity: str,
    target: str,
    k: int,
    config: Config,
    bank: Bank,
    backbone: Model,
    reporter: Reporter | None = None,
) -> Answer:
    """The search for a target by a similarity alone, whatever orders the config's own search."""
    search = config.search.model_copy(update={"similarity": similarity, "rerank_examples": 0})
    asked = config.model_copy(update={"search": search})
    return search_target(target, asked, bank, lambda: backbone, reporter, k=k)


def orders(
    target: str, ids: Sequence[str], k: int, config: Config, bank: Bank, backbone: Model
) -> dict[str, dict[str, float]]:
    """Scores of the target's sources (the higher, the nearer) by every similarity that this bank
    allows, and with `search.rerank_examples` by the loss of their values on so many rows. k is what
    a search can find.
    """
    found = {}
    for name in SIMILARITIES:
        try:
            answer = ranking(name, target, k, config, bank, backbone)
        except BankError:
            if name == config.search.similarity:
                raise
            continue  # as "delta" where an init prompt is not known
        scores = {hit.id: hit.score for hit in answer.result.hits}
        found[name] = {id: scores[id] for id in ids}
    if config.search.rerank_examples:
        losses = zero_shot_losses(target, ids, config, bank, backbone)
        found["zero-shot loss"] = {id: -losses[id] for id in ids}
    return found


def reordered(record: TransferRecord, scores: Mapping[str, float]) -> TransferRecord:
    """The record with another similarity of its source, where it has one."""
    if record.strategy in SINGLE and record.source is not None:
        return replace(record, similarity=scores[record.source])
    return record


def reported(records: Sequence[TransferRecord], ranked: Sequence[Mapping[str, float]]) -> set[int]:
    """Which of a target's records a table may report under one of these orders of its sources."""
    found = set()
    for scores in ranked:
        rows = [reordered(one, scores) for one in records]
        wanted = reportable(rows)
        found |= {number for number, row in enumerate(rows) if row in wanted}
    return found


def best_of(records: Sequence[TransferRecord], ks: Sequence[int]) -> dict[int, MethodScores]:
    """The scores of the best of the top k, for every k."""
    _, _, methods = method_scores(records, ks=ks)
    return {one.k: one for one in methods if one.method == BEST and one.k}


def generic_starts(
    target: str, targets: Sequence[str], config: Config, bank: Bank, backbone: Model
) -> list[Start]:
    """The bank's mixture entries that hold none of the targets, as starts that no search chooses
    (generic SPoT, section 2.2 of the paper); k is the number of their tasks.
    """
    mixtures = [
        one
        for one in bank.entries()
        if one.kind == "mixture" and not set(one.members) & set(targets)
    ]
    prompts = start_prompts(target, [one.id for one in mixtures], config, bank, backbone)
    return [
        Start("generic", one.id, one.task, None, prompt, len(one.members))
        for one, prompt in zip(mixtures, prompts, strict=True)
    ]


def scored(
    target: str,
    candidates: Sequence[Candidate],
    ranked: Sequence[Mapping[str, float]],
    config: Config,
    backbone: Model,
    runs: Runs,
) -> list[TransferRecord]:
    """The candidates as the tables read them; only what a table may report is scored on test."""
    plain = [
        TransferRecord(
            target, one.seed, one.start.source, one.start.task, one.start.similarity,
            one.validation, None, one.start.strategy, one.start.k,
        )
        for one in candidates
    ]  # fmt: skip
    wanted = reported(plain, ranked)
    return [
        replace(row, test=score_on_test(one, target, config, backbone, runs).test)
        if number in wanted
        else row
        for number, (row, one) in enumerate(zip(plain, candidates, strict=True))
    ]
