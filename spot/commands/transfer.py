"""`spot transfer`: start a target's prompt from a retrieved one, and compare with scratch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import TASKS
from spot.commands.options import PATH, NamesShorthand, Shorthand, configured
from spot.report import curves
from spot.report.files import writer_for

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
@configured
def command(config: Config, out: Output, target: str, plot: Path | None) -> None:
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
    from spot.report.console import progress

    if plot is not None:
        writer_for(plot, curves.WRITERS)  # a wrong suffix is refused before training
    bank, plan = open_bank(config), config.transfer
    with progress(out) as reporter:
        reporter.phase("loading the model and the target")
        from spot import transfer

        report = transfer(
            bank,
            the_model(config),
            the_task(target, config),
            plan.strategy,
            plan.k,
            recipe=config.recipe(),
            sources=Sources(bank, config),
            **plan.model_dump(exclude={"strategy", "k"}),
            search_settings=config.search,
            runs=runs_of(config, reporter),
        )
    write_config(report.folder, config)
    show(report, out)
    if plot is not None:
        curves.learning_curves(curves.transfer_plot(report), plot)
        out.say(f"learning curves written to {plot}")


def show(report: TransferReport, out: Output) -> None:
    """Both arms on the test split, the difference, and its spread over seeds."""
    from statistics import fmean

    from spot.strategies.transfer import spread

    for run in report.runs:
        out.record({"target": report.target, **run.to_json()})
    rows = [_row("scratch", run) for run in report.baseline]
    rows += [_row("transfer", run) for run in report.transfer]
    columns = ("arm", "from", "seed ", "lr ", "step ", "validation ", "test ", "n ")
    out.table(f"{report.target}: {report.metric} on the test split", columns, rows)
    scratch = fmean(run.test for run in report.baseline)
    transferred = fmean(run.test for run in report.transfer)
    gains = report.gains
    deviation = spread(gains)
    over_seeds = (
        ""
        if deviation is None
        else f" (standard deviation over {len(gains)} seeds {deviation:.2f})"
    )
    out.say(
        f"scratch {scratch:.2f}, transfer {transferred:.2f}, "
        f"difference {transferred - scratch:+.2f} points{over_seeds}"
    )
    if transferred < scratch:
        out.say(
            "transfer did not help here: keep the prompt from scratch, or try --strategy best --k 3"
        )
    out.say(f"prompts, scores and config: {report.folder}")


def _row(arm: str, run: Run) -> tuple[object, ...]:
    source = "–" if run.start.strategy == "none" else run.start.name
    rate = f"{run.learning_rate:g}"
    return (arm, source, run.seed, rate, run.step, run.validation, run.test, run.n_test)
