"""`spot transfer`: start a target's prompt from a retrieved one, and compare with scratch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, PATH, NamesShorthand, Shorthand, configured, plannable
from spot.report import curves
from spot.report.files import writer_for
from spot.report.verdicts import TFIDF_ROW, show_verdict

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.strategies.transfer import Run, TransferReport


def strategies() -> Iterable[str]:
    """The names of all strategies."""
    from spot.strategies.table import STRATEGIES

    return STRATEGIES


@click.command("transfer")
@click.option(
    "--target", required=True, shell_complete=TASKS, help="The task to train a prompt for."
)
@click.option(
    "--strategy",
    cls=NamesShorthand,
    key="transfer.strategy",
    names=strategies,
    help="{names} (default: best).",
)
@click.option(
    "--k",
    cls=Shorthand,
    key="transfer.k",
    type=int,
    help="How many entries the strategy uses (default 1).",
)
@click.option(
    "--plot",
    type=PATH,
    help=f"Draw the learning curves of both arms: {' '.join(curves.WRITERS)}",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(config: Config, out: Output, target: str, plot: Path | None, dry_run: bool) -> None:
    """Train a target's prompt from the retrieved value and from scratch, and compare on the test
    split.

    \b
    Example: spot transfer --target mini_boolq --strategy best --k 3
    """
    from spot.commands.objects import (
        Sources,
        open_bank,
        runs_of,
        the_model,
        the_task,
        write_config,
    )
    from spot.commands.usage import show_report, show_use
    from spot.report.console import progress
    from spot.report.plans import show_plan

    if plot is not None:
        writer_for(plot, curves.WRITERS)  # a wrong suffix is refused before training
    bank, plan = open_bank(config), config.transfer
    with progress(out) as reporter:
        reporter.phase("loading the model and the target")
        from spot import transfer

        model, task = the_model(config), the_task(target, config)
        given: dict[str, Any] = {
            "recipe": config.recipe(),
            "sources": Sources(bank, config),
            "search_settings": config.search,
            "runs": runs_of(config, reporter),
        }
        if dry_run:
            from spot.plans import plan_transfer

            return show_plan(plan_transfer(bank, model, task, plan, **given), out, reporter)
        start = {"start": plan.strategy, **plan.model_dump(exclude={"strategy"})}
        report = transfer(bank, model, task, **start, **given)
    write_config(report.folder, config)
    show(report, out)
    if plot is not None:
        curves.learning_curves(curves.transfer_plot(report), plot)
        out.say(f"learning curves written to {plot}")
    show_report(out, report.folder)
    show_use(report.best, config, out)


def show(report: TransferReport, out: Output) -> None:
    """Both arms on the test split beside TF-IDF, their learning curves, the start's worth, the verdict."""
    from spot.report.text_curves import text_curves

    for run in report.runs:
        out.record({"target": report.target, **run.to_json()})
    out.record(
        {
            "target": report.target,
            "gain": report.gain,
            "interval": report.interval,
            "tfidf": report.tfidf,
            "curves": report.mean_curves,
            "head_start": report.head_start,
            "phases": report.phases,
            "skipped_phases": report.skipped_phases,
        }
    )
    rows = [_row("scratch", run) for run in report.baseline]
    rows += [_row("transfer", run) for run in report.transfer]
    if report.tfidf is not None:
        n = report.baseline[0].n_test
        rows.append((TFIDF_ROW, None, None, None, None, None, report.tfidf, n))
    columns = ("arm", "from", "seed ", "lr ", "step ", "validation ", "test ", "n ")
    out.table(f"{report.target}: {report.metric} on the test split", columns, rows)
    seeds = len(report.baseline)
    title = f"validation {report.metric} by step"
    title += f", means of {seeds} seeds" if seeds > 1 else ""
    for line in text_curves(report.mean_curves, title):
        out.say(line)
    if report.head_start:
        out.say(report.head_start)
    if report.skipped_phases:
        out.say(report.skipped_phases)
    out.say(f"prompts, scores and config: {report.folder}")
    show_verdict(report.verdict, out)


def _row(arm: str, run: Run) -> tuple[object, ...]:
    source = "–" if run.start.strategy == "none" else run.start.name
    rate = f"{run.learning_rate:g}"
    return (arm, source, run.seed, rate, run.step, run.validation, run.test, run.n_test)
