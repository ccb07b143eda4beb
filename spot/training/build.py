"""Train source prompts and build a bank: every source and mixture with every seed, in groups.

The prompts of a group train together. The plan of groups is written before any training, so a build
that is killed and called again trains the same groups and gives the same bits; two builders of one
bank share the groups between them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import filelock

import spot
from bank.entry import Entry, Prompts, entry_id, id_of
from bank.files import locked, replace_file, sealed, unsealed, writing
from bank.reading import read_json
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.facts import recorded_facts
from spot.prompts.inits import default_rate, init_prompt
from spot.prompts.stored import stored
from spot.settings import check_seed
from spot.tasks.task import Mixture, Task, digest
from spot.training.batches import Source
from spot.training.described import described, validation_score
from spot.training.estimate import Work, duration, seconds_left
from spot.training.evaluate import majority_score
from spot.training.judging import judge_prompt
from spot.training.recipe import SOURCE_STEPS, Recipe
from spot.training.runs import Runs
from spot.training.slots import Reporter, Slot, Trained, report_improving, say_of_lock
from spot.training.source import data_fingerprint, source_of

PLANNING = 60.0
"""Seconds to wait for another builder that writes the plan."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One entry to train: a task or mixture with a seed, and the id that the entry will have."""

    id: str
    source: Task | Mixture
    seed: int
    data: str

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return "mixture" if isinstance(self.source, Mixture) else "source"

    @property
    def members(self) -> tuple[str, ...]:
        """The names of a mixture's tasks."""
        members = self.source.members if isinstance(self.source, Mixture) else ()
        return tuple(task.name for task in members)


@dataclass(frozen=True)
class BuildReport:
    """The ids that a build added, those that were there before, and those whose training failed."""

    added: tuple[str, ...]
    present: tuple[str, ...]
    failed: tuple[str, ...]


def train_prompt(
    model: Model,
    source: Task | Mixture,
    recipe: Recipe | None = None,
    seed: int = 0,
    *,
    bank: Bank | None = None,
    runs: Runs | None = None,
) -> Trained:
    """Train one prompt on a task or mixture, or find it trained, and judge its validation score; its
    value carries its facts.

    recipe: by default the model's own. bank: looked up by the init "entry:<id>". Raises SpotError for
    rows that cannot be used, and for a loss that is not finite before the first check.
    """
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    trained = train_slot(model, source, recipe, seed, bank, runs)
    verdict = judge_prompt(model, trained.value, trained.slot.source, recipe, runs)
    value = described(model, source, recipe, trained)
    return replace(trained, value=value, verdict=verdict)


def train_slot(
    model: Model,
    source: Task | Mixture,
    recipe: Recipe,
    seed: int,
    bank: Bank | None,
    runs: Runs,
) -> Trained:
    """The trained prompt of `train_prompt`, not judged."""
    runs.reporter.phase(f"reading the rows of {source.name}")
    rows = source_of(source, model, recipe)
    runs.reporter.phase(f"loading {model.name}")
    slot = new_slot(model, rows, recipe, seed, bank)
    trained = runs.train_prompts(model, [slot], recipe, title=source.name)[0]
    if trained.failed_early:
        raise SpotError(
            f"{source.name}: the loss was not finite at step {trained.failed_step}, before any check",
            "lower train.learning_rate",
        )
    report_improving([trained], "train.steps", runs.reporter)
    return trained


def train_source(
    model: Model,
    source: Task | Mixture,
    recipe: Recipe | None = None,
    seed: int = 0,
    *,
    runs: Runs | None = None,
) -> tuple[Entry, Prompts]:
    """Train a source prompt; the entry and its prompts, as `Bank.add` takes them.

    recipe: by default the model's own. Raises SpotError as `train_prompt` does, and for a loss that
    was not finite at any step.
    """
    recipe = source_recipe(model, recipe or Recipe())
    trained = train_slot(model, source, recipe, seed, None, runs or Runs())
    if trained.failed_step or trained.key is None:
        raise SpotError(
            f"{source.name}: the loss is not finite at step {trained.failed_step}",
            "lower the recipe's learning_rate",
        )
    job = new_job(model, source, recipe, seed)
    return make_entry(job, model, recipe, trained), prompts_of(trained)


def source_recipe(model: Model, recipe: Recipe) -> Recipe:
    """The recipe of a bank's source: what was not given is the model's own, or SOURCE_STEPS where that has
    no steps; without early checks.
    """
    if model.defaults.steps is None and "steps" not in recipe.model_fields_set:
        recipe = recipe.replace(steps=SOURCE_STEPS)
    return recipe.on(model).replace(early_checks=())


def new_job(model: Model, source: Task | Mixture, recipe: Recipe, seed: int) -> Job:
    """The job of training this source with this seed, with the id of its entry."""
    source = source.on(model)
    job = Job("", source, seed, data_fingerprint(source, recipe.train_examples))
    id = entry_id(
        kind=job.kind,
        task=source.name,
        members=job.members,
        seed=seed,
        backbone=model.fingerprint,
        recipe=recipe.on(model).entry_facts(model.precision, source.wording),
        data=job.data,
    )
    return replace(job, id=id)


def jobs(
    model: Model, sources: Sequence[Task | Mixture], recipe: Recipe, seeds: Sequence[int]
) -> list[Job]:
    """Every entry of these sources and seeds, seeds outermost."""
    first = [new_job(model, source, recipe, seeds[0]) for source in sources]
    return [
        job if seed == seeds[0] else new_job(model, job.source, recipe, seed)
        for seed in seeds
        for job in first
    ]


def build_bank(
    bank: Bank,
    model: Model,
    sources: Sequence[Task | Mixture],
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int] = (0,),
    runs: Runs | None = None,
) -> BuildReport:
    """Train the entries that the bank lacks and add them; entries that are there are left alone.

    recipe: as `source_recipe` completes it. Raises SpotError for unusable input and BankError for a bank
    of another model, P or H, both before any training.
    """
    runs, begun = runs or Runs(), time.monotonic()
    recipe = source_recipe(model, recipe or Recipe())
    runs.reporter.phase("reading the rows of the sources")
    wanted = jobs(model, sources, recipe, seeds)
    check_bank(bank, model, recipe)
    Bank.create_or_open(bank.path)  # a build that is killed before its first entry is one, too
    there = {entry.id for entry in bank.entries()}
    present = tuple(job.id for job in wanted if job.id in there)
    by_id = {job.id: job for job in wanted}
    work = bank.path / "work" / digest("plan", sorted(by_id))[:16]
    missing = [job for job in wanted if job.id not in there]
    size = runs.at_once(len(missing))
    groups = _plan(work, [job.id for job in missing], size, [job.id for job in wanted])
    if missing:
        from spot.training.prompt_tuning import time_step

        runs.reporter.phase(f"reading the rows of the first sources and loading {model.name}")
        slots = new_slots(missing[:size], model, recipe, bank)
        runs.reporter.phase("compiling the step, to estimate the time")
        compiling, step = time_step(model, slots, recipe)
        rows = len(slots) * recipe.batch_size
        rest = seconds_left(work_of(missing, recipe), rows, compiling, step)
        runs.reporter.say(f"about {duration(time.monotonic() - begun + rest)} in all")
    added: list[str] = []
    failed: list[str] = []

    def build(number: int) -> None:
        there = {entry.id for entry in bank.entries()}
        if all(id in there for id in groups[number]):
            return
        group = [by_id[id] for id in groups[number]]
        # The plan has made the groups; all builders of this bank find a group's run in its folder.
        own = replace(runs, root=_folder(work, number), slots=len(group))
        title = f"group {number + 1} of {len(groups)}"
        done = _train_group(bank, model, recipe, group, title, own)
        added.extend(done[0])
        failed.extend(done[1])

    _in_turns([_folder(work, number) for number in range(len(groups))], build, runs.reporter)
    return BuildReport(tuple(added), present, tuple(failed))


def work_of(jobs: Sequence[Job], recipe: Recipe) -> Work:
    """The rows that training and checking these jobs will read, if none stops early."""
    cap = recipe.validation_examples
    checks = -(-recipe.steps // recipe.check_every)
    validation = 0
    for job in jobs:
        for member in job.source.members:
            rows = member.rows("validation")
            validation += rows if cap is None else min(rows, cap)
    return Work(len(jobs) * recipe.steps * recipe.batch_size, checks * validation)


def check_bank(bank: Bank, model: Model, recipe: Recipe) -> None:
    """Raises SpotError for a bank of another model, P or H than a run's prompts."""
    manifest = bank.manifest
    shape = (recipe.length, model.width)
    fault = manifest.disagreement(model.identity, shape) if manifest else ""
    if fault:
        raise SpotError(
            f"the bank {bank.path} does not take prompts of this run: {fault}",
            "use another folder: --bank PATH",
        )


def _plan(work: Path, ids: Sequence[str], size: int, every: Sequence[str] = ()) -> list[list[str]]:
    """Groups of ids: written by the first builder, read by later and resumed ones.

    A damaged plan is made anew of all ids of the build, `every`: so a build that began with none of them
    has the groups that it had. Raises BankError for a folder that cannot be written.
    """
    path = work / "plan.json"
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
    with locked(work / "plan.lock", PLANNING):
        groups: list[list[str]] = []
        try:
            groups = _read_plan(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            _log.warning(
                "%s is not used (%s): the prompts are grouped anew, and those that are not in the bank "
                "yet may be trained again",
                *(path, error),
            )
            ids = every or ids
        planned = {id for group in groups for id in group}
        new = [id for id in ids if id not in planned]
        groups += [list(new[start : start + size]) for start in range(0, len(new), size)]
        replace_file(path, json.dumps(sealed({"groups": groups})).encode())
    return groups


def _read_plan(path: Path) -> list[list[str]]:
    """The groups of a plan. Raises OSError and ValueError for a plan that is absent or damaged."""
    groups = unsealed(read_json(path)).get("groups")
    if not isinstance(groups, list):
        raise ValueError("it is no plan")
    return groups


def _folder(work: Path, number: int) -> Path:
    return work / f"group-{number:03d}"


def _in_turns(folders: Sequence[Path], build: Callable[[int], None], reporter: Reporter) -> None:
    """Build every group while holding its lock: first those that no other builder holds, then, after
    waiting for them, the others, whose entries another builder has added by then.
    """
    others = []
    for number, folder in enumerate(folders):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / "claim.lock")
        try:
            with lock.acquire(timeout=0):
                build(number)
        except filelock.Timeout:
            others.append((number, lock))
    for number, lock in others:
        reporter.say(f"waiting for another builder's group {number + 1} of {len(folders)}")
        say_of_lock(lock, reporter)
        with lock:
            build(number)


def _train_group(
    bank: Bank, model: Model, recipe: Recipe, group: Sequence[Job], title: str, runs: Runs
) -> tuple[list[str], list[str]]:
    runs.reporter.phase(f"reading the rows of {title}")
    slots = new_slots(group, model, recipe, bank)
    results = runs.train_prompts(model, slots, recipe, title=title)
    items, failed = [], []
    for job, result in zip(group, results, strict=True):
        if result.failed_step or result.key is None or result.best is None:
            failed.append(job.id)
        else:
            items.append((make_entry(job, model, recipe, result), prompts_of(result)))
    return bank.add_many(items), failed


def new_slots(jobs: Sequence[Job], model: Model, recipe: Recipe, bank: Bank) -> list[Slot]:
    """The jobs' prompts before training."""
    return [
        new_slot(model, source_of(job.source, model, recipe), recipe, job.seed, bank)
        for job in jobs
    ]


def new_slot(
    model: Model, source: Source, recipe: Recipe, seed: int, bank: Bank | None = None
) -> Slot:
    """A prompt before training, from the recipe's init and at its rate. Raises SpotError for a seed out
    of range, and what `init_prompt` raises.
    """
    check_seed(seed)
    recipe = recipe.on(model)
    prompt = init_prompt(recipe, model, source.labels, seed, bank, source.name)
    rate = recipe.learning_rate or default_rate(model.embeddings)
    return Slot(source.name, source, seed, prompt, rate)


def prompts_of(trained: Trained) -> Prompts:
    """Init, key and value as the bank stores them; the key must be there."""
    if trained.key is None:
        raise ValueError(f"{trained.slot.label} has no key")
    return stored(trained.slot.init, trained.key, trained.value)


def make_entry(job: Job, model: Model, recipe: Recipe, trained: Trained) -> Entry:
    """The bank's record of one trained prompt; the same training gives the same bytes."""
    best = trained.best
    scores = {}
    if best is not None:
        scores["validation"] = validation_score(best)
        majority = majority_score(trained.slot.source)
        if majority is not None:
            scores["validation"]["majority"] = round(majority, 4)
    entry = Entry(
        id="",
        kind=job.kind,
        task=job.source.name,
        members=job.members,
        family=job.source.family,
        seed=job.seed,
        backbone=model.identity,
        recipe=recipe.entry_facts(model.precision, job.source.wording),
        key_step=recipe.key_step,
        value_step=trained.value_step,
        scores=scores,
        data=job.data,
        code=spot.__version__,
        task_facts=recorded_facts(job.source),
    )
    return replace(entry, id=id_of(entry))
