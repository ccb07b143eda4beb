"""The entries of a bank that a server answers with, as one value that never changes.

A bank that has changed is read into another value; requests that began with the old one end with it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.entry import ENTRY_FILE, PROMPT_FILE, Entry, Prompts
from bank.errors import UserError
from bank.files import stamp
from bank.index import build_index, represent
from bank.similarities import default_for_clusters, find_similarity
from bank.store import ENTRIES, Bank, Contents
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.files import check_fit
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, value_in
from spot.serving.predicting import Predictor
from spot.serving.web.refusal import Refusal
from spot.tasks.catalog import names_a_file
from spot.tasks.task import Task

NEAREST = 3  # entries of other tasks that are named beside each
Stamp = tuple[str, tuple[int, ...]]
"""The name of an entry's folder, and what changes with its two files."""
TaskOf = Callable[[SoftPrompt, str], Task]
"""The task that a prompt answers; the text is its name, for errors."""


@dataclass(frozen=True)
class Near:
    """An entry of another task, and how similar its key is."""

    entry: str
    task: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Served:
    """An entry that is ready to answer, with the key [P, H] that similarities compare."""

    entry: Entry
    predictor: Predictor
    prompt: SoftPrompt
    key: NDArray[np.float32]
    stamp: Stamp

    @property
    def score(self) -> float | None:
        """The entry's score on its validation split, from 0 to 100; None where it is not known."""
        value = self.entry.scores.get("validation", {}).get("value")
        return None if value is None or not math.isfinite(value) else float(value)

    @property
    def rank(self) -> float:
        """The score, minus infinity where it is not known."""
        return -math.inf if self.score is None else self.score

    @property
    def metric(self) -> str | None:
        """What the score is of."""
        name = self.entry.scores.get("validation", {}).get("metric")
        return None if name is None else str(name)


@dataclass(frozen=True)
class Catalogue:
    """Entries by id, in their order, and the nearest of each."""

    served: Mapping[str, Served] = field(default_factory=dict)
    nearest: Mapping[str, Sequence[Near]] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, list[Served]]:
        """The entries of each task, the best on validation first."""
        groups: dict[str, list[Served]] = {}
        for each in self.served.values():
            groups.setdefault(each.entry.task, []).append(each)
        for group in groups.values():
            group.sort(key=lambda each: (-each.rank, each.entry.id))
        return groups

    def best(self, task: str) -> Served:
        """The entry of a task that is best on validation. Raises Refusal for an unknown task."""
        return self.of_task(task)[0]

    def of_task(self, task: str) -> list[Served]:
        """The entries of a task, the best first. Raises Refusal for an unknown task."""
        tasks = self.tasks
        if task not in tasks:
            raise Refusal(
                404,
                f'no task "{shortened(task)}" here.{did_you_mean(task, tasks)}',
                "GET /v1/prompts lists the tasks",
            )
        return tasks[task]

    def find(self, name: str) -> Served:
        """The entry of this id, else the only one of this task, else the only one whose id begins so.

        Raises Refusal where none or several match.
        """
        if name in self.served:
            return self.served[name]
        every = list(self.served.values())
        matches = [each for each in every if each.entry.task == name] or [
            each for each in every if name and each.entry.id.startswith(name)
        ]
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = [each.entry.id for each in matches]
            more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
            raise Refusal(
                422,
                f'entry: "{shortened(name)}" fits {len(ids)} entries: {", ".join(ids[:5])}{more}',
                'give one of these ids, or {"task": …} for the best of a task',
            )
        names = {*self.served, *(each.entry.task for each in every)}
        raise Refusal(
            404,
            f'no entry "{shortened(name)}" here.{did_you_mean(name, names)}',
            "GET /v1/prompts lists the entries",
        )


def shortened(name: str, limit: int = 80) -> str:
    """A name of a request for a message."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def public_name(model: Model) -> str:
    """The model's name without the folders of a path."""
    name = model.name
    return os.path.basename(name.rstrip(os.sep)) if os.path.exists(name) else name


def stamps_of(bank: Bank) -> tuple[Stamp, ...]:
    """What changes when an entry comes, goes, or is replaced or repaired. Reads no file."""
    try:
        names = sorted(os.listdir(bank.path / ENTRIES))
    except FileNotFoundError:
        return ()
    return tuple((name, _stamp(bank.path / ENTRIES / name)) for name in names)


def _stamp(folder: Path) -> tuple[int, ...]:
    numbers: tuple[int, ...] = ()
    for file in (ENTRY_FILE, PROMPT_FILE):
        with contextlib.suppress(OSError):  # not there yet, or no more
            numbers += stamp(folder / file)
    return numbers


def read_catalogue(
    bank: Bank,
    model: Model,
    task_of: TaskOf,
    lengths: Mapping[str, int] | None = None,
    before: Catalogue | None = None,
) -> Catalogue:
    """The entries of a bank that this model can answer with. Those of a catalogue before that are the same
    files are taken over; `faults` says of every other entry why it is left out.

    lengths: `input_length` and `target_length` where they are not the prompts' own. Raises BankError for a
    bank that cannot be read as a whole.
    """
    stamps = dict(stamps_of(bank))
    records, damaged = bank.scan(ENTRIES)
    known = before.served if before else {}
    served: dict[str, Served] = {}
    faults = dict(damaged)
    for entry in (record.entry for record in records):
        own: Stamp = (entry.id, stamps.get(entry.id, ()))
        if entry.id in known and known[entry.id].stamp == own:
            served[entry.id] = known[entry.id]
            continue
        try:
            served[entry.id] = _served(bank, entry, model, task_of, lengths or {}, own)
        except UserError as error:
            faults[entry.id] = str(error)
    return Catalogue(served, _nearest(list(served.values())), faults)


def _served(
    bank: Bank,
    entry: Entry,
    model: Model,
    task_of: TaskOf,
    lengths: Mapping[str, int],
    own: Stamp,
) -> Served:
    """An entry ready to answer. Raises SpotError or BankError for one that cannot."""
    check_model(entry, model)
    if names_a_file(entry.task):
        raise SpotError(
            f"expected the name of a task, found the path {entry.task}",
            "spot bank rename gives it another name",
        )
    prompts = bank.prompts(entry)
    prompt = value_in(entry, prompts)
    check_fit(prompt, entry.id, model)
    predictor = Predictor(
        model,
        task_of(prompt, entry.id),
        prompt,
        input_length=lengths.get("input_length"),
        target_length=lengths.get("target_length"),
    )
    return Served(entry, predictor, prompt, np.asarray(prompts.key, np.float32), own)


def _nearest(served: Sequence[Served]) -> dict[str, list[Near]]:
    """The most similar entries of other tasks for each, one a task."""
    measure = find_similarity(default_for_clusters(None, len(served)))
    prompts = [Prompts(None, each.key, None) for each in served]
    contents: Contents[NDArray[Any]] = Contents(
        [each.entry for each in served], [represent(measure, each) for each in prompts], []
    )
    index = build_index(measure, contents)
    nearest: dict[str, list[Near]] = {}
    for own, each in zip(served, prompts, strict=True):
        if own.entry.id in index.blank:
            nearest[own.entry.id] = []
            continue
        best: dict[str, Near] = {}
        scores = index.scores(measure, each)
        for place in np.argsort(-scores, kind="stable"):
            other = served[int(place)].entry
            if other.task != own.entry.task and other.task not in best:
                best[other.task] = Near(other.id, other.task, float(scores[place]))
            if len(best) == NEAREST:
                break
        nearest[own.entry.id] = list(best.values())
    return nearest
