"""`spot tasks`: list tasks, and whether their data is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from spot.commands.options import configured

if TYPE_CHECKING:
    from spot import Task
    from spot.config import Config
    from spot.report.output import Output

SPLITS = ("train", "validation", "test")


@click.command("tasks")
@configured
def command(config: Config, out: Output) -> None:
    """List all tasks: family, metrics, templates and rows; and those whose data is absent, by reason.

    \b
    Example: spot tasks --set data.dir=data/tasks
    """
    from dataclasses import replace

    from spot.report.console import progress
    from spot.tasks.catalog import task, task_names

    # Some tasks may lack the template that the config names; all are listed.
    settings = replace(config.data_settings(), template="t5")
    with progress(out) as reporter:
        reporter.phase("counting rows")
        facts = [described(task(name, settings)) for name in task_names(settings)]
    show(facts, out)


def described(task: Task) -> dict[str, Any]:
    """The facts of a task: the rows of each split if its data is there, else the reason."""
    from spot.tasks.published.catalog import template_names

    missing = task.available()
    return {
        "task": task.name,
        "family": task.family,
        "labels": task.labels,
        "metrics": task.metrics,
        "scoring": task.scoring,
        "rows": {} if missing else {split: task.rows(split) for split in task.splits},
        "missing": missing,
        "split_rule": task.split_rule,
        "license": task.license,
        "source": task.source,
        "templates": template_names(task.name),
    }


def show(tasks: Sequence[dict[str, Any]], out: Output) -> None:
    """A table of the tasks that are there, and the names of the absent ones, a line a reason."""
    from spot.report.output import wrapped

    absent: dict[str, list[str]] = {}
    rows: list[Sequence[object]] = []
    for task in tasks:
        out.record(task)
        if task["missing"]:
            absent.setdefault(task["missing"], []).append(task["task"])
            continue
        rows.append(
            (
                task["task"],
                task["family"],
                "+".join(task["metrics"]),
                ", ".join(task["templates"][1:]) or "–",
                task["source"] or "–",
                "/".join(str(task["rows"].get(split, "–")) for split in SPLITS),
            )
        )
    columns = ("task", "family", "metrics", "templates", "source", f"{'/'.join(SPLITS)} ")
    out.table("", columns, rows)
    for reason, names in absent.items():
        line = f"absent, {counted(len(names), 'task')} ({reason}): {', '.join(names)}"
        out.say(wrapped(line))


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "task"), counted(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
