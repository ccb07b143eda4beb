"""What a stage would train, without training or writing anything but caches: the answers of --dry-run.

Each plan is of the call of the same name and takes what that takes. Where a search decides what comes
next and its query is not trained yet, runs are counted; otherwise their results are looked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bank.errors import BankError
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.runtime import device_errors
from spot.prompts.prompt import SoftPrompt
from spot.retrieval.query import cached_query, query_entry
from spot.retrieval.settings import SearchSettings
from spot.retrieval.target import recipe_for, search, settings_for
from spot.strategies.settings import TransferSettings
from spot.strategies.single import hit_starts
from spot.strategies.start import SCRATCH, Start
from spot.strategies.table import find_strategy
from spot.strategies.transfer import (
    check_target,
    count_for,
    learning_rates,
    train_starts,
    transfer,
    try_starts,
)
from spot.study.arms import GENERIC, LEAST, generic_entries, makers, sizes
from spot.study.baselines import check_methods
from spot.study.cells import (
    Column,
    cell_slots,
    columns_of,
    factors_of,
    grid_of,
    rate_title,
    start_of,
)
from spot.study.comparison import Variant
from spot.study.distillation import GENERATIONS, SHARE, TEMPERATURE, prepared
from spot.study.methods.method import Runner, undesigned
from spot.study.methods.table import METHODS
from spot.study.run import DEFAULTS as STUDY
from spot.study.run import StudyPlan, check_targets, plan_of, source_count
from spot.study.starts import multi_task, sources_of
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Mixture, Task
from spot.training import results
from spot.training.build import jobs, new_slot, new_slots, train_prompt
from spot.training.evaluate import Evaluation
from spot.training.fitting import Prediction
from spot.training.meta.settings import MetaSettings
from spot.training.meta.start import check_recipe, check_tasks, key_run, start_place
from spot.training.recipe import FINE_TUNING_RATES, Recipe
from spot.training.runs import Runs
from spot.training.slots import Reporter, Slot, Trained
from spot.training.source import source_of
from spot.training.teaching import Teacher

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """`runs` trainings of `steps` steps at most each, of which `found` are done already."""

    title: str
    runs: int
    steps: int
    found: int = 0

    @property
    def left(self) -> int:
        """The trainings that would be made."""
        return self.runs - self.found


@dataclass(frozen=True)
class Plan:
    """What a call would train, the folders and files that it would write, and the memory that the first
    training would take, where that is predicted.
    """

    stages: tuple[Stage, ...]
    outputs: tuple[Path, ...]
    memory: Prediction | None = None

    @property
    def runs(self) -> int:
        """The trainings that would be made."""
        return sum(stage.left for stage in self.stages)

    @property
    def steps(self) -> int:
        """Their steps in all, at most."""
        return sum(stage.left * stage.steps for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "runs": self.runs,
            "steps": self.steps,
            "outputs": [str(path) for path in self.outputs],
            "memory": self.memory and self.memory.to_json(),
        }


class Unfinished(Exception):
    """Something that was not done before would be done now."""


@dataclass(frozen=True, eq=False)
class Unfound:
    """A training that was not done before."""

    model: Model
    slots: Sequence[Slot]
    recipe: Recipe
    validate: bool = True

    def memory(self) -> Prediction:
        """What it would take; compiles its largest programs, which the training finds in the cache."""
        from spot.training.prompt_tuning import PromptLearner

        with device_errors():
            return PromptLearner(self.model, self.slots, self.recipe).predict(self.validate)


@dataclass(frozen=True)
class Rehearsal(Runs):
    """Runs that find what was trained and train nothing: `stages` tells of both, and the first work that
    is not there raises Unfinished.
    """

    stages: list[Stage] = field(default_factory=list)
    missing: list[Unfound] = field(default_factory=list)

    @classmethod
    def of(cls, runs: Runs) -> Rehearsal:
        """A rehearsal in the folder of these runs, which reports nothing."""
        return cls(runs.root, Reporter(), runs.slots)

    def train_prompts(
        self,
        model: Model,
        slots: Sequence[Slot],
        recipe: Recipe,
        *,
        title: str,
        validate: bool = True,
    ) -> list[Trained]:
        groups = self.groups(slots)
        places = [self.prompts_place(model, group, recipe, validate) for group in groups]
        stored = [results.load(*pair) for pair in zip(places, map(len, groups), strict=True)]
        found = [group for group, done in zip(groups, stored, strict=True) if done is not None]
        self.stages.append(Stage(title, len(slots), recipe.steps, sum(map(len, found))))
        if len(found) < len(groups):
            first = next(group for group, done in zip(groups, stored, strict=True) if done is None)
            self.missing.append(Unfound(model, first, recipe, validate))
            raise Unfinished
        return [
            Trained.of(slot, result)
            for group, done in zip(groups, stored, strict=True)
            for slot, result in zip(group, done or (), strict=True)
        ]

    def evaluate(
        self,
        model: Model,
        prompt: SoftPrompt | np.ndarray | None,
        task: Task,
        split: TokenizedSplit,
        labels: Sequence[Sequence[int]],
    ) -> Evaluation:
        raise Unfinished

    def remembered(
        self, stage: str, name: str, read: Mapping[str, Any], make: Callable[[], T], title: str = ""
    ) -> T:
        def refuse() -> T:
            raise Unfinished

        return super().remembered(stage, name, read, refuse, title)


def plan_build_bank(
    bank: Bank,
    model: Model,
    sources: Sequence[Task | Mixture],
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int] = (0,),
    runs: Runs | None = None,
) -> Plan:
    """The plan of `spot.build_bank`."""
    recipe = (recipe or Recipe()).on(model)
    wanted = jobs(model, sources, recipe, seeds)
    there = {entry.id for entry in bank.entries()}
    missing = [job for job in wanted if job.id not in there]
    stage = Stage("sources", len(wanted), recipe.steps, len(wanted) - len(missing))
    memory = None
    if missing:
        first = missing[: (runs or Runs()).at_once(len(missing))]
        memory = Unfound(model, new_slots(first, model, recipe, bank), recipe).memory()
    return Plan((stage,), (bank.path,), memory)


def plan_train(
    model: Model,
    source: Task | Mixture,
    recipe: Recipe,
    seed: int,
    path: Path,
    *,
    bank: Bank | None = None,
    runs: Runs,
) -> Plan:
    """The plan of `spot.train_prompt`, whose prompt is written to `path`."""
    rehearsal = Rehearsal.of(runs)
    with contextlib.suppress(Unfinished):
        train_prompt(model, source, recipe, seed, bank=bank, runs=rehearsal)
    memory = rehearsal.missing[0].memory() if rehearsal.missing else None
    return Plan(tuple(rehearsal.stages), (path, runs.root), memory)


def plan_meta(
    model: Model,
    tasks: Mixture,
    targets: Sequence[Task],
    recipe: Recipe,
    settings: MetaSettings,
    seeds: Sequence[int],
    target_seeds: Sequence[int],
    *,
    bank: Bank,
    runs: Runs,
) -> Plan:
    """The plan of `spot.learn_start` with each of the seeds, and of `spot.compare_starts` on the targets with
    theirs; of the runs on targets it does not say which would be found.
    """
    recipe, rehearsal = recipe.on(model), Rehearsal.of(runs)
    check_tasks(tasks)
    check_recipe(recipe)
    source, learned = source_of(tasks, model, recipe), 0
    for seed in seeds:
        slot = new_slot(model, source, recipe, seed, bank)
        title, named, short = key_run(slot, recipe)
        with contextlib.suppress(Unfinished):
            rehearsal.train_prompts(model, [named], short, title=title, validate=False)
        learned += results.load(start_place(model, slot, recipe, settings, runs), 1) is not None
        if targets:
            with contextlib.suppress(Unfinished):
                multi_task(model, tasks, recipe, settings, seed, bank, rehearsal)
    key, *together = summed(rehearsal.stages)
    title = f"start from {tasks.name}, by {settings.algorithm}"
    stages = [key, Stage(title, len(seeds), settings.steps, learned), *together]
    retrieves = bool(targets) and bool(sources_of(bank, tasks, recipe))
    search_with = settings_for(bank, model, recipe, None) if retrieves else None
    for target in targets:
        check_target(target, model, recipe)
        if search_with is not None:
            stages.append(queries(bank, model, target.on(model), recipe, search_with))
        # From scratch, the learned start and the multi-task prompt; the bank's mean and the retrieved value.
        count = (5 if retrieves else 3) * len(target_seeds)
        stages.append(Stage(f"transfer to {target.name}", count, settings.curve[-1]))
    return Plan(tuple(stages), (bank.path, runs.root))


def summed(stages: Sequence[Stage]) -> list[Stage]:
    """Stages of one title and as many steps as one."""
    groups: dict[tuple[str, int], list[Stage]] = {}
    for stage in stages:
        groups.setdefault((stage.title, stage.steps), []).append(stage)
    return [
        Stage(title, sum(each.runs for each in same), steps, sum(each.found for each in same))
        for (title, steps), same in groups.items()
    ]


def plan_tune(source: Task | Mixture, path: Path, recipe: Recipe, rates: Sequence[float]) -> Plan:
    """The plan of `spot.tune`: of its runs only the checkpoints of unfinished ones are kept."""
    return Plan((Stage(f"{source.name}, all weights", len(rates), recipe.steps),), (path,))


def plan_search(
    bank: Bank,
    model: Model,
    target: Task,
    *,
    recipe: Recipe | None = None,
    settings: SearchSettings | None = None,
) -> Plan:
    """The plan of `spot.search`."""
    recipe = recipe_for(bank, model, recipe)
    settings = settings_for(bank, model, recipe, settings)
    return Plan((queries(bank, model, target.on(model), recipe, settings),), (bank.path,))


def queries(
    bank: Bank, model: Model, target: Task, recipe: Recipe, settings: SearchSettings
) -> Stage:
    """The queries of a target, one a seed."""
    entries = [query_entry(target, model, recipe, seed) for seed in settings.seeds]
    found = sum(cached_query(bank, entry) is not None for entry in entries)
    return Stage(f"query {target.name}", len(entries), recipe.key_step, found)


def plan_transfer(
    bank: Bank,
    model: Model,
    target: Task,
    plan: TransferSettings,
    *,
    recipe: Recipe | None = None,
    sources: Mapping[str, Task | Mixture] | None = None,
    search_settings: SearchSettings | None = None,
    runs: Runs,
) -> Plan:
    """The plan of `spot.transfer` with these settings. Raises what that raises before any training."""
    recipe, strategy = recipe_for(bank, model, recipe), find_strategy(plan.strategy)
    settings = settings_for(bank, model, recipe, search_settings)
    target, plan, rehearsal = target.on(model), plan.on(model), Rehearsal.of(runs)
    with contextlib.suppress(Unfinished):
        transfer(
            bank,
            model,
            target,
            recipe=recipe,
            sources=sources,
            search_settings=search_settings,
            runs=rehearsal,
            start=plan.strategy,
            **plan.model_dump(exclude={"strategy"}),
        )
    known = {stage.title: stage for stage in rehearsal.stages}
    stages = [queries(bank, model, target, recipe, settings)]
    if not strategy.wants_values:
        title = f"mixture for {target.name}"
        stages.append(known.get(title, Stage(title, 1, recipe.steps)))
    available = count_for(bank, target, settings)
    starts = available if strategy.wants_all else min(plan.k, available)
    counted = counted_starts(model, target, 1 if strategy.combines else starts, recipe, plan)
    stages.append(known.get(counted.title, counted))
    return Plan(tuple(stages), (runs.root / "transfer", bank.path))


def counted_starts(
    model: Model, target: Task, starts: int, recipe: Recipe, plan: TransferSettings
) -> Stage:
    """The runs of a target from scratch and from so many starts, with every seed and learning rate."""
    rates = [
        len(learning_rates(Start(name), recipe, plan, model.embeddings))
        for name in (SCRATCH, "transfer")
    ]
    runs = len(plan.seeds) * (rates[0] + starts * rates[1])
    return Stage(f"transfer to {target.name}", runs, plan.steps)


def plan_study(
    bank: Bank,
    model: Model,
    targets: Sequence[Task],
    *,
    recipe: Recipe | None = None,
    plan: TransferSettings | None = None,
    search_settings: SearchSettings | None = None,
    sources: Mapping[str, Task | Mixture] | None = None,
    entries: Sequence[str] = (),
    ks: Sequence[int] = STUDY.ks,
    arms: Sequence[str] = STUDY.arms,
    runs: Runs,
) -> Plan:
    """The plan of `spot.run_study`. Raises what that raises before any training."""
    targets = list({target.name: target.on(model) for target in targets}.values())
    settings = (recipe, plan, search_settings, sources, entries, ks, arms)
    made = plan_of(bank, model, targets, *settings, runs)
    check_targets(made, targets)
    stages = []
    for target in targets:
        rehearsal = Rehearsal.of(runs)
        own = replace(made, runs=rehearsal)
        query = queries(bank, model, target, own.recipe, own.search)
        stages.append(query)
        if query.left:
            stages += counted_column(own, target)
            continue
        alone = own.search.model_copy(update={"rerank_examples": 0})
        k = count_for(bank, target, own.search)
        answer = search(bank, model, target, k, recipe=own.recipe, settings=alone, runs=rehearsal)
        situation = own.situation(target, own.nearest(answer.result.hits))
        core = [Start(SCRATCH), *hit_starts("oracle", situation.hits, situation)]
        rest: list[tuple[str, list[Start]]] = []
        trained: list[Stage] = []
        for maker in makers(own.arms, situation, own.ks, own.names):
            title = f"{maker.what}, {target.name}"
            try:
                starts = maker.make()
            except Unfinished:
                trained += [rehearsal.stages.pop(), counted_arm(own, title)]
                continue
            except (SpotError, BankError):  # a gap of the study
                continue
            if maker.strategy == GENERIC:
                core += starts
            else:
                rest.append((title, starts))
        given = (own.recipe, own.transfer, rehearsal, bank)
        for title, starts in (("", core), *rest):
            with contextlib.suppress(Unfinished):
                try_starts(model, target, starts, *given, title=title)
        stages += [*rehearsal.stages, *trained]
    return Plan(tuple(stages), (runs.root, bank.path))


def counted_column(plan: StudyPlan, target: Task) -> list[Stage]:
    """The runs of a target whose nearest sources are not known yet."""
    tasks = source_count(plan, target)
    several = len(generic_entries(plan.bank, plan.names)) if GENERIC in plan.arms else 0
    stages = [counted_starts(plan.model, target, tasks + several, plan.recipe, plan.transfer)]
    for arm in plan.arms:
        for k in sizes(plan.ks, LEAST[arm], tasks) if arm in LEAST else ():
            if not find_strategy(arm).wants_values:
                stages.append(Stage(f"mixture for {target.name}", 1, plan.recipe.steps))
            stages.append(counted_arm(plan, f"the {arm} of {k}, {target.name}"))
    return stages


def counted_arm(plan: StudyPlan, title: str) -> Stage:
    """The runs from one start of an arm, with every seed and learning rate."""
    start = Start("transfer")
    rates = learning_rates(start, plan.recipe, plan.transfer, plan.model.embeddings)
    return Stage(title, len(plan.transfer.seeds) * len(rates), plan.transfer.steps)


def plan_baselines(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    methods: Sequence[str] | None = None,
    plan: TransferSettings | None = None,
    rates: Sequence[float] = FINE_TUNING_RATES,
    runs: Runs,
) -> Plan:
    """The plan of `spot.baselines`; only methods that train are in it."""
    chosen = check_methods(tuple(METHODS) if methods is None else methods)
    recipe, rehearsal = (recipe or Recipe()).on(model), Rehearsal.of(runs)
    target, plan = undesigned(target.on(model)), (plan or TransferSettings()).on(model)
    check_target(target, model, recipe)
    stages = []
    if "prompt-tuning" in chosen:
        with contextlib.suppress(Unfinished):
            train_starts(model, target, [Start(SCRATCH)], recipe, plan, rehearsal)
        stages += [replace(stage, title="prompt tuning") for stage in rehearsal.stages]
    if "model-tuning" in chosen:
        found = 0
        for seed in plan.seeds:
            one = plan.model_copy(update={"seeds": (seed,)})
            with contextlib.suppress(Unfinished):
                METHODS["model-tuning"](Runner(target, model, recipe, one, rates, rehearsal))
                found += 1
        count = len(rates)
        stages.append(Stage("model tuning", len(plan.seeds) * count, plan.steps, found * count))
    return Plan(tuple(stages), (runs.root / "baselines",))


def plan_distil(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    teachers: Sequence[Teacher] = (),
    start: SoftPrompt | None = None,
    share: float = SHARE,
    temperature: float = TEMPERATURE,
    generations: int = GENERATIONS,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int | None = None,
    runs: Runs,
) -> Plan:
    """The plan of `spot.distil`: what depends on a teacher that is not trained yet is counted."""
    rehearsal = Rehearsal.of(runs)
    work = prepared(
        model,
        target,
        recipe,
        teachers,
        start,
        share,
        temperature,
        generations,
        seeds,
        steps,
        rehearsal,
    )
    with contextlib.suppress(Unfinished):
        work.trained()
    found = iter(rehearsal.stages)
    stages = [
        next(found, Stage(f"{target.name}, {title}", count, most))
        for title, (count, most) in work.stages.items()
    ]
    memory = rehearsal.missing[0].memory() if rehearsal.missing else None
    return Plan(tuple(stages), (runs.root / "distilled",), memory)


def plan_compare(
    model: Model,
    targets: Sequence[Task],
    recipe: Recipe | None = None,
    *,
    kinds: Sequence[str] = (),
    losses: Sequence[str] = (),
    starts: Sequence[str] = (),
    lengths: Sequence[int] = (),
    learning_rates: Sequence[float] = (),
    seeds: Sequence[int] = (0, 1, 2),
    bank: Bank | None = None,
    search_settings: SearchSettings | None = None,
    runs: Runs,
) -> Plan:
    """The plan of `spot.compare`, a stage a cell; cells that cannot start are not in it."""
    rehearsal = Rehearsal.of(runs)
    factors = factors_of(kinds, losses, starts, lengths)
    grid = grid_of(
        model, recipe, factors, learning_rates, seeds, bank, search_settings, rehearsal
    )  # fmt: skip
    stages = []
    for column in columns_of(grid, targets):
        for variant in grid.variants:
            with contextlib.suppress(SpotError):
                stages += cell_stages(column, variant, rehearsal)
    stages = list(dict.fromkeys(stages))  # the query of a target is one for all of its cells
    memory = rehearsal.missing[0].memory() if rehearsal.missing else None
    return Plan(tuple(stages), (runs.root,), memory)


def cell_stages(column: Column, variant: Variant, rehearsal: Rehearsal) -> list[Stage]:
    """The training of a cell, behind that of the target's queries where its start waits for them."""
    grid, target = column.grid, column.target
    title, recipe = grid.title(target, variant), grid.variants[variant]
    try:
        start = start_of(column, variant)
    except Unfinished:
        bank, model = grid.bank, grid.model
        assert bank is not None  # a start that waits for a query is from a bank
        of_bank = recipe_for(bank, model, None)
        query = queries(
            bank, model, target, of_bank, settings_for(bank, model, of_bank, grid.search)
        )
        count = max(1, len(grid.learning_rates)) * len(grid.seeds)
        return [query, Stage(title, count, recipe.steps)]
    stages = []
    for slots in cell_slots(column, variant, start):
        with contextlib.suppress(Unfinished):
            rehearsal.train_prompts(
                grid.model, slots, recipe, title=rate_title(grid, target, variant, slots)
            )
        stages.append(rehearsal.stages[-1])
    runs, found = (sum(getattr(stage, name) for stage in stages) for name in ("runs", "found"))
    return [Stage(title, runs, recipe.steps, found)]


def joined_plans(plans: Mapping[str, Plan]) -> Plan:
    """The plans of several models by name as one, with the memory of the one that takes most; its stages
    name the model where there are several.
    """
    several = len(plans) > 1
    stages = [
        replace(stage, title=f"{stage.title} ({name})") if several else stage
        for name, plan in plans.items()
        for stage in plan.stages
    ]
    memories = [plan.memory for plan in plans.values() if plan.memory is not None]
    return Plan(
        tuple(stages),
        tuple(dict.fromkeys(path for plan in plans.values() for path in plan.outputs)),
        max(memories, key=lambda memory: memory.peak, default=None),
    )
