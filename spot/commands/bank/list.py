"""`spot bank list`: list the entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import ENTRIES, completed, facts
from spot.commands.options import configured

if TYPE_CHECKING:
    from bank import Bank, Entry
    from spot.config import Config
    from spot.report.output import Output


def score(entry: Entry) -> float:
    """The validation score, 0 to 100; -1 where there is none."""
    value = entry.scores.get("validation", {}).get("value")
    return -1.0 if value is None else float(value)


def created(bank: Bank, entry: Entry) -> int:
    """The time at which the entry was added to this bank, in nanoseconds."""
    return (bank.folder(entry) / "entry.json").stat().st_mtime_ns


ORDERS: dict[str, Callable[[Bank, Entry], Any]] = {
    "task": lambda bank, entry: (entry.task, entry.seed),
    "score": lambda bank, entry: -score(entry),
    "seed": lambda bank, entry: (entry.seed, entry.task),
    "family": lambda bank, entry: (entry.family, entry.task),
    "kind": lambda bank, entry: (entry.kind, entry.task),
    "created": lambda bank, entry: -created(bank, entry),
}
"""Keys of sorting; equal entries are in the order of their ids."""


@click.command("list")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=ENTRIES)
@click.option(
    "--sort",
    type=click.Choice(list(ORDERS)),
    default="task",
    show_default=True,
    help="score: the best first; created: the newest first.",
)
@click.option(
    "--task",
    help="Only of this task; * and ? stand for any letters.",
    shell_complete=completed(facts("task")),
)
@click.option(
    "--family", help="Only of this family, likewise.", shell_complete=completed(facts("family"))
)
@click.option(
    "--kind",
    help="source, mixture, meta, combination, imported or query.",
    shell_complete=completed(facts("kind")),
)
@click.option("--seed", type=int, help="Only of this seed.")
@configured
def command(
    config: Config,
    out: Output,
    names: tuple[str, ...],
    sort: str,
    task: str | None,
    family: str | None,
    kind: str | None,
    seed: int | None,
) -> None:
    """List the entries, or those whose id or task is one of the names (* and ? stand for any letters).

    Queries, the cached prompts of targets, are listed with --kind query.

    \b
    Example: spot bank list 'mini_*' --sort score
    """
    from spot.commands.objects import open_bank

    bank = open_bank(config)
    patterns = {"task": task, "family": family, "kind": kind}
    listed = [
        entry
        for entry in (bank.queries() if kind == "query" else bank.entries())
        if all(fnmatchcase(getattr(entry, key), glob) for key, glob in patterns.items() if glob)
        and seed in (None, entry.seed)
        and (
            not names
            or any(fnmatchcase(text, name) for name in names for text in (entry.id, entry.task))
        )
    ]
    listed.sort(key=lambda entry: ORDERS[sort](bank, entry))
    show(listed, bank.damaged(), out)


def show(entries: Sequence[Entry], damaged: Sequence[tuple[str, str]], out: Output) -> None:
    """The entries, and the damaged ones by name and reason."""
    from spot.report.entries import ENTRY_COLUMNS, entry_row

    for entry in entries:
        out.record(asdict(entry))
    out.table("", ENTRY_COLUMNS, [entry_row(entry) for entry in entries])
    for name, reason in damaged:
        out.say(f"damaged: {name}: {reason}")
