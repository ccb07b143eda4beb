"""`spot tasks`: list tasks, and whether their data is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    """List all tasks: family, rows, metric, and whether the data is there.

    \b
    Example: spot tasks --set data.dir=data/tasks
    """
    from dataclasses import replace

    from spot.tasks.catalog import task, task_names

    # Some tasks may lack the template that the config names; all are listed.
    settings = replace(config.data_settings(), template="t5")
    show([task(name, settings) for name in task_names(settings)], out)


def show(tasks: Sequence[Task], out: Output) -> None:
    """Every task: rows of each split where the data is there, the reason where it is not."""
    from spot.tasks.published.catalog import template_names

    rows: list[Sequence[object]] = []
    missing: Counter[str] = Counter()
    for task in tasks:
        reason = task.available()
        counts = {} if reason else {split: task.rows(split) for split in task.splits}
        missing.update([reason] if reason else [])
        templates = template_names(task.name)
        out.record(
            {
                "task": task.name,
                "family": task.family,
                "labels": task.labels,
                "metrics": task.metrics,
                "scoring": task.scoring,
                "rows": counts,
                "missing": reason,
                "split_rule": task.split_rule,
                "license": task.license,
                "source": task.source,
                "templates": templates,
            }
        )
        rows.append(
            (
                task.name,
                task.family,
                "+".join(task.metrics),
                ", ".join(templates[1:]) or "–",
                task.source or "–",
                "–" if reason else "/".join(str(counts.get(split, "–")) for split in SPLITS),
                "absent" if reason else "there",
            )
        )
    columns = ("task", "family", "metrics", "templates", "source", f"{'/'.join(SPLITS)} ", "data")
    out.table("", columns, rows)
    for reason, count in missing.items():
        out.say(f"absent ({count} task{'s' if count > 1 else ''}): {reason}")
