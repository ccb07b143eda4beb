"""`spot train`: train one prompt on one task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import TASKS
from spot.commands.options import DRY_RUN, PATH, SEED, configured, plannable
from spot.report.verdicts import show_verdict

if TYPE_CHECKING:
    from spot import Trained
    from spot.config import Config
    from spot.models.counts import Counts
    from spot.report.output import Output


@click.command("train")
@click.option("--task", required=True, shell_complete=TASKS, help="A task, or tasks joined by +.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option(
    "--out",
    "path",
    type=PATH,
    required=True,
    help="The prompt: .safetensors, or .npy without its facts",
)
@DRY_RUN
@configured
@plannable("prompt")
def command(config: Config, out: Output, task: str, seed: int, path: Path, dry_run: bool) -> None:
    """Train one prompt on one task or mixture and write it to a file.

    \b
    Example: spot train --task mini_news --out news.safetensors
    """
    from spot.commands.objects import bank_of_starts, runs_of, task_or_mixture, the_model
    from spot.commands.usage import show_use
    from spot.report.console import progress
    from spot.report.plans import show_plan

    with progress(out) as reporter:
        reporter.phase("loading the model and the task")
        from spot import train_prompt, write_prompt
        from spot.models.counts import Counts, count
        from spot.prompts.files import check_writable

        recipe, model = config.recipe(), the_model(config)
        check_writable(path, recipe.kind)
        bank = bank_of_starts(config)
        source = task_or_mixture(task, config)
        runs = runs_of(config, reporter)
        if dry_run:
            from spot.plans import plan_train

            plan = plan_train(model, source, recipe, seed, path, bank=bank, runs=runs)
            return show_plan(plan, out, reporter)
        trained = train_prompt(model, source, recipe, seed, bank=bank, runs=runs)
        write_prompt(path, trained.value)
        counts = Counts(trained.value.count, count(model.network))
    show(trained, path, counts, out)
    plain = path.suffix == ".npy"
    if plain:
        out.say("a .npy file does not say what the prompt is for: --out NAME.safetensors does")
    show_use(path, config, out, source.members[0].name if plain or "+" in source.name else "")


def show(trained: Trained, path: Path, counts: Counts, out: Output) -> None:
    """The file of a trained prompt, its validation score, its share of all parameters; the verdict."""
    best = trained.best
    out.record(
        {
            "path": str(path),
            "step": trained.value_step,
            "validation": best and best.score,
            "parameters": counts.to_json(),
        }
    )
    if best is not None:
        out.say(
            f"{trained.slot.name}: validation {best.score:.2f} (n {best.n}) at step {best.step}; "
            f"prompt: {path}"
        )
        out.say(str(counts))
    show_verdict(trained.verdict, out)
