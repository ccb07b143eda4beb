"""Every task and mixture that a configuration can name, from all four sources.

The mini suite (always there), published tasks in a local folder, the user's TOML tasks, and seqio
Tasks that the user's modules register. Nothing is registered here: the answer is worked out from
the settings each time. The modules, and so TensorFlow, are imported only for a name that the other
sources lack; a registered Task whose name is taken is reached through a TOML task with `seqio`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spot.errors import SpotError, did_you_mean
from spot.tasks.published.catalog import MIXTURES, TASKS, Places, published_task
from spot.tasks.published.templates import DEFAULT, read_template
from spot.tasks.sources.store import Source
from spot.tasks.task import Mixture, Task, proportional_rates
from spot.tasks.user import read_toml, user_task


@dataclass(frozen=True)
class DataSettings:
    """Where tasks come from.

    `dir` is a folder with one folder a task (<dir>/boolq/train.jsonl); None: the environment's
    SPOT_DATA_DIR. `tasks` are TOML files, or folders of them. `modules` are Python modules (names,
    or paths of .py files) that register seqio Tasks. `cache_dir` remembers hashes of files.
    `source` is where published tasks come from, `tfds_dir` and `hf_dir` the folders of two of them.
    `template` names the text of published tasks, `templates` that of single ones.
    """

    dir: Path | None = None
    tasks: tuple[Path, ...] = ()
    modules: tuple[str, ...] = ()
    cache_dir: Path | None = None
    source: Source = "local"
    tfds_dir: Path | None = None
    hf_dir: Path | None = None
    template: str = DEFAULT
    templates: Mapping[str, str] = field(default_factory=dict)


_Maker = Callable[[], Task]


def task_names(settings: DataSettings) -> tuple[str, ...]:
    """All names that `task` knows, sorted; their data need not be there (see `available`)."""
    return tuple(sorted({*_makers(settings), *_registered(settings)[0]}))


def task(name: str, settings: DataSettings) -> Task:
    """The task called `name`; SpotError with the nearest name when there is none."""
    makers = _makers(settings)
    if name in makers:
        _check_template(name, settings)
        return makers[name]()
    registered = _registered(settings)[0]
    if name not in registered:
        names = {*makers, *registered}
        if name in mixture_names(settings):
            raise SpotError(
                f'expected a task, found the mixture "{name}"', "name it where a mixture is wanted"
            )
        raise SpotError(
            f'expected the name of a task, found "{name}".{did_you_mean(name, names)}',
            "spot tasks lists all names; data.tasks and data.modules add your own",
        )
    from spot.tasks.registered import registered_task

    return registered_task(name)


def mixture_names(settings: DataSettings) -> tuple[str, ...]:
    """Names that `mixture` knows beside any tasks joined by "+"."""
    return tuple(sorted({"mini", *MIXTURES, *_registered(settings)[1]}))


def mixture(name: str, settings: DataSettings) -> Mixture:
    """The mixture called `name`: "mini", "glue", "superglue", "tweet_eval", "boolq+rte" and so on.

    Rates are examples-proportional with the limit 2^19 (Vu et al. 2022); a registered seqio Mixture
    keeps its own rates. SpotError for an unknown name or member, or missing data.
    """
    own = name == "mini" or name in MIXTURES or "+" in name
    if not own and name in _registered(settings)[1]:
        return _registered_mixture(name, settings)
    members = _members(name, settings)
    sizes = {}
    for member in members:
        definition = task(member, settings)
        definition.fetch()
        if reason := definition.available():
            raise SpotError(f'mixture "{name}", task "{member}": {reason}', "")
        sizes[member] = definition.rows("train")
    return Mixture(name, members, proportional_rates(sizes))


def _members(name: str, settings: DataSettings) -> tuple[str, ...]:
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
    if len(set(members)) < len(members):
        raise SpotError(
            f'mixture "{name}": expected each task once, found one twice', "remove the double"
        )
    return members


def _registered_mixture(name: str, settings: DataSettings) -> Mixture:
    from spot.tasks.registered import registered_mixture

    found = registered_mixture(name)
    taken = sorted(set(found.members) & set(_makers(settings)))
    if taken:
        raise SpotError(
            f'seqio Mixture "{name}": expected members with names of their own, found '
            f'"{taken[0]}", which is also another task',
            "register the member under another name",
        )
    return found


def _registered(settings: DataSettings) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the seqio Tasks and of the Mixtures that the user's modules register."""
    if not settings.modules:
        return frozenset(), frozenset()
    from spot.tasks.registered import registered_names

    return registered_names(settings.modules)


def _makers(settings: DataSettings) -> dict[str, _Maker]:
    """A function that makes the definition for each name; SpotError for a name used twice."""
    makers: dict[str, _Maker] = {}
    origin: dict[str, str] = {}

    def add(name: str, source: str, maker: _Maker) -> None:
        if name in makers:
            raise SpotError(
                f'expected different names for tasks, found "{name}" in {origin[name]} and in '
                f"{source}",
                "rename your task",
            )
        makers[name], origin[name] = maker, source

    for name in _mini_names():
        add(name, "the mini suite", partial(_mini_task, name))
    for name in TASKS:
        add(name, "the published tasks", partial(_published, name, settings))
    for file in toml_files(settings.tasks):
        make = partial(user_task, file, settings.cache_dir, settings.modules)
        add(read_toml(file).name, str(file), make)
    return makers


def _published(name: str, settings: DataSettings) -> Task:
    template = read_template(name, settings.templates.get(name, settings.template))
    return published_task(name, settings.source, _places(settings), template)


def _places(settings: DataSettings) -> Places:
    cache = settings.cache_dir or Path(".")
    tfds = settings.tfds_dir or os.environ.get("TFDS_DATA_DIR")
    return Places(
        data_dir(settings),
        Path(tfds) if tfds else Path.home() / "tensorflow_datasets",
        settings.hf_dir or cache / "huggingface",
        settings.cache_dir,
    )


def _check_template(name: str, settings: DataSettings) -> None:
    """SpotError for a template of a task that is not published, and for names of no task."""
    for named in settings.templates:
        if named not in TASKS:
            raise SpotError(
                f'data.templates: expected names of published tasks, found "{named}".'
                + did_you_mean(named, TASKS),
                "spot tasks lists all names",
            )
    if name not in TASKS and settings.template != DEFAULT:
        raise SpotError(
            f'task "{name}": expected data.template="{DEFAULT}", found "{settings.template}"; only '
            "published tasks have templates",
            "name the template of single tasks with data.templates",
        )


def toml_files(paths: tuple[Path, ...]) -> list[Path]:
    """The TOML files that `paths` name: files themselves, and those in folders, sorted."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(path.glob("*.toml"))
        elif path.is_file():
            files.append(path)
        else:
            raise SpotError(
                f"expected a task's TOML file or a folder of them at {path}, found nothing",
                "correct data.tasks",
            )
    return files


def data_dir(settings: DataSettings) -> Path | None:
    """The folder of local data: the settings', or the environment's SPOT_DATA_DIR, or none."""
    named = settings.dir or os.environ.get("SPOT_DATA_DIR")
    return Path(named) if named else None


def _mini_names() -> tuple[str, ...]:
    from spot.tasks.mini.suite import mini_task_names

    return tuple(mini_task_names(None))


def _mini_sources() -> tuple[str, ...]:
    from spot.tasks.mini.suite import mini_task_names

    return tuple(mini_task_names("source"))


def _mini_task(name: str) -> Task:
    from spot.tasks.mini.suite import mini_task

    return mini_task(name)
