"""`spot bank combine`: make an entry from others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import ENTRIES, TASKS
from spot.commands.options import PATH, SEED, configured
from spot.report.verdicts import TFIDF_ROW, show_verdict

if TYPE_CHECKING:
    from bank import Bank, Entry
    from spot.config import Config
    from spot.report.output import Output
    from spot.strategies.combination import CombinationReport, Scored


@click.command("combine")
@click.argument("expression")
@click.option("--name", default="", help="The new entry's name (default: the expression).")
@click.option(
    "--base",
    default="",
    shell_complete=ENTRIES,
    help="The entry whose init the sum starts from, where the entries' own differ.",
)
@click.option("--match-norms", is_flag=True, help="Keep the mean norm of the entries' rows.")
@click.option("--out", "path", type=PATH, help="The bank of the new entry (default: the same).")
@click.option(
    "--target", shell_complete=TASKS, help="A task to compare the new prompt with its parts on."
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    help="So many training rows of the target choose the weights.",
)
@click.option("--train", is_flag=True, help="Train from the new prompt, its best part, scratch.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Which rows are drawn.")
@configured
def command(
    config: Config,
    out: Output,
    expression: str,
    name: str,
    base: str,
    match_norms: bool,
    path: Path | None,
    target: str | None,
    rows: int | None,
    train: bool,
    seed: int,
) -> None:
    """Make an entry from others: a sum of what they learned, or with a comma their prompts one
    behind the other.

    A name with a space is quoted; a sign has a space in front of it, since names may hold one.

    \b
    Example: spot bank combine "mini_sst - mini_news + mini_mood" --name moods
             spot bank combine "mini_sst + mini_mood" --target mini_imdb --rows 32
    """
    from bank import Bank
    from spot.commands.objects import open_bank, runs_of, the_model, the_task
    from spot.report.console import progress

    if target is None and (rows or train):
        raise click.UsageError("--rows and --train need a --target")
    bank = open_bank(config)
    to = bank if path is None else Bank(path)
    if target is None:
        item = bank.combine(expression, name=name, base=base, match_norms=match_norms)
        return show_entry(item[0], bool(to.add(item)), to, out)
    with progress(out) as reporter:
        reporter.phase("loading the model and the target")
        from spot import combine, transfer_from

        model, task, recipe = the_model(config), the_task(target, config), config.recipe()
        runs = runs_of(config, reporter)
        report = combine(
            bank, model, task, expression, name=name, base=base, match_norms=match_norms,
            rows=rows or 0, seed=seed, recipe=recipe, runs=runs,
        )  # fmt: skip
        entry = report.item[0]
        added, trained = bool(to.add(report.item)), []
        if train:
            ids = [entry.id, report.best_id] if to is bank else [entry.id]
            recipe = recipe.replace(kind=entry.prompt_kind)
            trained = transfer_from(
                to, model, task, ids, recipe=recipe, plan=config.transfer, runs=runs
            )
    show_entry(entry, added, to, out)
    show(report, out)
    from spot.commands.transfer import show as show_transfer

    for each in trained:
        show_transfer(each, out)


def show_entry(entry: Entry, added: bool, bank: Bank, out: Output) -> None:
    """The id of a combination, and of what it is made."""
    out.record(
        {"id": entry.id, "added": added, "members": entry.members, **entry.recipe["combination"]}
    )
    out.say(f"added {entry.id}" if added else f"{entry.id} is in {bank.path} already")


def show(report: CombinationReport, out: Output) -> None:
    """The weights and how they were found, the scores beside those of the parts, the verdict."""
    scores = (report.combined, *report.parts, report.bare)
    for each in scores:
        out.record(
            {
                "target": report.target,
                "prompt": each.name,
                "validation": each.validation,
                "test": each.test.value,
                "intervals": each.test.intervals,
                "n": each.test.n,
            }
        )
    out.record(
        {
            "target": report.target,
            "expression": report.expression,
            "rows": report.rows,
            "trials": report.trials,
            "best": report.best,
            "tfidf": report.tfidf,
        }
    )
    if report.rows:
        out.say(
            f"weights chosen on {report.rows} training rows of {report.target}, {report.trials} tries: "
            f"{report.expression}"
        )
    rows: list[tuple[object, ...]] = [
        (each.name, each.validation, each.test.value, _interval(each), each.test.n)
        for each in scores
    ]
    if report.tfidf is not None:
        rows.append((TFIDF_ROW, None, report.tfidf, None, report.combined.test.n))
    columns = ("prompt", "validation ", "test ", "95 % interval", "n ")
    out.table(f"{report.target}: {report.metric} of prompts as they are", columns, rows)
    show_verdict(report.verdict, out)


def _interval(score: Scored) -> str:
    return ", ".join(f"{low:.1f} to {high:.1f}" for low, high in score.test.intervals.values())
