"""`spot bank evaluate`: judge similarities by recorded outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.options import NamesOption, configured, similarities

if TYPE_CHECKING:
    from bank import Evaluation
    from spot.config import Config
    from spot.report.output import Output


@click.command("evaluate")
@click.option(
    "--similarity",
    "names",
    cls=NamesOption,
    names=similarities,
    multiple=True,
    help="{names}; repeat it (default: all that the bank allows).",
)
@configured
def command(config: Config, out: Output, names: tuple[str, ...]) -> None:
    """Measure how well each similarity predicts the recorded outcomes, leaving one task out.

    \b
    Example: spot bank evaluate --bank thunlp-bank
    """
    from bank import evaluate
    from spot.commands.objects import open_bank
    from spot.report.console import progress

    bank = open_bank(config)
    with progress(out) as reporter:
        reporter.phase("comparing similarities with outcomes")
        evaluations = evaluate(bank, names or None)
    show(evaluations, out)


def show(evaluations: Sequence[Evaluation], out: Output) -> None:
    """Each similarity's success at finding the best source, beside a random pick."""
    for result in evaluations:
        out.record(asdict(result))
    rows: list[tuple[object, ...]] = [
        (
            result.similarity,
            100 * result.top1,
            100 * result.top3,
            result.mean_regret,
            result.mean_spearman,
        )
        for result in evaluations
    ]
    for result in evaluations[:1]:  # the random pick is the same beside each of them
        shares = (100 * result.random_top1, 100 * result.random_top3)
        rows.append(("random pick", *shares, result.random_regret, None))
    targets = evaluations[0].targets if evaluations else 0
    out.table(
        f"best source found, {targets} targets, one left out at a time",
        ("similarity", "top-1 % ", "top-3 % ", "mean regret (points) ", "mean Spearman "),
        rows,
    )
    weights = evaluations[0].shares if evaluations else ()
    if weights and max(weights) > min(weights):
        out.say(
            f"targets weigh by the precision of their outcomes, from {100 * min(weights):.0f} to "
            f"{100 * max(weights):.0f} %"
        )
