"""Tasks and mixtures by name, from all four origins.

The mini suite (always there), published tasks, the user's TOML tasks, and seqio Tasks that the
user's modules register. Nothing is registered here: names are resolved from the settings each time.
The modules, and so TensorFlow, are imported only for a name that the other origins lack; a
registered Task whose name is taken is reached through a TOML task with `seqio`. Wherever a name is
taken, the path of a task's TOML file may stand, also in a mixture ("sst2+tickets.toml").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from spot.errors import SpotError, did_you_mean
from spot.settings import cache_dir
from spot.tasks.files import SUFFIXES
from spot.tasks.published.catalog import (
    TASKS,
    find_template,
    published_task,
    template_names,
)
from spot.tasks.published.mixtures import BUILT_IN, MIXTURES
from spot.tasks.published.sources import Places, source_kind
from spot.tasks.published.templates import DEFAULT
from spot.tasks.task import Mixture, Task, mixture_of, with_wording
from spot.tasks.user import read_toml, user_task


@dataclass(frozen=True)
class DataSettings:
    """The origins of tasks and their wording.

    `dir` is a folder with one folder a task (<dir>/boolq/train.jsonl); None: the environment's
    SPOT_DATA_DIR. `tasks` are TOML files, or folders of them. `modules` are Python modules (names,
    or paths of .py files) that register seqio Tasks. `cache_dir` caches hashes of files. `source`
    names the source of published tasks, a key of `published.sources.SOURCES`; `tfds_dir` and
    `hf_dir` are the folders of two of them.

    `template` names the text of published tasks, `templates` that of single ones; other tasks have
    their own text, whatever the template. `list_labels` lists a task's label words in front of its
    texts, None as the model's default is; `text` is a text prompt, and `shots` the number of training
    examples, drawn by `shot_seed`, in front of every text.
    """

    dir: Path | None = None
    tasks: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    cache_dir: Path | None = None
    source: str = "local"
    tfds_dir: Path | None = None
    hf_dir: Path | None = None
    template: str = DEFAULT
    templates: Mapping[str, str] = field(default_factory=dict)
    list_labels: bool | None = None
    text: str = ""
    shots: int = 0
    shot_seed: int = 0


def load_task(
    name: str | Path,
    data: Path | str | None = None,
    *,
    source: str = "local",
    tasks: Iterable[Path | str] = (),
    modules: Iterable[str] = (),
    template: str = DEFAULT,
    list_labels: bool | None = None,
    text: str = "",
    shots: int = 0,
    shot_seed: int = 0,
) -> Task | Mixture:
    """The task or mixture of a name, with its data there (downloaded if its source can).

    `name` is a published task ("boolq"), one of the mini suite ("mini_boolq"), a mixture ("glue",
    "boolq+rte"), or the path of a task's TOML file; names in the TOML files `tasks` and of the
    seqio Tasks that `modules` register are known, too. `data` is the folder of the `source` of
    published tasks. The other options are as in `DataSettings`. SpotError for an unknown name,
    with the nearest one, and for missing data, with what to do.
    """
    settings = DataSettings(
        tasks=tuple(Path(path) for path in tasks),
        modules=tuple(modules),
        cache_dir=cache_dir(),
        source=source,
        template=template,
        list_labels=list_labels,
        text=text,
        shots=shots,
        shot_seed=shot_seed,
    )
    if data is not None:
        folder: dict[str, Any] = {source_kind(source).folder: Path(data)}
        settings = replace(settings, **folder)
    return find(str(name), settings)


def find(name: str, settings: DataSettings) -> Task | Mixture:
    """The task or mixture called `name`, with its data there; SpotError otherwise."""
    name, settings = _from_paths(name, settings)
    if "+" in name or name in mixture_names(settings):
        return find_mixture(name, settings)
    return find_task(name, settings)


def find_task(name: str, settings: DataSettings) -> Task:
    """The task called `name` in the settings' wording, with its data there; SpotError otherwise."""
    name, settings = _from_paths(name, settings)
    return _with_data(f'task "{name}"', task(name, settings), settings)


def find_mixture(name: str, settings: DataSettings) -> Mixture:
    """The mixture called `name`: "mini", "glue", "superglue", "tweet_eval", "boolq+rte" and so on.

    Rates are examples-proportional with the limit 2^19 (Vu et al. 2022); a registered seqio Mixture
    keeps its own rates. SpotError for an unknown name or member, or missing data.
    """
    name, settings = _from_paths(name, settings)
    packaged = name in BUILT_IN or "+" in name
    if not packaged and name in _registered(settings)[1]:
        return _registered_mixture(name, settings)
    return mixture_of(name, _members_of(name, _member_names(name, settings), settings))


def find_all(names: Iterable[str], settings: DataSettings) -> tuple[Task, ...]:
    """The tasks of the names, each once; the name of a mixture stands for its members."""
    members = [member for name in names for member in find(name, settings).members]
    return tuple({member.name: member for member in members}.values())


def find_templates(name: str, settings: DataSettings) -> dict[str, Task]:
    """The published task `name` in each of its templates, by their names, T5's form first.

    SpotError for a task with one template only, and as in `find_task`.
    """
    names = template_names(name)
    if len(names) < 2:
        raise SpotError(
            f'task "{name}": expected several templates to choose from, found {names[0]} alone',
            "spot tasks shows which published tasks have more",
        )
    return {
        template: find_task(
            name, replace(settings, templates={**settings.templates, name: template})
        )
        for template in names
    }


def task_names(settings: DataSettings) -> tuple[str, ...]:
    """All names that `task` knows, sorted; their data need not be there (see `available`)."""
    return tuple(sorted({*_makers(settings), *_registered(settings)[0]}))


def task(name: str, settings: DataSettings) -> Task:
    """The task called `name` in its plain wording; its data may be missing, see `available`.

    SpotError with the nearest name when there is none.
    """
    name, settings = _from_paths(name, settings)
    makers = _makers(settings)
    if name in makers:
        _check_template(name, settings)
        return makers[name]()
    registered, mixtures = _registered(settings)
    if name in {
        *BUILT_IN,
        *mixtures,
    }:  # also where a registered Task has the name: as `find` has it
        raise SpotError(
            f'expected a task, found the mixture "{name}"', "name it where a mixture is wanted"
        )
    if name not in registered:
        raise _unknown(name, {*makers, *registered})
    from spot.tasks.registered import registered_task

    return registered_task(name)


def names_a_file(name: str) -> bool:
    """True for the path of a task's TOML file, or a mixture with one, in the place of a name. A person may
    give one; the names in prompts and banks, which others made, are none.
    """
    return any(member.endswith(".toml") for member in name.split("+"))


def _from_paths(name: str, settings: DataSettings) -> tuple[str, DataSettings]:
    """The name with paths of TOML files replaced by their tasks' names, and settings that know these."""
    members = [name] if os.path.isfile(name) else name.split("+")
    paths = {member: Path(member) for member in members if member.endswith(".toml")}
    if not paths:
        return name, settings
    names = [read_toml(paths[m]).name if m in paths else m for m in members]
    return "+".join(names), replace(settings, tasks=(*settings.tasks, *paths.values()))


def _unknown(name: str, names: Iterable[str]) -> SpotError:
    """The error for a name that no task has; a file in its place gets what to do with it."""
    if name.lower().endswith(SUFFIXES):
        return SpotError(
            f'expected the name of a task or the path of its TOML file, found the table "{name}"',
            f"describe it first: spot init {name}",
        )
    near = did_you_mean(name, names)
    if os.path.isfile(toml := f"{name}.toml"):
        near = f' Did you mean "{toml}"?'
    return SpotError(
        f'expected the name of a task, found "{name}".{near}',
        "spot tasks lists all names; name your own task by the path of its TOML file (see spot init), "
        "or by data.tasks and data.modules",
    )


def mixture_names(settings: DataSettings) -> tuple[str, ...]:
    """The mixtures' names; any tasks joined by "+" are a mixture, too."""
    return tuple(sorted({*BUILT_IN, *_registered(settings)[1]}))


def _with_data(origin: str, described: Task, settings: DataSettings) -> Task:
    """The task in the settings' wording, once its data is there; `origin` names it in errors."""
    described.fetch()
    if reason := described.available():
        raise SpotError(f"{origin}: {reason}", "`spot tasks` lists what is there")
    return with_wording(
        described,
        list_labels=settings.list_labels,
        text=settings.text,
        shots=settings.shots,
        shot_seed=settings.shot_seed,
    )


def _members_of(mixture: str, names: Iterable[str], settings: DataSettings) -> tuple[Task, ...]:
    return tuple(
        _with_data(f'mixture "{mixture}", task "{name}"', task(name, settings), settings)
        for name in names
    )


def _member_names(name: str, settings: DataSettings) -> tuple[str, ...]:
    if name == "mini":
        return _mini_sources()
    if name in MIXTURES:
        return MIXTURES[name]
    members = tuple(name.split("+"))
    if len(members) == 1:
        names = mixture_names(settings)
        raise SpotError(
            f'expected the name of a mixture, found "{name}".{did_you_mean(name, names)}',
            f"mixtures: {', '.join(names)}, or tasks joined by +",
        )
    twice = [member for member in members if members.count(member) > 1]
    if twice:
        raise SpotError(
            f'mixture "{name}": expected each task once, found "{twice[0]}" more than once',
            "remove the duplicate",
        )
    return members


def _registered_mixture(name: str, settings: DataSettings) -> Mixture:
    from spot.tasks.registered import registered_rates

    if name in _makers(settings):  # `find_task` would take it for the task
        raise SpotError(
            f'expected a name that no mixture has for a task, found "{name}", which is a registered '
            "seqio Mixture, too",
            "rename your task",
        )
    rates = registered_rates(name)
    taken = sorted(set(rates) & set(_makers(settings)))
    if taken:
        raise SpotError(
            f'seqio Mixture "{name}": expected members with names of their own, found '
            f'"{taken[0]}", which is also another task',
            "register the member under another name",
        )
    return Mixture(name, _members_of(name, rates, settings), tuple(rates.values()))


def _registered(settings: DataSettings) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the seqio Tasks and of the Mixtures that the user's modules register."""
    if not settings.modules:
        return frozenset(), frozenset()
    from spot.tasks.registered import registered_names

    return registered_names(settings.modules)


def _makers(settings: DataSettings) -> dict[str, Callable[[], Task]]:
    """A function that makes the task for each name; SpotError for a name used twice."""
    makers: dict[str, Callable[[], Task]] = {}
    origins: dict[str, str] = {}

    def add(name: str, origin: str, maker: Callable[[], Task]) -> None:
        if name in makers:
            raise SpotError(
                f'expected different names for tasks, found "{name}" in {origins[name]} and in '
                f"{origin}",
                "rename your task",
            )
        makers[name], origins[name] = maker, origin

    for name in _mini_names():
        add(name, "the mini suite", partial(_mini_task, name))
    for name in TASKS:
        add(name, "the published tasks", partial(_published, name, settings))
    for file in toml_files(settings.tasks):
        name = read_toml(file).name
        add(name, str(file), partial(user_task, file, settings.cache_dir, settings.modules))
    return makers


def _published(name: str, settings: DataSettings) -> Task:
    template = find_template(name, settings.templates.get(name, settings.template))
    return published_task(name, settings.source, _places(settings), template)


def _places(settings: DataSettings) -> Places:
    cache = settings.cache_dir or Path(".")
    tfds = settings.tfds_dir or os.environ.get("TFDS_DATA_DIR")
    return Places(
        data_dir(settings),
        Path(tfds or os.path.expanduser("~/tensorflow_datasets")),
        settings.hf_dir or cache / "huggingface",
        settings.cache_dir,
    )


def _check_template(name: str, settings: DataSettings) -> None:
    """Raise SpotError for templates of unknown tasks, and for an unknown name of a template.

    A published task must have the template that is named, for another wording would go unnoticed;
    the user's own, embedded and registered tasks have one wording, which every template leaves as it
    is.
    """
    for templated in settings.templates:
        if templated not in TASKS:
            raise SpotError(
                f'data.templates: expected names of published tasks, found "{templated}".'
                + did_you_mean(templated, TASKS),
                "spot tasks lists all names",
            )
    known = sorted({name for published in TASKS for name in template_names(published)})
    if (
        name not in TASKS
        and settings.template not in known
        and not settings.template.endswith(".toml")
    ):
        raise SpotError(
            f'data.template: expected the name of a template, found "{settings.template}".'
            + did_you_mean(settings.template, known),
            f"templates: {', '.join(known)}; a path ending in .toml names your own",
        )


def tasks_with_template(template: str) -> dict[str, str]:
    """The published tasks that have the template of this name, each with it."""
    return {name: template for name in TASKS if template in template_names(name)}


def toml_files(paths: tuple[Path, ...]) -> list[Path]:
    """The TOML files at `paths`: files themselves, and those in folders, sorted; each file once."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(path.glob("*.toml"))
        elif path.exists():  # what is no file is refused when it is read
            files.append(path)
        else:
            raise SpotError(
                f"expected a task's TOML file or a folder of them at {path}, found nothing",
                "correct data.tasks",
            )
    return list({file.resolve(): file for file in files}.values())


def data_dir(settings: DataSettings) -> Path | None:
    """The folder of local data: the settings', or the environment's SPOT_DATA_DIR, or none."""
    folder = settings.dir or os.environ.get("SPOT_DATA_DIR")
    return Path(folder) if folder else None


def _mini_names() -> tuple[str, ...]:
    from spot.tasks.mini.suite import mini_task_names

    return tuple(mini_task_names(None))


def _mini_sources() -> tuple[str, ...]:
    from spot.tasks.mini.suite import mini_task_names

    return tuple(mini_task_names("source"))


def _mini_task(name: str) -> Task:
    from spot.tasks.mini.suite import mini_task

    return mini_task(name)
