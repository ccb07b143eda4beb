"""`spot length`: the shortest prompt that does as well as the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spot.commands.names import TASKS
from spot.commands.options import Listed, configured
from spot.report.verdicts import TFIDF_ROW, show_verdict

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.strategies.length import LengthReport


@click.command("length")
@click.option("--target", required=True, shell_complete=TASKS, help="The task to find it for.")
@click.option(
    "--lengths",
    type=Listed(int),
    metavar="N,N,…",
    help="Lengths in tokens (default: 1,2,4,8,16,32,64,100).",
)
@click.option(
    "--ways",
    help="Some of shortest-first, text, prune, joined by commas (default: all; text needs prompt.text).",
)
@configured
def command(
    config: Config, out: Output, target: str, lengths: list[int] | None, ways: str | None
) -> None:
    """Find the shortest prompt within one standard error of the best on validation, and report it on
    the test split.

    Each length has the seeds and steps of transfer. shortest-first grows a trained prompt, text
    starts from the words of prompt.text, prune removes the rows that matter least from a long one.

    \b
    Example: spot length --target mini_sst --lengths 1,2,4,8,16
    """
    from spot.commands.objects import runs_of, the_model, the_task, write_config
    from spot.commands.usage import show_use
    from spot.report.console import progress

    names = None if ways is None else [name.strip() for name in ways.split(",")]
    with progress(out) as reporter:
        reporter.phase("loading the model and the target")
        from spot import find_length
        from spot.strategies.length import LENGTHS

        report = find_length(
            the_model(config), the_task(target, config), config.recipe(),
            lengths=lengths or LENGTHS, ways=names, plan=config.transfer,
            runs=runs_of(config, reporter),
        )  # fmt: skip
    write_config(report.folder, config)
    show(report, out)
    show_use(report.file, config, out)


def show(report: LengthReport, out: Output) -> None:
    """A row a length and way with its cost, test scores of what validation chose, the verdict."""
    from spot.strategies.length import tokens

    for trial in report.trials:
        out.record({"target": report.target, "metric": report.metric, **trial.to_json()})
    out.record(
        {
            "target": report.target,
            "way": report.chosen.way,
            "length": report.chosen.length,
            "chosen": {way: trial.length for way, trial in report.by_way.items()},
            "cost": report.cost,
            "seconds": report.seconds,
            "tfidf": report.tfidf,
        }
    )
    rows: list[tuple[object, ...]] = []
    for trial in report.trials:
        mark = "chosen" if trial is report.chosen else ""
        bounds = None if trial.test is None else "{:.1f} to {:.1f}".format(*trial.test.interval())
        rows.append(
            (
                trial.way,
                trial.length,
                f"{trial.validation.mean:.1f} ± {trial.error:.1f}",
                trial.steps,
                f"{trial.cost:,}",
                trial.seconds,
                None if trial.test is None else trial.test.mean,
                bounds,
                mark,
            )
        )
    if report.tfidf is not None:
        rows.append((TFIDF_ROW, None, None, None, None, None, report.tfidf, None, ""))
    columns = (
        "way", "tokens ", "validation ", "steps ", "steps x tokens ", "seconds ", "test ",
        "95 % interval", "",
    )  # fmt: skip
    title = f"{report.target}: {report.metric}, {len(report.chosen.trained)} seeds, {report.n} test rows"
    out.table(title, columns, rows)
    out.say(
        "±: standard error over validation rows and seeds; the test split is read for what was chosen"
    )
    for way, trial in report.by_way.items():
        out.say(f"{way}: {tokens(trial.length)}, validation {trial.validation.mean:.1f}")
    took = "" if report.seconds is None else f", {report.seconds:.0f} s"
    out.say(
        f"{tokens(report.chosen.length)} by {report.chosen.way}, within one standard error of the best "
        f"({tokens(report.best.length)} by {report.best.way}); in all {report.cost:,} steps x tokens{took}"
    )
    out.say(f"prompt, scores and config: {report.folder}")
    show_verdict(report.verdict, out)
