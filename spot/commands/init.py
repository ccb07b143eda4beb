"""`spot init`: write the TOML of a task for a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.tasks import TableReport


@click.command("init")
@click.argument("table", type=PATH)
@click.option(
    "--text", help="The column of the text (default: guessed, where only one can be meant)."
)
@click.option("--label", help="The column of the class (default: likewise).")
@click.option("--title", help="A column to put in front of the text.")
@click.option(
    "--validation", type=PATH, help="A table of validation rows (default: cut from TABLE)."
)
@click.option("--test", type=PATH, help="A table of test rows (default: cut from TABLE).")
@click.option("--name", help="The task's name (default: the table's).")
@click.option("--out", "path", type=PATH, help="The TOML file (default: beside the table).")
@click.option("--force", is_flag=True, help="Replace the TOML file if it is there.")
@configured
def command(
    config: Config, out: Output, table: Path, path: Path | None, force: bool, **columns: str | None
) -> None:
    """Write the task of a table (.csv, .tsv, .jsonl, .parquet), and say what can be learned from it.

    \b
    Example: spot init tickets.csv --text body --label queue
    """
    from spot.commands.objects import the_model
    from spot.report.console import progress
    from spot.tasks import inspect_table, write_task

    with progress(out) as reporter:
        reporter.phase(f"reading {table}")
        report = inspect_table(table, model=the_model(config), **columns)
    if path is None or path.is_dir():
        path = (path or table.parent) / f"{report.name if path else table.stem}.toml"
    check_name(report.name, config)
    write_task(report, path, force=force)
    show(report, path, out, bank=config.bank.path.exists())


def check_name(name: str, config: Config) -> None:
    """Raise SpotError for the name of a task that is not the user's own."""
    from dataclasses import replace

    from spot.errors import SpotError
    from spot.tasks.catalog import task_names

    if name in task_names(replace(config.data_settings(), tasks=(), modules=())):
        raise SpotError(
            f'expected a name that no other task has, found "{name}"',
            f"name the task: --name my_{name}",
        )


def show(report: TableReport, path: Path, out: Output, bank: bool = True) -> None:
    """Columns, labels and splits, what a test of this size can tell, what to mend, and what comes next."""
    from bank.characters import visible
    from spot.tasks.inspection import rows_to_tell

    out.record({**report.to_json(), "toml": str(path)})
    title = f"title: {report.title}, " if report.title else ""
    out.say(
        f"{report.name}: {report.total:,} rows, {title}text: {report.text}, label: {report.label}"
    )
    for what in report.guessed:
        out.say(f"guessed: the column of the {what}; --{what} COLUMN names another")
    for column in () if report.title else report.unused[:1]:
        out.say(f"not used: {column}; --title {column} puts it in front of the text")
    splits = list(report.rows)
    rows = [
        (
            visible(label.value),
            *(label.rows[split] for split in splits),
            sum(label.rows.values()),
            label.tokens,
        )
        for label in report.labels
    ]
    total = ("all", *report.rows.values(), sum(report.rows.values()), None)
    out.table("", ("label", *(f"{split} " for split in splits), "rows ", "tokens "), [*rows, total])
    cut = [split for split in report.rows if split not in report.files]
    if cut:
        out.say(f"{' and '.join(cut)}: cut by a seeded hash within each class (rule: {path})")
    n = report.rows["test"]
    out.say(f"{n:,} test rows: an accuracy near 80 % is known to ± {report.error:.0f} points;")
    out.say(
        f"differences under about {report.apart:.0f} points between two prompts cannot be told apart"
    )
    if report.apart > 5:
        out.say(f"(to tell 5 points apart takes about {rows_to_tell(5)} test rows)")
    out.say(f"always the most frequent label: accuracy {report.most_frequent:.1f} on test")
    for note in report.notes:
        out.warn(note)
    out.say(f"written: {path}")
    out.say("next (transfer says what FILE is):")
    if not bank:
        out.say("  spot build-bank   (once, for a bank to search)")
    out.say(f"  spot search --target {path}")
    out.say(f"  spot transfer --target {path}")
    out.say("  spot predict --prompt FILE --in new.csv --out answers.csv")
