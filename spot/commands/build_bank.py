"""`spot build-bank`: train source prompts into a bank."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.options import DRY_RUN, configured, plannable

if TYPE_CHECKING:
    from bank import Bank
    from spot import BuildReport
    from spot.config import Config
    from spot.report.output import Output


@click.command("build-bank")
@DRY_RUN
@configured
@plannable("prompts")
def command(config: Config, out: Output, dry_run: bool) -> None:
    """Train prompts on all sources and mixtures of a config; resumes by itself.

    \b
    Example: spot build-bank --set 'bank.sources=["mini_news","mini_qqp"]'
    """
    from spot.commands.objects import bank_to_fill, runs_of, task_or_mixture, the_model
    from spot.report.console import progress
    from spot.report.plans import show_plan

    bank, settings = bank_to_fill(config), config.bank
    with progress(out) as reporter:
        reporter.phase("loading the model and the sources")
        from spot import build_bank
        from spot.tasks.catalog import find_all

        sources = [
            *find_all(settings.sources, config.data_settings()),
            *(task_or_mixture(name, config) for name in settings.mixtures),
        ]
        model, seeds = the_model(config), settings.seeds
        recipe = config.recipe().replace(steps=settings.steps)
        if dry_run:
            from spot.plans import plan_build_bank

            plan = plan_build_bank(
                bank, model, sources, recipe, seeds=seeds, runs=runs_of(config, reporter)
            )
            return show_plan(plan, out, reporter)
        runs = runs_of(config, reporter)
        report = build_bank(bank, model, sources, recipe, seeds=seeds, runs=runs)
    show(report, bank, out)
    if report.failed:
        raise SystemExit(1)


def show(report: BuildReport, bank: Bank, out: Output) -> None:
    """Entries that a build added, found present and lost, and where the bank is."""
    from spot.report.entries import ENTRY_COLUMNS, entry_row

    entries = {entry.id: entry for entry in bank.entries()}
    out.record({"bank": str(bank.path), **asdict(report)})
    if report.added:
        out.table("built", ENTRY_COLUMNS, [entry_row(entries[id]) for id in report.added])
    out.say(
        f"{len(report.added)} entries built, {len(report.present)} already present, "
        f"{len(report.failed)} failed; bank: {bank.path} ({len(entries)} entries)"
    )
    for id in report.failed:
        out.say(f"failed: {id} (the loss was not finite before both key and value were saved)")
