"""`spot search`: rank a bank's entries for a target."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import (
    DRY_RUN,
    NamesShorthand,
    Shorthand,
    configured,
    plannable,
    similarities,
)

if TYPE_CHECKING:
    from bank import Hit
    from spot import Answer
    from spot.config import Config
    from spot.report.output import Output


@click.command("search")
@click.option(
    "--target", required=True, shell_complete=TASKS, help="The task to find a prompt for."
)
@click.option(
    "--k", cls=Shorthand, key="search.k", type=int, help="How many entries to list (default 3)."
)
@click.option(
    "--similarity",
    cls=NamesShorthand,
    key="search.similarity",
    names=similarities,
    help="{names} (default: average; task-vector on the embedded model).",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(config: Config, out: Output, target: str, dry_run: bool) -> None:
    """Rank the bank's entries by the similarity of their keys to a target's query.

    \b
    Example: spot search --target mini_boolq --k 3
    """
    from spot.commands.objects import open_bank, runs_of, the_model, the_task
    from spot.report.console import progress
    from spot.report.plans import show_plan

    bank = open_bank(config)
    with progress(out) as reporter:
        reporter.phase("reading the bank and the target")
        from spot import search

        model, task = the_model(config), the_task(target, config)
        given: dict[str, Any] = {"recipe": config.recipe(), "settings": config.search}
        if dry_run:
            from spot.plans import plan_search

            return show_plan(plan_search(bank, model, task, **given), out, reporter)
        answer = search(bank, model, task, **given, runs=runs_of(config, reporter))
    show(answer, out)


def show(answer: Answer, out: Output) -> None:
    """The ranked entries, transfers recorded earlier, whether the nearest is near, and what makes the
    ranking doubtful.
    """
    from spot.report.entries import show_outcomes
    from spot.report.output import Whole
    from spot.report.verdicts import show_verdict

    result = answer.result
    for hit in result.hits:
        out.record({"target": answer.target, "similarity": result.similarity, **asdict(hit)})
    title = f"{answer.target}: nearest of {result.n} keys by {result.similarity} similarity"
    if any(hit.pairs > 1 for hit in result.hits):
        title += "; mean ± standard deviation over pairs of seeds"
    rows = [(hit.rank, _score(hit), Whole(hit.id), hit.kind, hit.family) for hit in result.hits]
    out.table(title, ("rank ", "score ", "entry", "kind", "family"), rows)
    show_outcomes(answer.outcomes, out)
    show_verdict(answer.verdict, out)
    for warning in result.warnings:
        out.warn(warning)


def _score(hit: Hit) -> str:
    spread = "" if hit.deviation is None else f" ± {hit.deviation:.4f}"
    return f"{hit.score:.4f}{spread}"
