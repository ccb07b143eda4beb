"""The study: every target from every source, so that retrieval can be judged against the oracle.

Trains (or finds again) one run a source and seed for each target, and turns them into records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bank.entry import OF_SEVERAL, Entry
from bank.errors import BankError
from bank.similarities import SIMILARITIES
from bank.store import Bank
from spot.models.model import Model
from spot.prompts.files import write_prompt
from spot.retrieval.estimators import ESTIMATORS
from spot.retrieval.settings import SearchSettings
from spot.retrieval.target import Answer, losses_of, recipe_for, search, settings_for
from spot.strategies.settings import TransferSettings
from spot.strategies.single import hit_starts, start_prompts
from spot.strategies.start import SCRATCH, Situation, Start
from spot.strategies.transfer import (
    BEST_FILE,
    Candidate,
    check_kinds,
    check_target,
    count_for,
    score_on_test,
    train_starts,
)
from spot.study.ranking import RankQuality, rank_quality
from spot.study.records import SINGLE, TransferRecord, reportable
from spot.study.significance import Significance, significance
from spot.study.statistics import Interval
from spot.study.tables import BEST, MethodScores, TransferTable, method_scores, transfer_table
from spot.tasks.metrics import main_metric
from spot.tasks.task import Mixture, Task
from spot.training.evaluate import split_metrics
from spot.training.recipe import Recipe
from spot.training.runs import Runs, prompt_digest
from spot.training.source import test_rows
from spot.training.tfidf import tfidf_answers
from spot.verdicts.gains import judge_study
from spot.verdicts.verdict import Verdict

Order = dict[str, dict[str, float]]
"""The scores of each target's sources by id, the higher the nearer."""


@dataclass(frozen=True)
class Study:
    """A finished study: the paper's table, and each method's mean gain over scratch with its interval
    and its test.

    `by_order` has the scores of the best of the top k for every order of the sources, the search's
    similarity among them, and `ranking` the quality of these orders; `scratch` has the scores from
    scratch. `tfidf` has each target's test score by TF-IDF with logistic regression, where it has labels.
    `prompts` are the files of each target's best prompt on validation.
    """

    table: TransferTable
    gains: dict[str, Interval]
    records: tuple[TransferRecord, ...]
    scratch: MethodScores
    by_order: dict[str, dict[int, MethodScores]]
    significance: dict[str, Significance]
    ranking: dict[str, RankQuality]
    tfidf: dict[str, float] = field(default_factory=dict)
    prompts: dict[str, Path] = field(default_factory=dict)

    @property
    def best(self) -> MethodScores | None:
        """The scores of the best of the most sources that the study's own search finds, if any."""
        of_search = self.by_order.get(self.table.similarity, {})
        return of_search[max(of_search)] if of_search else None

    @property
    def verdict(self) -> Verdict:
        """The judgement of transfer from what a search finds, or of the last method without it."""
        best, targets = self.best, self.table.targets
        name, gain = list(self.gains.items())[-1] if self.gains else ("transfer", None)
        if best is not None:
            name = (
                "from the nearest source" if best.k == 1 else f"from the best of {best.k} sources"
            )
            gain = best.gain_over(self.scratch.test)
        tfidf = None
        if gain is not None and set(targets) <= set(self.tfidf):
            tfidf = float(np.mean([self.tfidf[target] for target in targets]))
        scratch = float(self.scratch.test.mean())
        bounds = None if gain is None else (gain.mean, gain.low, gain.high)
        return judge_study(name, bounds, len(targets), len(self.table.seeds), scratch, tfidf)

    def gains_by_order(
        self, scratch: NDArray[np.float64] | None = None
    ) -> dict[str, dict[int, Interval]]:
        """Mean gains of the best of the top k, for every order and k, over the study's scores from
        scratch or over others [targets, seeds].
        """
        compared = self.scratch.test if scratch is None else scratch
        return {
            name: {k: scores.gain_over(compared) for k, scores in by_k.items()}
            for name, by_k in self.by_order.items()
        }


def run_study(
    bank: Bank,
    model: Model,
    targets: Sequence[Task],
    *,
    recipe: Recipe | None = None,
    plan: TransferSettings | None = None,
    search_settings: SearchSettings | None = None,
    sources: Mapping[str, Task | Mixture] | None = None,
    ks: Sequence[int] = (1, 3),
    runs: Runs | None = None,
) -> Study:
    """Run oracle, best of top k and scratch for every target, from all single-task entries that a
    search compares, and from each mixture entry as a generic prompt.

    recipe, search_settings, sources: as for `transfer`; plan: seeds, steps and rates of both arms.
    Choices are made on validation, scores are of the test split. Raises SpotError or BankError for
    unusable input; a run that fails stops the study, since a table with gaps would mislead.
    """
    runs = runs or Runs()
    recipe = recipe_for(bank, model, recipe)
    plan = (plan or TransferSettings()).on(model)
    settings = settings_for(bank, model, recipe, search_settings)
    records: list[TransferRecord] = []
    order_of: dict[str, Order] = {}
    prompts: dict[str, Path] = {}
    warned: set[str] = set()
    targets = list({target.name: target for target in targets}.values())
    runs.reporter.phase("reading the rows of the targets")
    for target in targets:
        check_kinds(bank, target, recipe, settings, every=True)
        check_target(target, model, recipe)
    for target in targets:
        k = count_for(bank, target, settings)
        answer = search_by(settings.similarity, bank, model, target, k, recipe, settings, runs)
        for warning in answer.result.warnings:
            if warning not in warned:
                runs.reporter.warn(warning)
                warned.add(warning)
        hits = [hit for hit in answer.result.hits if hit.kind not in OF_SEVERAL]
        for name, scores in orders(
            bank, model, target, [hit.id for hit in hits], k, recipe, settings, runs
        ).items():
            order_of.setdefault(name, {})[target.name] = scores
        situation = Situation(
            bank, model, target, hits, recipe, sources or {}, plan, settings, runs
        )
        starts = [Start(SCRATCH), *hit_starts("oracle", hits, situation)]
        starts += generic_starts([each.name for each in targets], situation)
        ranked = [order[target.name] for order in order_of.values()]
        candidates = train_starts(model, target, starts, recipe, plan, runs, bank)
        prompts[target.name] = write_best(target, candidates, runs)
        records += scored(model, target, candidates, ranked, recipe, runs)
    planned = {target: list(scores) for target, scores in order_of[settings.similarity].items()}
    usable = [k for k in ks if k <= min(len(ids) for ids in planned.values())]
    table = transfer_table(records, ks=usable, similarity=settings.similarity, planned=planned)
    _, _, (scratch, *methods) = method_scores(records, ks=usable, planned=planned)
    gains = {scores.name: scores.gain_over(scratch.test) for scores in methods}
    by_order, ranking = {}, {}
    for name, order in order_of.items():
        rows = [reordered(record, order[record.target]) for record in records]
        by_order[name] = best_of(rows, usable)
        ranking[name] = rank_quality(rows, usable)
    tests = significance(methods, scratch.test)
    tfidf = tfidf_scores(model, targets, recipe, runs)
    return Study(table, gains, tuple(records), scratch, by_order, tests, ranking, tfidf, prompts)


def tfidf_scores(
    model: Model, targets: Sequence[Task], recipe: Recipe, runs: Runs
) -> dict[str, float]:
    """The test score of TF-IDF with logistic regression for each target with labels."""
    scores = {}
    for target in targets:
        answers = tfidf_answers(target, train_examples=recipe.train_examples, runs=runs)
        if answers is not None:
            rows = test_rows(target, model, recipe)
            scores[target.name] = main_metric(split_metrics(target, rows, answers))
    return scores


def write_best(target: Task, candidates: Sequence[Candidate], runs: Runs) -> Path:
    """Write the candidate's prompt that is best on validation, the first of equals; its file."""
    best = max(candidates, key=lambda candidate: candidate.validation).prompt
    folder = runs.place("study", target.name, {"prompt": prompt_digest(best)})
    write_prompt(folder / BEST_FILE, best)
    return folder / BEST_FILE


def search_by(
    similarity: str,
    bank: Bank,
    model: Model,
    target: Task,
    k: int,
    recipe: Recipe,
    settings: SearchSettings,
    runs: Runs | None = None,
) -> Answer:
    """The search for a target by a similarity alone, whatever orders the study's own search."""
    alone = settings.model_copy(update={"similarity": similarity, "rerank_examples": 0})
    return search(bank, model, target, k, recipe=recipe, settings=alone, runs=runs)


def orders(
    bank: Bank,
    model: Model,
    target: Task,
    ids: Sequence[str],
    k: int,
    recipe: Recipe,
    settings: SearchSettings,
    runs: Runs | None = None,
) -> dict[str, dict[str, float]]:
    """Scores of the target's sources (the higher, the nearer) by every similarity that this bank
    allows, and with `rerank_examples` by every estimator on so many rows. k: the number of tasks that
    a search can find.
    """
    by_name = {}
    for name in SIMILARITIES:
        try:
            answer = search_by(name, bank, model, target, k, recipe, settings, runs)
        except BankError:
            if name == settings.similarity:
                raise
            continue  # as "delta" where an init prompt is not known
        scores = {hit.id: hit.score for hit in answer.result.hits}
        by_name[name] = {id: scores[id] for id in ids}
    if settings.rerank_examples:
        for name, estimator in ESTIMATORS.items():
            losses = losses_of(bank, model, target, recipe, ids, settings, estimator)
            by_name[name] = {id: -losses[id] for id in ids}
    return by_name


def reordered(record: TransferRecord, scores: Mapping[str, float]) -> TransferRecord:
    """The record with another similarity of its source, where it has one."""
    if record.strategy in SINGLE and record.source is not None:
        return replace(record, similarity=scores[record.source])
    return record


def reported(records: Sequence[TransferRecord], ranked: Sequence[Mapping[str, float]]) -> set[int]:
    """Indices of a target's records that a table may report under any of these orders."""
    indices = set()
    for scores in ranked:
        rows = [reordered(record, scores) for record in records]
        of_table = reportable(rows)
        indices |= {index for index, row in enumerate(rows) if row in of_table}
    return indices


def best_of(records: Sequence[TransferRecord], ks: Sequence[int]) -> dict[int, MethodScores]:
    """The scores of the best of the top k, for every k."""
    _, _, methods = method_scores(records, ks=ks)
    return {scores.k: scores for scores in methods if scores.method == BEST and scores.k}


def generic_entries(bank: Bank, targets: Sequence[str]) -> list[Entry]:
    """The bank's mixture entries that hold none of the targets."""
    return [
        entry
        for entry in bank.entries()
        if entry.kind == "mixture" and not set(entry.members) & set(targets)
    ]


def generic_starts(targets: Sequence[str], situation: Situation) -> list[Start]:
    """These entries as starts that no search chooses (generic SPoT, section 2.2 of the paper); k is the
    number of their tasks.
    """
    mixtures = generic_entries(situation.bank, targets)
    prompts = start_prompts([entry.id for entry in mixtures], situation)
    return [
        Start("generic", entry.id, entry.task, None, prompt, len(entry.members))
        for entry, prompt in zip(mixtures, prompts, strict=True)
    ]


def scored(
    model: Model,
    target: Task,
    candidates: Sequence[Candidate],
    ranked: Sequence[Mapping[str, float]],
    recipe: Recipe,
    runs: Runs,
) -> list[TransferRecord]:
    """The candidates as records; only those that a table may report are scored on test."""
    plain = [
        TransferRecord(
            target=target.name,
            seed=candidate.seed,
            source=candidate.start.source,
            source_task=candidate.start.task,
            similarity=candidate.start.similarity,
            validation=candidate.validation,
            test=None,
            strategy=candidate.start.strategy,
            k=candidate.start.k,
        )
        for candidate in candidates
    ]
    to_score = reported(plain, ranked)
    return [
        replace(row, test=score_on_test(model, target, candidate, recipe, runs).test)
        if index in to_score
        else row
        for index, (row, candidate) in enumerate(zip(plain, candidates, strict=True))
    ]
