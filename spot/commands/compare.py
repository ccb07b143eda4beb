"""`spot compare`: kinds, losses, starts and lengths of prompts beside each other, under one budget."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, PATH, Command, Listed, Shorthand, layered, plannable
from spot.report import comparison as report
from spot.report import comparison_figure as figure
from spot.report.files import writer_for

if TYPE_CHECKING:
    from spot.config import Config, Layer
    from spot.report.output import Output
    from spot.study import Comparison


def factor(
    name: str, key: str, help: str, of: Callable[[str], Any] = str
) -> Callable[[Command], Command]:
    """The option of a list of values."""
    return click.option(name, cls=Shorthand, key=f"compare.{key}", type=Listed(of), help=help)


def with_config(command: Command) -> Command:
    """Hand the command the config of its places beside them."""

    @functools.wraps(command)
    def both(*, places: Sequence[Layer], **options: Any) -> None:
        from spot.config import config_of

        command(config=config_of(places), places=places, **options)

    return both


@click.command("compare")
@click.argument("tasks", nargs=-1, shell_complete=TASKS)
@factor("--kinds", "kinds", "Kinds of prompts, as prompt.kind.")
@factor("--losses", "losses", "Training losses, as train.loss.")
@factor("--starts", "starts", "As prompt.init, or transfer: from the nearest value of the bank.")
@factor("--lengths", "lengths", "Tokens of the prompt.", int)
@factor("--models", "models", "Models, each with its own defaults.")
@factor("--rates", "learning_rates", "Learning rates; validation chooses one a cell.", float)
@factor("--seeds", "seeds", "Seeds of every cell (default: 0,1,2).", int)
@click.option(
    "--out",
    "paths",
    type=PATH,
    multiple=True,
    help=f"Write the table to a file, too; repeat it: {' '.join(report.WRITERS)}",
)
@click.option("--plot", type=PATH, help=f"Draw the test scores: {' '.join(figure.WRITERS)}")
@DRY_RUN
@layered
@with_config
@plannable("prompts")
def command(
    config: Config,
    places: Sequence[Layer],
    out: Output,
    tasks: tuple[str, ...],
    paths: tuple[Path, ...],
    plot: Path | None,
    dry_run: bool,
) -> None:
    """Train every combination of kinds, losses, starts, lengths and models on every task (default: the
    mini suite's targets) with the same rows, seeds and steps, and compare the test scores with those of
    the first combination. What is not listed is the config's. Finished cells are found again.

    \b
    Example: spot compare mini_cb mini_rte --kinds prefix,suffix --lengths 5,20 --rates 0.1,0.3
    """
    from spot.commands.objects import (
        bank_of_starts,
        open_bank,
        runs_of,
        the_model,
        the_task,
        write_config,
    )
    from spot.commands.usage import show_report
    from spot.report.console import progress
    from spot.report.plans import show_plan
    from spot.study.cells import TRANSFER
    from spot.tasks.mini.suite import target_names

    for path in paths:
        writer_for(path, report.WRITERS)  # a wrong suffix is refused before training
    if plot is not None:
        writer_for(plot, figure.WRITERS)
    names = tasks or config.compare.targets or target_names()
    transfers = TRANSFER in config.compare.starts
    bank = open_bank(config) if transfers else bank_of_starts(config, config.compare.kinds)
    with progress(out) as reporter:
        reporter.phase("loading the models and the tasks")
        from spot import compare
        from spot.plans import joined_plans, plan_compare
        from spot.study import joined, store_comparison
        from spot.training.provenance import write_provenance

        runs = runs_of(config, reporter)
        calls = []
        for own in configs_of(config, places):
            factors = own.compare.model_dump(exclude={"targets", "models"})
            targets = [the_task(name, own) for name in names]
            more = {"bank": bank, "search_settings": own.search, "runs": runs}
            calls.append(((the_model(own), targets, own.recipe()), {**factors, **more}))
        if dry_run:
            plans = {objects[0].name: plan_compare(*objects, **given) for objects, given in calls}
            return show_plan(joined_plans(plans), out, reporter)
        result = joined([compare(*objects, **given) for objects, given in calls])
        folder = store_comparison(result, runs)
        models = [model for (model, _, _), _ in calls]
        recipe = calls[0][0][2] if len(calls) == 1 else None
        write_provenance(folder, models, recipe, bank, seeds=list(config.compare.seeds))
    write_config(folder, config)
    show(result, out)
    for path in paths:
        out.say(f"table written to {report.write_comparison(result, path)}")
    if plot is not None:
        out.say(f"picture written to {figure.comparison_plot(result, plot)}")
    show_report(out, folder)


def configs_of(config: Config, places: Sequence[Layer]) -> list[Config]:
    """The config on each of the models that are compared, with the defaults of each."""
    from spot.config import Layer, config_of

    names = config.compare.models
    layers = [Layer("compare.models", {("model", "name"): name}) for name in names]
    return [config_of([*places, layer]) for layer in layers] or [config]


def show(result: Comparison, out: Output) -> None:
    """A table for each model and task, and one of the means over tasks; gaps, and what validation chooses."""
    for what, lines in result.to_json().items():
        for line in lines:
            out.record({"what": what.removesuffix("s"), **line})
    factors, columns = result.factors, report.MEASURED
    titles = [*factors, *(f"{column.title}{'' if column.is_text else ' '}" for column in columns)]
    for model, targets in result.groups:
        lines = report.lines_of(result, model, targets)
        metric = result.of(model, targets)[0].metric
        name = report.target_name(targets)
        title = f"{name} on {model}: {metric} on the test split"
        out.table(title, titles, [report.line_cells(line, factors) for line in lines])
    for sentence in report.gap_sentences(result):
        out.say(sentence)
    out.say(report.same_sentence(result))
    out.say(report.LEGEND)
    for sentence in report.chosen_sentences(result):
        out.say(sentence)
