"""`spot tune`: train all weights of a model on one task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, PATH, SEED, configured, plannable

if TYPE_CHECKING:
    from spot.config import Config
    from spot.models.counts import Counts
    from spot.report.output import Output
    from spot.training.fine_tuning import FineTuned


@click.command("tune")
@click.option("--task", required=True, shell_complete=TASKS, help="A task, or tasks joined by +.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--out", "path", type=PATH, required=True, help="A new folder for the model.")
@DRY_RUN
@configured
@plannable("weights")
def command(config: Config, out: Output, task: str, seed: int, path: Path, dry_run: bool) -> None:
    """Train all weights on one task or mixture, as a baseline for prompts, and write the model.

    \b
    Example: spot tune --task mini_sst --out tuned
             spot eval --task mini_sst --set model.name=tuned
    """
    from spot.commands.objects import runs_of, task_or_mixture, the_model
    from spot.report.console import progress
    from spot.report.plans import show_plan

    with progress(out) as reporter:
        reporter.phase("loading the model and the task")
        from spot import tune

        source = task_or_mixture(task, config)
        if dry_run:
            from spot.plans import plan_tune

            rates = config.tuning.learning_rates
            return show_plan(plan_tune(source, path, config.recipe(), rates), out, reporter)
        tuned = tune(
            the_model(config),
            source,
            path,
            config.recipe(),
            seed,
            rates=config.tuning.learning_rates,
            runs=runs_of(config, reporter),
        )
        from spot.models.counts import Counts, count

        counts = Counts(count(tuned.parameters), 0)
    show(task, tuned, path, counts, out)


def show(task: str, tuned: FineTuned, path: Path, counts: Counts, out: Output) -> None:
    """The folder of a tuned model, the learning rate that was chosen, and the validation score."""
    best = tuned.best
    out.record(
        {
            "path": str(path),
            "learning_rate": tuned.learning_rate,
            "step": best.step,
            "validation": best.score,
            "parameters": counts.to_json(),
        }
    )
    out.say(
        f"{task}, all weights: validation {best.score:.2f} (n {best.n}) at step {best.step}, "
        f"learning rate {tuned.learning_rate:g}; use it with --set model.name={path}"
    )
    out.say(str(counts))
