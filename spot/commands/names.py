"""The names that a shell completes: tasks, entries of the bank, keys of the config. Imports no JAX.

A shell asks at every press of the Tab key, so entries are read from the names of their folders, and
whatever is wrong (a config that is not TOML, no bank) completes to nothing instead of an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from spot.config import Config

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

ID = re.compile(r"(?P<task>.+)-s\d+-[0-9a-f]{8}")


def completed(names: Callable[[Config, str], Iterable[str]]) -> Completer:
    """A completer of the names that a function makes of the config of the words so far, and of the
    beginning of the word.
    """

    def complete(
        ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = list(names(config_so_far(ctx), incomplete))
        except Exception:
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return complete


def config_so_far(ctx: click.Context) -> Config:
    """The config of the words in front of the one that is completed."""
    from spot.commands.options import set_by_shorthands
    from spot.config import load_config

    given = dict(ctx.params)
    assignments = (*(given.get("assignments") or ()), *set_by_shorthands(ctx.command, given))
    return load_config(given.get("config_file"), assignments)


def task_names(config: Config, incomplete: str) -> Iterable[str]:
    """Tasks; after a "+", mixtures with one more."""
    from spot.tasks.catalog import mixture_names, task_names

    settings = config.data_settings()
    front, plus, _ = incomplete.rpartition("+")
    names = task_names(settings)
    if plus:
        return [f"{front}+{name}" for name in names if name not in front.split("+")]
    return [*names, *mixture_names(settings)]


def entry_names(config: Config, _incomplete: str) -> Iterable[str]:
    """The ids of the bank's entries, and their tasks."""
    folder = config.bank.path / "entries"
    ids = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    tasks = [match["task"] for id in ids if (match := ID.fullmatch(id))]
    return dict.fromkeys([*tasks, *ids])


def query_names(config: Config, incomplete: str) -> Iterable[str]:
    """As `entry_names`, and the ids of cached queries."""
    folder = config.bank.path / "queries"
    queries = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [*entry_names(config, incomplete), *(id for id in queries if not id.startswith("."))]


def keys(_config: Config, _incomplete: str) -> Iterable[str]:
    """All keys and sections of the config."""
    from spot.config import Config, keys_of

    return keys_of(Config)


def assignments(config: Config, incomplete: str) -> Iterable[str]:
    """`key=` for every key; behind it the names that the key takes, where it takes names."""
    from spot.config_table import choices, fields

    key, equals, _ = incomplete.partition("=")
    if not equals:
        return [f"{name}=" for name, _ in fields()]
    return [f"{key}={choice}" for choice in choices(key, dict(fields())[key])]


def facts(name: str) -> Callable[[Config, str], Iterable[str]]:
    """The values of one field of the bank's entries, as "task" or "family"."""

    def values(config: Config, _incomplete: str) -> Iterable[str]:
        from bank import Bank

        bank = Bank.open(config.bank.path)
        return sorted({getattr(entry, name) for entry in (*bank.entries(), *bank.queries())})

    return values


def or_files(complete: Completer) -> Completer:
    """The same names, or the paths of files."""

    def either(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file"), *complete(ctx, param, incomplete)]

    return either


TASKS, ENTRIES, QUERIES = completed(task_names), completed(entry_names), completed(query_names)
KEYS, ASSIGNMENTS = completed(keys), completed(assignments)
PROMPTS = or_files(ENTRIES)
