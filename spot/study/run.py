"""The study: every target from every source, so that retrieval can be judged against the oracle.

Trains (or finds again) one run a source and seed for each target, and what the arms of the study add. A run
that fails leaves a gap that the result names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bank.entry import OF_SEVERAL
from bank.errors import BankError
from bank.nearest import Hit, searchable, seeds_of_tasks
from bank.similarities import SIMILARITIES
from bank.store import Bank
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.files import write_prompt
from spot.prompts.stored import check_model, value_of
from spot.retrieval.estimators import ESTIMATORS, Estimator
from spot.retrieval.settings import SearchSettings
from spot.retrieval.target import Answer, losses_of, recipe_for, search, settings_for
from spot.strategies.settings import TransferSettings
from spot.strategies.single import hit_starts
from spot.strategies.start import SCRATCH, Situation, Start
from spot.strategies.transfer import (
    BEST_FILE,
    Candidate,
    Failed,
    Run,
    check_kinds,
    check_target,
    count_for,
    outcomes,
    score_on_test,
    try_starts,
    with_gains,
)
from spot.study.arms import GENERIC, RERANKED, check_arms, makers
from spot.study.records import TransferRecord
from spot.study.result import Missing, Order, Study, StudyRun, write_study
from spot.study.settings import StudySettings
from spot.study.similarity import similarity_of_items
from spot.tasks.metrics import main_metric
from spot.tasks.task import Mixture, Task
from spot.training.evaluate import split_metrics
from spot.training.judging import metric_name
from spot.training.provenance import write_provenance
from spot.training.recipe import Recipe
from spot.training.runs import Runs, data_digest, model_facts, prompt_digest
from spot.training.source import source_of, test_rows
from spot.training.tfidf import tfidf_answers

RERANK_AMONG = 3  # sources: a good choice among three is worth more than another similarity
RERANK_ROWS = 32  # where search.rerank_examples is 0
DEFAULTS = StudySettings()


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """What a study does with every target; `tasks` are those of the entries to start from, None: all.

    has_sources: some target has a source, else there are mixtures alone.
    """

    bank: Bank
    model: Model
    names: tuple[str, ...]
    recipe: Recipe
    transfer: TransferSettings
    search: SearchSettings
    sources: Mapping[str, Task | Mixture]
    ks: tuple[int, ...]
    arms: tuple[str, ...]
    tasks: frozenset[str] | None
    has_sources: bool
    runs: Runs

    def situation(self, target: Task, hits: Sequence[Hit]) -> Situation:
        """The target's situation."""
        return Situation(
            self.bank,
            self.model,
            target,
            hits,
            self.recipe,
            self.sources,
            self.transfer,
            self.search,
            self.runs,
        )

    def nearest(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits of one task that the study starts from."""
        return [
            hit
            for hit in hits
            if hit.kind not in OF_SEVERAL and (self.tasks is None or hit.task in self.tasks)
        ]


@dataclass(frozen=True, eq=False)
class Column:
    """What a study measured on one target, and what it lacks."""

    target: Task
    runs: tuple[Run, ...] = ()
    orders: Mapping[str, dict[str, float]] = field(default_factory=dict)
    estimates: Mapping[str, dict[str, float]] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    prompt: Path | None = None


def run_study(
    bank: Bank,
    model: Model,
    targets: Sequence[Task],
    *,
    recipe: Recipe | None = None,
    plan: TransferSettings | None = None,
    search_settings: SearchSettings | None = None,
    sources: Mapping[str, Task | Mixture] | None = None,
    entries: Sequence[str] = (),
    ks: Sequence[int] = DEFAULTS.ks,
    arms: Sequence[str] = DEFAULTS.arms,
    runs: Runs | None = None,
) -> Study:
    """Run oracle, best of top k and scratch for every target, from all single-task entries that a
    search compares, and what the arms add; record every outcome in the bank, and write the result.

    recipe, search_settings, sources: as for `transfer`; plan: seeds, steps and rates of both arms.
    entries: the tasks, or ids, of the bank's entries to start from; none: all. arms: names of
    `spot.study.arms.ARMS`. Choices are made on validation, scores are of the test split.

    A run that fails is missing from the result, which says so, and tables are made of complete targets.
    Raises SpotError or BankError for unusable input before any training, and where no target is complete.
    """
    runs = runs or Runs()
    made = plan_of(
        bank, model, targets, recipe, plan, search_settings, sources, entries, ks, arms, runs
    )
    targets = list({target.name: target for target in targets}.values())
    runs.reporter.phase("reading the rows of the targets")
    check_targets(made, targets)
    warned: set[str] = set()
    columns: list[Column] = []
    errors: list[SpotError | BankError] = []
    for target in targets:
        try:
            column = column_of(made, target, warned)
        except (SpotError, BankError) as error:
            errors.append(error)
            missing = Missing(target.name, "every run", error.message, error.hint or "")
            column = Column(target, missing=(missing,))
        for gap in column.missing:
            runs.reporter.warn(gap.sentence)
        columns.append(column)
    if len(errors) == len(targets):
        raise errors[0]
    study = joined_columns(made, columns)
    study.grid  # noqa: B018  # raises where no target is complete
    content = study.to_json()
    del content["prompts"], content["summary"]  # places, and what follows from the rest
    for run in content["runs"]:
        del run["folder"]
    folder = runs.place("study", "results", content)
    settings = made.transfer.model_dump(mode="json", exclude={"strategy", "k"})
    settings |= {
        "ks": list(made.ks),
        "arms": list(made.arms),
        "rerank": made.search.rerank_examples,
    }
    write_provenance(folder, [model], made.recipe, bank, **settings)
    return write_study(study, folder)


def plan_of(
    bank: Bank,
    model: Model,
    targets: Sequence[Task],
    recipe: Recipe | None,
    plan: TransferSettings | None,
    search_settings: SearchSettings | None,
    sources: Mapping[str, Task | Mixture] | None,
    entries: Sequence[str],
    ks: Sequence[int],
    arms: Sequence[str],
    runs: Runs,
) -> StudyPlan:
    """The plan of a study. Raises SpotError for no target, for an arm, a k or an entry that is not known, and
    for entries of another model.
    """
    if not targets:
        raise SpotError("expected a target for the study, found none", "name one or more")
    if wrong := [k for k in ks if k < 1]:
        raise SpotError(f"expected ks of at least 1, found {wrong[0]}", "e.g. 1, 3")
    of_bank = bank.entries()
    for entry in of_bank:
        check_model(entry, model)
    recipe = recipe_for(bank, model, recipe)
    known = {
        name: entry.task
        for entry in of_bank
        if entry.kind not in OF_SEVERAL
        for name in (entry.id, entry.task)
    }
    for name in entries:
        if name not in known:
            raise SpotError(
                f'expected a task of the bank\'s entries, found "{name}".{did_you_mean(name, known)}',
                f"spot bank list --bank {bank.path}",
            )
    tasks = frozenset(known[name] for name in entries)
    made = StudyPlan(
        bank,
        model,
        tuple(dict.fromkeys(target.name for target in targets)),
        recipe,
        (plan or TransferSettings()).on(model),
        settings_for(bank, model, recipe, search_settings),
        sources or {},
        tuple(sorted(set(ks))),
        tuple(check_arms(arms)),
        tasks if entries else None,
        False,
        runs,
    )
    # Of more sources than a target has there is no average, and none is comparable with others.
    least = min((count for each in targets if (count := source_count(made, each))), default=0)
    return replace(made, ks=tuple(k for k in made.ks if k <= least), has_sources=least > 0)


def source_count(plan: StudyPlan, target: Task) -> int:
    """The number of tasks with a prompt of their own that the target's search compares."""
    entries, _ = searchable(plan.bank.entries(), (target.name,), plan.search.unlearned)
    groups = seeds_of_tasks([entry for entry in entries if entry.kind not in OF_SEVERAL])
    return sum(plan.tasks is None or group[0].task in plan.tasks for group in groups)


def check_targets(plan: StudyPlan, targets: Sequence[Task]) -> None:
    """Raises SpotError for rows or entries that no run could use, before any training."""
    for target in targets:
        check_kinds(plan.bank, target, plan.recipe, plan.search, every=True)
        check_target(target, plan.model, plan.recipe)


def column_of(plan: StudyPlan, target: Task, warned: set[str]) -> Column:
    """Everything of one target. Raises SpotError or BankError where its search or its runs from scratch and
    from one source fail as a whole.
    """
    bank, model, recipe, runs = plan.bank, plan.model, plan.recipe, plan.runs
    k = count_for(bank, target, plan.search)
    answer = search_by(plan.search.similarity, bank, model, target, k, recipe, plan.search, runs)
    for warning in answer.result.warnings:
        if warning not in warned:
            runs.reporter.warn(warning)
            warned.add(warning)
    hits = plan.nearest(answer.result.hits)
    if not hits and (plan.has_sources or plan.tasks is not None):
        raise SpotError("none of the sources is another task", "name more sources")
    ids = [hit.id for hit in hits]
    order_of = orders(bank, model, target, ids, k, recipe, plan.search, runs)
    situation = plan.situation(target, hits)
    core, rest, missing = starts_of(plan, situation)
    attempts = try_starts(model, target, core, recipe, plan.transfer, runs, bank)
    for what, start in rest:
        title = f"{what}, {target.name}"
        try:
            attempts += try_starts(
                model, target, [start], recipe, plan.transfer, runs, bank, title=title
            )
        except SpotError as error:
            missing.append(Missing(target.name, what, error.message, error.hint or ""))
    missing += [failure(target, each) for each in attempts if isinstance(each, Failed)]
    candidates = [each for each in attempts if isinstance(each, Candidate)]
    every = [score_on_test(model, target, each, recipe, runs) for each in candidates]
    scored = [run for run in every if math.isfinite(run.validation) and math.isfinite(run.test)]
    missing += [
        failure(target, Failed(run.start, run.seed, SpotError("its score is not a number")))
        for run in every
        if run not in scored
    ]
    done = with_gains(scored, target, test_rows(target, model, recipe))
    bank.add_outcomes(outcomes(target.name, metric_name(target), done))
    prompt = write_best(target, candidates, runs) if candidates else None
    return Column(target, done, order_of, estimates(plan, target, hits), tuple(missing), prompt)


def starts_of(
    plan: StudyPlan, situation: Situation
) -> tuple[list[Start], list[tuple[str, Start]], list[Missing]]:
    """Scratch, every source and the generic prompts; the other arms' starts with what they are; and those
    that cannot be made.
    """
    core = [Start(SCRATCH), *hit_starts("oracle", situation.hits, situation)]
    rest: list[tuple[str, Start]] = []
    missing = []
    for maker in makers(plan.arms, situation, plan.ks, plan.names):
        try:
            starts = maker.make()
        except (SpotError, BankError) as error:
            name = situation.target.name
            missing.append(Missing(name, maker.what, error.message, error.hint or ""))
            continue
        if maker.strategy == GENERIC:
            core += starts
        else:
            rest += [(maker.what, start) for start in starts]
    return core, rest, missing


def failure(target: Task, failed: Failed) -> Missing:
    """A run that failed as a gap of its target."""
    start = failed.start
    name = "from scratch" if start.strategy == SCRATCH else f"from {start.source or start.name}"
    what = f"the run {name}, seed {failed.seed},"
    return Missing(target.name, what, failed.error.message, failed.error.hint or "")


def joined_columns(plan: StudyPlan, columns: Sequence[Column]) -> Study:
    """The study of these targets."""
    orders_of: dict[str, Order] = {}
    estimates_of: dict[str, Order] = {}
    for column in columns:
        for by_name, found in ((orders_of, column.orders), (estimates_of, column.estimates)):
            for name, scores in found.items():
                by_name.setdefault(name, {})[column.target.name] = scores
    items = plan.bank.items()
    families = {entry.task: entry.family for entry, _ in items}
    return Study(
        model=plan.model.name,
        fingerprint=plan.model.fingerprint,
        similarity=plan.search.similarity,
        ks=plan.ks,
        metrics={column.target.name: metric_name(column.target) for column in columns},
        runs=tuple(study_run(column.target, run) for column in columns for run in column.runs),
        orders=orders_of,
        estimates=estimates_of,
        missing=tuple(gap for column in columns for gap in column.missing),
        tfidf=tfidf_scores(plan.model, [each.target for each in columns], plan.recipe, plan.runs),
        tasks=similarity_of_items(items, plan.search.similarity) if items else None,
        families=families,
        prompts={each.target.name: each.prompt for each in columns if each.prompt is not None},
    )


def study_run(target: Task, run: Run) -> StudyRun:
    """A scored run as the study keeps it."""
    record = TransferRecord(
        target=target.name,
        seed=run.seed,
        source=run.start.source,
        source_task=run.start.task,
        similarity=run.start.similarity,
        validation=run.validation,
        test=run.test,
        strategy=run.start.strategy,
        k=run.start.k,
    )
    return StudyRun(
        record,
        run.learning_rate,
        run.step,
        run.test_metrics,
        run.n_test,
        run.gain_interval,
        run.history,
        run.folder,
    )


def estimates(plan: StudyPlan, target: Task, hits: Sequence[Hit]) -> dict[str, dict[str, float]]:
    """The score (the higher, the better a start) of the few nearest by every estimator, computed once."""
    near = [hit.id for hit in hits[:RERANK_AMONG]]
    if RERANKED not in plan.arms or len(near) < 2:
        return {}
    rows = plan.search.rerank_examples or RERANK_ROWS
    settings = plan.search.model_copy(update={"rerank_examples": rows})
    values = [value_of(plan.bank, plan.bank.get(id)) for id in near]
    read: dict[str, Any] = {
        "model": model_facts(plan.model),
        "prompts": [prompt_digest(value) for value in values],
        "data": data_digest(source_of(target, plan.model, plan.recipe).members[0]),
        "rows": rows,
        "seed": settings.seeds[0],
    }
    found = {}
    for name, estimator in ESTIMATORS.items():

        def scores(estimator: Estimator = estimator) -> list[float]:
            losses = losses_of(
                plan.bank, plan.model, target, plan.recipe, near, settings, estimator
            )
            return [-losses[id] for id in near]

        place = ("estimates", target.name, {**read, "estimator": name})
        found[name] = dict(zip(near, plan.runs.remembered(*place, scores), strict=True))
    return found


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
