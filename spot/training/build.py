"""Builds a bank: every source and mixture times every seed, in groups that train together.

The plan of groups is written before any training, so a build that is killed and called again
trains the same groups and gives the same bits; two builders on one bank share the groups out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock
import numpy as np

import spot
from bank.entry import Backbone as Identity
from bank.entry import Entry, Prompts, entry_id
from bank.files import replace_file
from bank.store import Bank
from spot.config import Config, dump, key_recipe
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.inits import default_rate, init_prompt
from spot.tasks.task import digest
from spot.training.batches import Source
from spot.training.data import data_fingerprint, find_task, load_source, members_of, source_names
from spot.training.estimate import Work, duration, seconds_left
from spot.training.evaluate import majority_score
from spot.training.prompt_tuning import time_step
from spot.training.runs import Runs, runs_of
from spot.training.slots import Reporter, Slot, Trained


@dataclass(frozen=True)
class Job:
    """One entry to be: a task or mixture with a seed, and the id that the entry will have."""

    id: str
    kind: str
    task: str
    members: tuple[str, ...]
    family: str
    seed: int
    data: str


@dataclass(frozen=True)
class BuildReport:
    """What a build did: ids that it added, ids that were there before, and slots that failed."""

    added: tuple[str, ...]
    present: tuple[str, ...]
    failed: tuple[str, ...]


def entry_recipe(config: Config) -> dict[str, Any]:
    """The recipe that an entry records: the key's, and the budget of the value under `budget`."""
    train = config.train
    budget = {
        "steps": train.steps,
        "check_every": train.check_every,
        "patience": train.patience,
        "validation_examples": config.data.validation_examples,
    }
    return {**key_recipe(config), "key_step": train.key_step, "budget": budget}


def jobs(config: Config, identity: Identity) -> list[Job]:
    """Every entry that the config asks for, seeds outermost; SpotError for an unknown or absent
    task.
    """
    found = []
    names = [(name, "source") for name in source_names(config)]
    names += [(name, "mixture") for name in config.bank.mixtures]
    recipe = entry_recipe(config)
    facts = {
        name: (members_of(name, config)[0], data_fingerprint(name, config)) for name, _ in names
    }
    for seed in config.bank.seeds:
        for name, kind in names:
            members, data = facts[name]
            known = members if kind == "mixture" else ()
            id = entry_id(
                kind=kind, task=name, members=known, seed=seed,
                backbone=identity.fingerprint, recipe=recipe, data=data,
            )  # fmt: skip
            family = find_task(name, config).family if kind == "source" else "mixture"
            found.append(Job(id, kind, name, known, family, seed, data))
    return found


def build_bank(
    config: Config, backbone: Model, bank: Bank, reporter: Reporter | None = None
) -> BuildReport:
    """Trains what the bank lacks and adds it; entries that are there are left alone.

    Raises SpotError for unusable input and BankError for a bank of another backbone, P or H, both
    before any training.
    """
    reporter, begun = reporter or Reporter(), time.monotonic()
    wanted = jobs(config, backbone.identity)
    _check_bank(bank, backbone, config)
    Bank.create_or_open(bank.path)  # a build that is killed before its first entry is one, too
    there = {entry.id for entry in bank.entries()}
    present = tuple(job.id for job in wanted if job.id in there)
    by_id = {job.id: job for job in wanted}
    work = bank.path / "work" / digest("plan", sorted(by_id))[:16]
    groups = _plan(work, [job.id for job in wanted if job.id not in there], config.train.slots)
    left = [job for job in wanted if job.id not in there]
    if left:
        slots = _slots(left[: config.train.slots], config, backbone, bank)
        compiling, step = time_step(backbone, slots, config.train)
        rows = len(slots) * config.train.batch_size
        rest = seconds_left(work_of(left, config), rows, compiling, step)
        reporter.say(f"about {duration(time.monotonic() - begun + rest)} in all")
    added: list[str] = []
    failed: list[str] = []

    def build(number: int) -> None:
        there = {entry.id for entry in bank.entries()}
        if all(id in there for id in groups[number]):
            return
        wanted = [by_id[id] for id in groups[number]]
        folder, title = _folder(work, number), f"group {number + 1} of {len(groups)}"
        done = _train_group(
            config, backbone, bank, wanted, folder, title, runs_of(config, reporter)
        )
        added.extend(done[0])
        failed.extend(done[1])

    _in_turns([_folder(work, number) for number in range(len(groups))], build, reporter)
    return BuildReport(tuple(added), present, tuple(failed))


def work_of(left: Sequence[Job], config: Config) -> Work:
    """The rows that training and checking these jobs will read, if none stops early."""
    train, cap = config.train, config.data.validation_examples
    checks = -(-train.steps // train.check_every)
    validation = 0
    for job in left:
        for member in job.members or (job.task,):
            definition = find_task(member, config)
            rows = definition.rows("validation")
            validation += rows if cap is None else min(rows, cap)
    return Work(len(left) * train.steps * train.batch_size, checks * validation)


def _check_bank(bank: Bank, backbone: Model, config: Config) -> None:
    manifest = bank.manifest
    shape = (config.prompt.length, backbone.config.d_model)
    fault = manifest.disagreement(backbone.identity, shape) if manifest else ""
    if fault:
        raise SpotError(
            f"the bank {bank.path} does not take prompts of this run: {fault}",
            "use another folder: --bank PATH",
        )


def _plan(work: Path, missing: Sequence[str], size: int) -> list[list[str]]:
    """Groups of ids; the first builder writes them down, later ones and resumed ones read them."""
    path = work / "plan.json"
    work.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(work / "plan.lock"):
        groups: list[list[str]] = []
        if path.exists():
            groups = json.loads(path.read_text())
        planned = {id for group in groups for id in group}
        new = [id for id in missing if id not in planned]
        groups += [list(new[start : start + size]) for start in range(0, len(new), size)]
        replace_file(path, json.dumps(groups).encode())
    return groups


def _folder(work: Path, number: int) -> Path:
    return work / f"group-{number:03d}"


def _in_turns(folders: Sequence[Path], build: Callable[[int], None], reporter: Reporter) -> None:
    """Builds every group while holding its lock: first those that nobody else is training, then,
    by waiting for them, the others; what another builder has finished is there by then.
    """
    taken = []
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder / "claim.lock", timeout=0):
                build(number)
        except filelock.Timeout:
            taken.append(number)
    for number in taken:
        reporter.say(f"waiting for another builder's group {number + 1} of {len(folders)}")
        with filelock.FileLock(folders[number] / "claim.lock"):
            build(number)


def _train_group(
    config: Config,
    backbone: Model,
    bank: Bank,
    group: Sequence[Job],
    folder: Path,
    title: str,
    runs: Runs,
) -> tuple[list[str], list[str]]:
    replace_file(folder / "config.json", dump(config).encode())
    slots = _slots(group, config, backbone, bank)
    runs = replace(runs, root=folder, slots=len(slots))  # the plan has made the groups
    trained = runs.train_prompts(backbone, slots, config.train, title=title)
    items, failed = [], []
    for job, result in zip(group, trained, strict=True):
        if result.failed_step or result.key is None or result.best is None:
            failed.append(job.id)
        else:
            items.append(
                (make_entry(job, config, backbone.identity, result), prompts_of(result, result.key))
            )
    return bank.add_many(items), failed


def _slots(jobs: Sequence[Job], config: Config, backbone: Model, bank: Bank) -> list[Slot]:
    """The jobs' prompts before training."""
    embedding = backbone.embeddings
    slots = []
    for job in jobs:
        source = load_source(job.task, config, backbone.vocabulary)
        slots.append(new_slot(job.task, source, job.seed, config, backbone, embedding, bank))
    return slots


def new_slot(
    name: str,
    source: Source,
    seed: int,
    config: Config,
    backbone: Model,
    embedding: np.ndarray,
    bank: Bank | None = None,
) -> Slot:
    """A prompt before training, from the config's init and at its rate; embedding: the backbone's
    [V, H]. Raises what `init_prompt` raises.
    """
    init = init_prompt(
        config.prompt, embedding, backbone.vocabulary, source.labels, seed, backbone.identity, bank
    )
    rate = config.train.learning_rate or default_rate(embedding)
    return Slot(name, source, seed, init, rate)


def prompts_of(trained: Trained, key: np.ndarray) -> Prompts:
    """Init, key and value as the bank stores them."""
    return Prompts(trained.slot.init, key, trained.value)


def make_entry(job: Job, config: Config, identity: Identity, trained: Trained) -> Entry:
    """The bank's record of one trained prompt; the same training gives the same bytes."""
    best = trained.best
    scores = {}
    if best is not None:
        names = list(best.metrics)
        scores["validation"] = {
            "metric": names[0] if len(names) == 1 else "mean",
            "value": round(best.score, 4),
            "n": best.n,
            "metrics": {name: round(value, 4) for name, value in best.metrics.items()},
        }
        majority = majority_score(trained.slot.source)
        if majority is not None:
            scores["validation"]["majority"] = round(majority, 4)
    return Entry(
        id=job.id, kind=job.kind, task=job.task, members=job.members, family=job.family,
        seed=job.seed, backbone=identity, recipe=entry_recipe(config), key_step=config.train.key_step,
        value_step=trained.value_step, scores=scores, data=job.data, code=spot.__version__,
    )  # fmt: skip
