"""`spot meta`: learn a start from several tasks, and compare it on held-out ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, PATH, Shorthand, configured
from spot.report.verdicts import show_verdict

if TYPE_CHECKING:
    from bank import Bank
    from spot import LearnedStart, StartComparison
    from spot.config import Config
    from spot.report.output import Output


@click.command("meta")
@click.option(
    "--tasks",
    required=True,
    shell_complete=TASKS,
    help="The tasks to learn from, joined by commas, or a mixture.",
)
@click.option(
    "--held-out",
    shell_complete=TASKS,
    help="Other tasks, joined by commas, to compare starts on.",
)
@click.option(
    "--algorithm",
    cls=Shorthand,
    key="meta.algorithm",
    help="reptile, first-order or maml (default: reptile).",
)
@click.option("--out", "path", type=PATH, help="Write the start to a prompt file, too.")
@DRY_RUN
@configured
def command(
    config: Config, out: Output, tasks: str, held_out: str | None, path: Path | None, dry_run: bool
) -> None:
    """Learn a prompt from which a few steps on a new task do well, and add it to the bank.

    With --held-out, other tasks are trained from it, from scratch, from a prompt of all tasks together and,
    where the bank has entries of the tasks, from their mean and from the retrieved one.

    \b
    Example: spot meta --tasks mini_news,mini_qqp,mini_rooms --held-out mini_boolq
    """
    from spot.commands.objects import bank_to_fill, runs_of, task_or_mixture, the_model, the_task
    from spot.report.console import progress
    from spot.report.plans import show_plan

    comparison = None
    with progress(out) as reporter:
        reporter.phase("loading the model and the tasks")
        from spot import compare_starts, learn_start, write_prompt
        from spot.prompts.files import check_writable
        from spot.study.starts import check_held_out
        from spot.training.build import check_bank
        from spot.training.meta.start import as_mixture

        recipe, model, bank = config.recipe(), the_model(config), bank_to_fill(config)
        if path is not None:
            check_writable(path, recipe.kind)
        mixture = as_mixture(task_or_mixture("+".join(_names(tasks)), config))
        targets = [the_task(name, config) for name in _names(held_out or "")]
        for target in targets:
            check_held_out(target, mixture)
        check_bank(bank, model, recipe.on(model))
        given: dict[str, Any] = {"bank": bank, "runs": runs_of(config, reporter)}
        seeds = config.bank.seeds
        if dry_run:
            from spot.plans import plan_meta

            held = config.transfer.seeds
            plan = plan_meta(model, mixture, targets, recipe, config.meta, seeds, held, **given)
            return show_plan(plan, out, reporter)
        starts = [learn_start(model, mixture, recipe, config.meta, seed, **given) for seed in seeds]
        bank.add_many([(start.entry, start.prompts) for start in starts])
        if path is not None:
            write_prompt(path, max(starts, key=lambda start: start.best.score).prompt)
        if targets:
            comparison = compare_starts(
                model,
                mixture,
                targets,
                starts,
                recipe,
                config.meta,
                seeds=config.transfer.seeds,
                **given,
            )
    show(starts, bank, out)
    if path is not None:
        out.say(f"the best of them: {path}" if len(starts) > 1 else f"the start: {path}")
    if comparison is not None:
        show_comparison(comparison, out)


def _names(text: str) -> list[str]:
    """Names joined by commas."""
    return [name for part in text.split(",") if (name := part.strip())]


def show(starts: list[LearnedStart], bank: Bank, out: Output) -> None:
    """The entries of starts, and their validation scores after the inner steps, before and after."""
    for start in starts:
        out.record(
            {
                "id": start.entry.id,
                "step": start.best.step,
                "validation": start.best.score,
                "history": [check.to_json() for check in start.history],
            }
        )
    for start in starts:
        inner = start.entry.scores["validation"]["inner_steps"]
        before = start.history[0]
        out.say(
            f"{start.entry.id}: mean validation {start.best.score:.2f} (n {start.best.n}) after {inner} "
            f"steps on each task, {before.score:.2f} before; step {start.best.step}"
        )
    out.say(f"in the bank {bank.path}; a prompt starts there with prompt.init=entry:<id>")


def show_comparison(comparison: StartComparison, out: Output) -> None:
    """A row a held-out task and start: validation after each number of steps, and the test score."""
    out.record(comparison.to_json())
    steps = [str(step) for step, *_ in comparison.rows[0].curve]
    rows: list[tuple[object, ...]] = [
        (
            row.target,
            row.start,
            *(f"{mean:.1f}" for _, mean, _ in row.curve),
            f"{row.test:.1f}" + ("" if row.deviation is None else f" ± {row.deviation:.1f}"),
            "–" if row.interval is None else "{:+.1f} to {:+.1f}".format(*row.interval),
            row.runs[0].n_test,
        )
        for row in comparison.rows
    ]
    if len(comparison.metrics) > 1:
        for name, (curve, test) in comparison.means.items():
            rows.append(
                ("mean", name, *(f"{mean:.1f}" for _, mean in curve), f"{test:.1f}", "", None)
            )
    columns = ("held out", "start", *(f"{step} " for step in steps), "test ", "95 % of gain", "n ")
    out.table("validation after so many steps, and test", columns, rows)
    out.say("±: standard deviation over seeds; 95 %: of the test score's gain over scratch")
    for name, (gain, low, high) in comparison.beyond.items():
        out.say(
            f"{name}: {gain:+.1f} points from the learned start beyond the multi-task prompt "
            f"(95 % {low:+.1f} to {high:+.1f})"
        )
    out.say(f"all numbers: {comparison.folder}")
    for name, verdict in comparison.verdicts.items():
        show_verdict(replace(verdict, sentence=f"{name}: {verdict.sentence}"), out)
