"""A prompt's facts beside a model and a task: what does not fit, and the task that they describe.

Imports no JAX.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bank.entry import Backbone as Identity
from bank.formats import Facts
from bank.importing import UNVERIFIED
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.stored import check_backbone
from spot.settings import shown
from spot.tasks.catalog import DataSettings, find_task, names_a_file, task_names
from spot.tasks.published.templates import DEFAULT
from spot.tasks.rendering import CLEANUPS, columns_of, rendering
from spot.tasks.task import Mixture, Task, digest
from spot.tasks.text import Example

WORDING: dict[str, tuple[str, Callable[[object], bool]]] = {
    "list_labels": ("true, false or nothing", lambda value: value is None or type(value) is bool),
    "template": ("a text", lambda value: isinstance(value, str)),
    "text": ("a text", lambda value: isinstance(value, str)),
    "shots": ("a whole number from 0", lambda value: type(value) is int and value >= 0),
    "shot_seed": ("a whole number from 0", lambda value: type(value) is int and value >= 0),
}
"""Keys of a recipe that are a task's wording, absent where they are the default: what each is in words,
and whether a value is that.
"""


def task_facts(source: Task | Mixture) -> dict[str, object]:
    """The facts of a task, or of a mixture, whose members' texts and label words are their own."""
    if isinstance(source, Mixture):
        return {"task": source.name, "members": tuple(member.name for member in source.members)}
    return {
        "task": source.name,
        "file": _portable(source.file),
        "inputs": source.inputs,
        "columns": source.columns,
        "clean": dict(source.clean),
        "front": source.front,
        "labels": source.labels,
        "label": source.label,
        "values": dict(source.values),
        "scoring": source.scoring,
        "metrics": source.metrics,
    }


def recorded_facts(source: Task | Mixture) -> dict[str, object]:
    """What an entry of a bank records of a task, as `Entry.task_facts`: enough to answer new rows; {} where
    that is not enough, for mixtures, and for tasks with training examples in front.
    """
    known = task_facts(source)
    return recordable(Facts(**known, recipe=source.wording))  # type: ignore[arg-type]


def recordable(facts: Facts) -> dict[str, object]:
    """What an entry records of a task with these facts; {} where they do not describe it. Never its file: a
    path is another in another working folder, and the bytes of an entry are not.
    """
    if not describes_task(facts):
        return {}
    return {name: value for name, value in facts.of_task().items() if name != "file"}


def _portable(file: str) -> str:
    """A path without the folders above the working folder; "" where it is not below that."""
    path, here = Path(os.path.abspath(file)), Path.cwd()
    return str(path.relative_to(here)) if file and path.is_relative_to(here) else ""


def _is_portable(file: str) -> bool:
    """True for a path as `_portable` writes it, of a TOML file: another one in a prompt's facts would
    have this program read what the prompt's author chose.
    """
    path = Path(file)
    return path.suffix == ".toml" and not path.is_absolute() and ".." not in path.parts


def check_facts(facts: Facts | None, name: str, model: Model | Identity) -> None:
    """Raises SpotError for a prompt that is known to be of another model. name: the prompt's."""
    backbone = facts.model if facts else None
    if backbone is not None and not backbone.fingerprint.startswith(UNVERIFIED):
        check_backbone(name, backbone, model)


def differences(facts: Facts, task: Task, input_length: int) -> str:
    """What a prompt was trained on and this task has otherwise, both named; "" where all that is
    known agrees.
    """
    recipe = facts.recipe
    pairs: list[tuple[str, object, object]] = []
    if facts.labels:
        pairs.append(("label words", " | ".join(facts.labels), " | ".join(task.labels)))
    if facts.task == task.name and facts.inputs and task.inputs:
        pairs.append(("text", facts.inputs, task.inputs))
    if "input_length" in recipe:  # a recipe as it is recorded here: what it lacks is the default
        pairs += [(f"data.{key}", recipe.get(key), task.wording.get(key)) for key in WORDING]
        pairs.append(("data.input_length", recipe["input_length"], input_length))
    apart = [
        f"{what} {_written(there)}, not {_written(here)}"
        for what, there, here in pairs
        if there != here
    ]
    if facts.task and task.name not in (facts.task, *facts.members):
        apart.insert(0, f"task {facts.task}, not {task.name}")
    return "; ".join(apart)


def describes_task(facts: Facts | None) -> bool:
    """True if new rows can be answered from the facts alone: they have the text as a template, the
    label words, and no training examples stand in front of it.
    """
    return bool(
        facts
        and facts.inputs
        and (facts.labels or facts.scoring == "generate")
        and not facts.recipe.get("shots")
    )


def task_of(facts: Facts, name: str) -> Task:
    """The task that `describes_task` facts are of: it takes new rows, and has none of its own.

    name: of the prompt, for errors. Raises SpotError for a template that is none, and an unknown cleanup.
    """
    for cleanup in (cleanup for cleanups in facts.clean.values() for cleanup in cleanups):
        if cleanup not in CLEANUPS:
            raise SpotError(
                f"{name}: expected cleanups out of {', '.join(CLEANUPS)}, found {cleanup}",
                "update this program, or name the task with --task",
            )
    try:
        columns, render = columns_of(facts.inputs), rendering(facts.inputs, facts.clean)
    except ValueError as error:
        raise SpotError(
            f"{name}: expected its text as a template with {{column}}s, found "
            f"{shown(facts.inputs)}: {error}",
            "name the task with --task",
        ) from error

    def nothing(split: str) -> SpotError:
        return SpotError(
            f'task "{facts.task}": expected rows of the split "{split}", but all that is known of it '
            f"are the facts of {name}",
            "name the task's TOML file with --task",
        )

    def read(split: str) -> Iterator[Example]:
        raise nothing(split)

    def rows(split: str) -> int:
        raise nothing(split)

    text, listed = facts.recipe.get("text"), facts.recipe.get("list_labels")
    return Task(
        name=facts.task,
        family="",
        labels=facts.labels,
        metrics=facts.metrics,
        scoring="generate" if facts.scoring == "generate" else "rank",
        splits=(),
        read=read,
        fingerprint=lambda: digest("facts", facts.to_json()),
        description="",
        rows=rows,
        front=facts.front,
        complete=lambda row: facts.front + row,
        list_labels=listed if isinstance(listed, bool) else None,
        shows_labels=not facts.front,  # what stands in front is known, whatever the model's default
        template=str(facts.recipe.get("template") or ""),
        text=text if isinstance(text, str) else "",
        columns=columns,
        render=render,
        inputs=facts.inputs,
        clean=facts.clean,
        label=facts.label,
        values=facts.values,
        file=facts.file,
    )


def trained_task(facts: Facts, settings: DataSettings) -> Task:
    """The task of a prompt with its rows, in the wording that the prompt was trained with: that of its
    name in the settings, else of the TOML file below the working folder that its facts name. Raises
    SpotError for a path in the name's place, and what `find_task` raises.
    """
    known = {name: facts.recipe[name] for name in WORDING if name in facts.recipe}
    for name, value in known.items():
        expected, fits = WORDING[name]
        if not fits(value):
            raise SpotError(
                f"expected {expected} as {name} in the prompt's facts, found {shown(value)}",
                "name the task with --task",
            )
    plain = {"list_labels": None, "template": DEFAULT, "text": "", "shots": 0, "shot_seed": 0}
    worded = replace(settings, templates={}, **{**plain, **known})
    is_known = facts.task in task_names(worded)
    by_path = not is_known and _is_portable(facts.file) and os.path.isfile(facts.file)
    if not by_path and names_a_file(facts.task):
        raise SpotError(
            f"expected the name of a task in the prompt's facts, found the path {shown(facts.task)}",
            "name the task with --task",
        )
    if not is_known and not by_path:
        raise SpotError(
            f'expected the name of a task, found "{facts.task}", of which the prompt tells nothing but the '
            f"name.{did_you_mean(facts.task, task_names(worded))}",
            f"name the TOML file of your task: --set {_assignment(facts.task)}",
        )
    return find_task(facts.file if by_path else facts.task, worded)


def _assignment(task: str) -> str:
    """The setting that makes the TOML file of a task known, as a shell takes it."""
    return shlex.quote(f"data.tasks=[{json.dumps(f'{task}.toml', ensure_ascii=False)}]")


def _written(value: object) -> str:
    if isinstance(value, str) and "{" not in value:
        return value
    return "unset" if value is None else shown(value)
