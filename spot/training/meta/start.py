"""Learn a start from several tasks, as an entry of a bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import spot
from bank.entry import Entry, Prompts, id_of
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import stored
from spot.tasks.task import Mixture, Task
from spot.training import results
from spot.training.batches import TaskData
from spot.training.build import new_slot
from spot.training.described import described, validation_score
from spot.training.evaluate import majority_score
from spot.training.meta.settings import MetaSettings
from spot.training.recipe import Recipe
from spot.training.runs import (
    Runs,
    alone,
    discard_checkpoints,
    model_facts,
    prompt_digest,
    source_digest,
)
from spot.training.slots import Check, Slot, Trained
from spot.training.source import data_fingerprint, source_of

READ = ("loss", "optimizer", "weight_decay", "warmup_steps", "batch_size", "dropout")
"""The settings of training that learning a start reads."""
NOT_READ = {"curve"}
"""The settings of `MetaSettings` that it does not."""


@dataclass(frozen=True, eq=False)
class LearnedStart:
    """A start with its record: the entry and its prompts, as `Bank.add` takes them, and the checks.

    A check's score is the mean over the tasks' validation rows after K inner steps on each task. `prompt`
    is the entry's value with its facts; it has not been trained on any one task.
    """

    entry: Entry
    prompts: Prompts
    prompt: SoftPrompt
    best: Check
    history: tuple[Check, ...]


def learn_start(
    model: Model,
    tasks: Mixture,
    recipe: Recipe | None = None,
    settings: MetaSettings | None = None,
    seed: int = 0,
    *,
    bank: Bank | None = None,
    runs: Runs | None = None,
) -> LearnedStart:
    """Learn a prompt from which a few steps on any of the tasks do well, or find it learned.

    Its entry is of the kind "meta". Its value is the best start, its key the prompt of the same tasks
    trained together up to the recipe's key step, as a mixture's: a search compares keys and queries, which
    must be trained alike. recipe: by default the model's own. bank: looked up by the init "entry:<id>".
    Raises SpotError for fewer than two tasks, rows that cannot be used, and a loss or gradient that was
    not finite before the first check.
    """
    settings, runs = settings or MetaSettings(), runs or Runs()
    recipe = (recipe or Recipe()).on(model)
    check_tasks(tasks)
    check_recipe(recipe)
    runs.reporter.phase(f"reading the rows of {tasks.name}")
    source = source_of(tasks, model, recipe)
    check_rows(source.members)
    runs.reporter.phase(f"loading {model.name}")
    slot = new_slot(model, source, recipe, seed, bank)
    title, named, short = key_run(slot, recipe)
    (keyed,) = runs.train_prompts(model, [named], short, title=title, validate=False)
    if keyed.key is None:
        raise SpotError(
            f"{title}: the loss is not finite at step {keyed.failed_step}",
            "lower train.learning_rate",
        )
    trained = train_start(model, slot, recipe, settings, runs)
    best = trained.best
    if best is None:
        raise SpotError(
            f"{tasks.name}: no check was made, so no start was chosen", "raise meta.steps"
        )
    return _learned(model, tasks, recipe, settings, keyed.key, trained, best)


def as_mixture(tasks: Task | Mixture) -> Mixture:
    """The tasks with their rates."""
    return Mixture(tasks.name, tuple(tasks.members), tuple(tasks.rates))


def check_tasks(tasks: Mixture) -> None:
    """Raises SpotError for fewer than two tasks."""
    if len(tasks.members) < 2:
        raise SpotError(
            f"expected two tasks or more to learn a start from, found {tasks.name} alone",
            "name them: --tasks a,b,c",
        )


def check_recipe(recipe: Recipe) -> None:
    """Raises SpotError for a pull to the start, which is what is learned."""
    if recipe.wayward:
        raise SpotError(
            f"expected train.wayward=0 to learn a start, found {recipe.wayward:g}: it pulls to the start",
            "leave it out here; prompts that begin at the start may have it",
        )


def check_rows(members: Sequence[TaskData]) -> None:
    """Raises SpotError for a task with fewer than two training rows: one to train on, one to test."""
    for member in members:
        if len(member.train) < 2:
            raise SpotError(
                f'task "{member.definition.name}": expected at least two training rows, found '
                f"{len(member.train)}",
                "leave it out, or raise data.train_examples",
            )


def key_run(slot: Slot, recipe: Recipe) -> tuple[str, Slot, Recipe]:
    """(title, slot, recipe) of the training that makes an entry's key."""
    title = f"key of {slot.name}"
    return title, replace(slot, name=title), recipe.replace(steps=recipe.key_step, early_checks=())


def start_place(
    model: Model, slot: Slot, recipe: Recipe, settings: MetaSettings, runs: Runs
) -> Path:
    """The folder of a run that learns this start."""
    read = {
        "model": model_facts(model),
        "data": source_digest(slot.source),
        "seed": slot.seed,
        "init": prompt_digest(slot.init),
        "rate": repr(float(slot.learning_rate)),
        "recipe": {name: getattr(recipe, name) for name in READ},
        "meta": settings.model_dump(exclude=NOT_READ),
    }
    return runs.place("meta", slot.name, read)


def train_start(
    model: Model, slot: Slot, recipe: Recipe, settings: MetaSettings, runs: Runs
) -> Trained:
    """The start from a slot's init, or the stored result of the same run."""
    folder = start_place(model, slot, recipe, settings, runs)

    def found() -> Trained | None:
        done = results.load(folder, 1)
        if done is None:
            return None
        runs.reporter.say(f"found: the start of {slot.name} (learned before)")
        runs.reporter.detail(f"  in {folder}")
        return Trained.of(slot, done[0])

    if (trained := found()) is not None:
        return trained
    from spot.training.loop import Schedule, train
    from spot.training.meta.learner import MetaLearner, remedy
    from spot.training.prompt_tuning import tracked_config

    learner = MetaLearner(model, slot, recipe, settings, runs.reporter)
    every = min(settings.check_every, settings.steps)
    schedule = Schedule(settings.steps, every, early=(0,), settles=True)
    with alone(folder, runs.reporter):
        # Another process may have learned it while this one waited.
        if (trained := found()) is not None:
            return trained
        (result,) = train(
            learner,
            schedule,
            folder,
            title=f"start from {slot.name}",
            reporter=runs.reporter,
            trackers=runs.trackers,
            config={**tracked_config(model, recipe), "meta": settings.model_dump(mode="json")},
        )
        trained = Trained.of(slot, result)
        if trained.failed_step:
            sentence = (
                f"{slot.name}: the loss or the meta-gradient is not finite at step "
                f"{trained.failed_step}, through {settings.inner_steps} inner steps"
            )
            if trained.failed_early:
                raise SpotError(sentence, remedy(settings.algorithm))
            runs.reporter.warn(f"{sentence}: {remedy(settings.algorithm)}")
        results.store(folder, [trained])
    discard_checkpoints(folder, runs.reporter)
    return trained


def _learned(
    model: Model,
    tasks: Mixture,
    recipe: Recipe,
    settings: MetaSettings,
    key: SoftPrompt,
    trained: Trained,
    best: Check,
) -> LearnedStart:
    tasks = tasks.on(model)
    # Not under the names of a recipe's settings, which say how a value was trained on one task.
    budget = {
        "validation_examples": recipe.validation_examples,
        "meta": settings.model_dump(exclude=NOT_READ),
    }
    score: dict[str, Any] = {**validation_score(best), "inner_steps": settings.inner_steps}
    majority = majority_score(trained.slot.source)
    if majority is not None:
        score["majority"] = round(majority, 4)
    entry = Entry(
        id="",
        kind="meta",
        task=tasks.name,
        members=tuple(member.name for member in tasks.members),
        family=tasks.family,
        seed=trained.slot.seed,
        backbone=model.identity,
        recipe={**recipe.entry_facts(model.precision, tasks.wording), "budget": budget},
        key_step=recipe.key_step,
        value_step=trained.value_step,
        scores={"validation": score},
        data=data_fingerprint(tasks, recipe.train_examples),
        code=spot.__version__,
    )
    entry = replace(entry, id=id_of(entry))
    prompts = stored(trained.slot.init, key, trained.value)
    value = described(model, tasks, recipe, trained)
    facts = value.facts
    if facts is not None:
        value = replace(value, facts=replace(facts, recipe={**facts.recipe, "budget": budget}))
    return LearnedStart(entry, prompts, value, best, trained.history)
