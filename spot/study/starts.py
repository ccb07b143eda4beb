"""Starts compared on tasks that none of them has seen: scratch, a learned start, and what it must beat.

What it must beat is made of the same tasks: a prompt trained on all of them together, the mean of their
values in a bank, and the value that a search retrieves (Wang et al. 2022, arXiv 2210.10258, section 5: for
prompts, training on all tasks is the baseline that meta-learning does not reach).
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bank.entry import Entry
from bank.files import replace_file
from bank.nearest import searchable
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, value_of
from spot.retrieval.target import search, settings_for
from spot.strategies.average import mean_array
from spot.strategies.settings import TransferSettings
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import (
    Run,
    check_target,
    count_for,
    points_of,
    score_on_test,
    spread,
    train_starts,
)
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Mixture, Task
from spot.training.build import new_slot
from spot.training.evaluate import sample_of
from spot.training.judging import compared, metric_name
from spot.training.meta.settings import MetaSettings
from spot.training.meta.start import LearnedStart
from spot.training.recipe import Recipe
from spot.training.runs import Runs, prompt_digest
from spot.training.source import source_of, test_rows
from spot.verdicts.gains import judge_transfer
from spot.verdicts.sample import Sample
from spot.verdicts.verdict import Verdict

MULTI_TASK = "multi-task"
"""The name of the prompt that is trained on all tasks together."""
StartOf = Callable[[Task, int], SoftPrompt]
"""(target, the number of the seed) -> the prompt that its training begins with."""


@dataclass(frozen=True, eq=False)
class StartRow:
    """One start on one held-out task: the runs, one a seed.

    curve: (step, mean validation score over seeds, its sample standard deviation; None for one seed).
    interval: of the mean test score's gain over scratch, 95 % over rows and seeds; None for scratch.
    """

    target: str
    start: str
    runs: tuple[Run, ...]
    curve: tuple[tuple[int, float, float | None], ...]
    interval: tuple[float, float] | None = None

    @property
    def test(self) -> float:
        """The mean test score over seeds, of the steps that validation chose."""
        return statistics.fmean(run.test for run in self.runs)

    @property
    def deviation(self) -> float | None:
        """The test score's sample standard deviation over seeds; None for one seed."""
        return spread([run.test for run in self.runs])

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "target": self.target,
            "start": self.start,
            "curve": [list(point) for point in self.curve],
            "test": self.test,
            "deviation": self.deviation,
            "gain_interval": self.interval and list(self.interval),
            "n_test": self.runs[0].n_test,
            "runs": [
                {
                    "seed": run.seed,
                    "step": run.step,
                    "validation": run.validation,
                    "test": run.test,
                }
                for run in self.runs
            ],
        }


@dataclass(frozen=True, eq=False)
class StartComparison:
    """Every start on every held-out task, and by task: its metric, the verdict on the learned start against
    scratch, and `beyond`, the learned start's mean test score less that of the multi-task prompt, with its
    95 % interval over rows and seeds. folder: of starts.json.
    """

    rows: tuple[StartRow, ...]
    metrics: dict[str, str]
    verdicts: dict[str, Verdict]
    beyond: dict[str, tuple[float, float, float]]
    folder: Path

    @property
    def means(self) -> dict[str, tuple[list[tuple[int, float]], float]]:
        """By start, the curve and the test score, means over held-out tasks and seeds."""
        means = {}
        for name in dict.fromkeys(row.start for row in self.rows):
            rows = [row for row in self.rows if row.start == name]
            points = zip(*(row.curve for row in rows), strict=True)
            curve = [(same[0][0], statistics.fmean(each[1] for each in same)) for same in points]
            means[name] = curve, statistics.fmean(row.test for row in rows)
        return means

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "means": {
                name: {"curve": curve, "test": test} for name, (curve, test) in self.means.items()
            },
            "verdicts": {name: verdict.to_json() for name, verdict in self.verdicts.items()},
            "beyond_multi_task": {name: list(numbers) for name, numbers in self.beyond.items()},
        }


def compare_starts(
    model: Model,
    tasks: Mixture,
    targets: Sequence[Task],
    learned: Sequence[LearnedStart],
    recipe: Recipe | None = None,
    settings: MetaSettings | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    bank: Bank | None = None,
    runs: Runs | None = None,
) -> StartComparison:
    """Train held-out tasks from scratch, from starts learned on `tasks`, and from their baselines, with the
    same rows in the same order, and score them after the steps of `settings.curve`.

    learned: the results of `learn_start` with this recipe and these settings. The prompt of all tasks has as
    many gradients as they have, and their seeds; the run of the i-th of `seeds` begins from the i-th start,
    in turn. bank: whose entries of these tasks make the mean and the retrieved value; without any, both are
    left out. Nothing is chosen on a held-out task but the step of each run, by its validation rows. Raises
    SpotError for no learned start and for a held-out task that is one of the tasks, before any training.
    """
    settings, runs = settings or MetaSettings(), runs or Runs()
    recipe = (recipe or Recipe()).on(model)
    if not learned:
        raise SpotError("expected learned starts to compare, found none", "learn one: learn_start")
    for target in targets:
        check_held_out(target, tasks)
        check_target(target, model, recipe)
    together = [
        multi_task(model, tasks, recipe, settings, start.entry.seed, bank, runs)
        for start in learned
    ]
    makers: dict[str, StartOf] = {
        learned_name(settings): lambda _, number: learned[number % len(learned)].prompt,
        MULTI_TASK: lambda _, number: together[number % len(together)],
        **from_bank(bank, model, tasks, recipe, runs),
    }
    budget = budget_of(recipe, settings)
    rows: list[StartRow] = []
    verdicts: dict[str, Verdict] = {}
    beyond: dict[str, tuple[float, float, float]] = {}
    ours = learned_name(settings)
    for target in targets:
        done = runs_from(makers, model, target, budget, seeds, bank, runs)
        test = test_rows(target, model, budget)
        samples = {
            name: sample_of([run.predictions for run in each], target, test)
            for name, each in done.items()
        }
        rows += rows_of(target, done, samples, settings.curve)
        gain = samples[ours].minus(samples[MULTI_TASK])
        beyond[target.name] = gain.mean, *gain.interval()
        verdicts[target.name] = judged(target, ours, done, samples, test, budget, runs)
    read = [[row.to_json(), [prompt_digest(run.prompt) for run in row.runs]] for row in rows]
    name = "+".join(target.name for target in targets)
    folder = runs.place("starts", name, {"rows": read})
    metrics = {target.name: metric_name(target) for target in targets}
    comparison = StartComparison(tuple(rows), metrics, verdicts, beyond, folder)
    text = json.dumps(comparison.to_json(), indent=1) + "\n"
    replace_file(folder / "starts.json", text.encode())
    return comparison


def learned_name(settings: MetaSettings) -> str:
    """The name of the learned start in a comparison."""
    return f"learned ({settings.algorithm})"


def budget_of(recipe: Recipe, settings: MetaSettings) -> Recipe:
    """The recipe of every run on a held-out task: all steps of the curve, a check at each of them."""
    *early, last = settings.curve
    return recipe.replace(
        steps=last,
        check_every=last,
        early_checks=tuple(early),
        patience=0,
        key_step=min(recipe.key_step, last),
    )


def check_held_out(target: Task, tasks: Mixture) -> None:
    """Raises SpotError for a task that starts are learned from."""
    if target.name in [member.name for member in tasks.members]:
        raise SpotError(
            f"expected held-out tasks that no start is learned from, found {target.name} among the tasks",
            "take it out of --tasks, or hold out another",
        )


def multi_task(
    model: Model,
    tasks: Mixture,
    recipe: Recipe,
    settings: MetaSettings,
    seed: int,
    bank: Bank | None,
    runs: Runs,
) -> SoftPrompt:
    """The prompt of all tasks together, with the gradients of a learned start at most; validation chooses
    its step, and stops it as the recipe says.
    """
    recipe = multi_task_recipe(tasks, recipe, settings)
    source = source_of(tasks, model, recipe)
    title = f"multi-task prompt of {tasks.name}"
    slot = replace(new_slot(model, source, recipe, seed, bank), name=title)
    return runs.train_prompts(model, [slot], recipe, title=title)[0].value


def multi_task_recipe(tasks: Mixture, recipe: Recipe, settings: MetaSettings) -> Recipe:
    """The recipe with a step for every gradient of a learned start, and as many checks."""
    steps = settings.steps * min(settings.tasks, len(tasks.members)) * settings.inner_steps
    checks = max(1, settings.steps // settings.check_every)
    return recipe.replace(
        steps=steps,
        key_step=min(recipe.key_step, steps),
        check_every=math.ceil(steps / checks),
        early_checks=(0,),
    )


def from_bank(
    bank: Bank | None, model: Model, tasks: Mixture, recipe: Recipe, runs: Runs
) -> dict[str, StartOf]:
    """The mean of the tasks' values in a bank, and the one that a search retrieves; {} where it has none."""
    entries = [] if bank is None else sources_of(bank, tasks, recipe)
    if bank is None or not entries:
        runs.reporter.say(
            "the bank has no entries of these tasks: the mean and the retrieved value are left out"
        )
        return {}
    for entry in entries:
        check_model(entry, model)
    values = {entry.id: value_of(bank, entry) for entry in entries}
    each = list(values.values())
    mean = SoftPrompt(
        each[0].kind,
        {
            name: mean_array([value.arrays[name] for value in each], np.ones(len(each)))
            for name in each[0].arrays
        },
    )
    # These entries are searched whether they have learned their tasks or not, as `sources_of` decides.
    settings = settings_for(bank, model, recipe, None).model_copy(update={"unlearned": True})

    def retrieved(target: Task, _number: int) -> SoftPrompt:
        count = count_for(bank, target, settings)
        answer = search(bank, model, target, count, recipe=recipe, settings=settings, runs=runs)
        return next(values[hit.id] for hit in answer.result.hits if hit.id in values)

    return {"bank mean": lambda _target, _number: mean, "retrieved": retrieved}


def sources_of(bank: Bank, tasks: Mixture, recipe: Recipe) -> list[Entry]:
    """The bank's entries of single tasks of a mixture, of the recipe's kind of prompt, that have learned."""
    names = [member.name for member in tasks.members]
    own = [
        entry
        for entry in bank.entries()
        if entry.kind == "source" and entry.task in names and entry.prompt_kind == recipe.kind
    ]
    return searchable(own)[0]


def runs_from(
    makers: dict[str, StartOf],
    model: Model,
    target: Task,
    budget: Recipe,
    seeds: Sequence[int],
    bank: Bank | None,
    runs: Runs,
) -> dict[str, list[Run]]:
    """The runs of a target by the name of their start, one a seed; scratch first."""
    done: dict[str, list[Run]] = {}
    for number, seed in enumerate(seeds):
        starts = [Start(SCRATCH)]
        starts += [Start(name, init=make(target, number)) for name, make in makers.items()]
        plan = TransferSettings(seeds=(seed,), steps=budget.steps)
        for candidate in train_starts(model, target, starts, budget, plan, runs, bank):
            scored = score_on_test(model, target, candidate, budget, runs)
            done.setdefault(candidate.start.name, []).append(scored)
    return done


def rows_of(
    target: Task, done: dict[str, list[Run]], samples: dict[str, Sample], curve: Sequence[int]
) -> list[StartRow]:
    """A row a start. samples: of the runs' test scores."""
    scratch = Start(SCRATCH).name
    return [
        StartRow(
            target.name,
            name,
            tuple(each),
            mean_points(each, curve),
            None if name == scratch else samples[name].minus(samples[scratch]).interval(),
        )
        for name, each in done.items()
    ]


def mean_points(
    runs: Sequence[Run], steps: Sequence[int]
) -> tuple[tuple[int, float, float | None], ...]:
    """(step, mean validation score, its deviation over seeds) after each of the steps."""
    made = []
    for step in steps:
        scores = [check.score for run in runs for check in run.history if check.step == step]
        made.append((step, statistics.fmean(scores), spread(scores)))
    return tuple(made)


def judged(
    target: Task,
    start: str,
    done: dict[str, list[Run]],
    samples: dict[str, Sample],
    test: TokenizedSplit,
    recipe: Recipe,
    runs: Runs,
) -> Verdict:
    """The verdict on a start against scratch."""
    beside = compared(target, "test", test, train_examples=recipe.train_examples, runs=runs)
    scratch = Start(SCRATCH).name
    curves = [[points_of(run.history) for run in done[name]] for name in (start, scratch)]
    return judge_transfer(
        metric_name(target),
        len(test),
        samples[scratch],
        samples[start],
        beside.floors,
        beside.tfidf,
        curves=(curves[0], curves[1]),
    )
