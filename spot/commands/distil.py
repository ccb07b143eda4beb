"""`spot distil`: train prompts on the scores of prompts, or of a fine-tuned model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import DRY_RUN, configured, plannable
from spot.report.verdicts import show_verdict

if TYPE_CHECKING:
    from spot import Model, Teacher
    from spot.config import Config
    from spot.report.output import Output
    from spot.study.distillation import Distillation


@click.command("distil")
@click.option("--task", required=True, shell_complete=TASKS, help="A task with label words.")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    shell_complete=PROMPTS,
    help="Teacher of generation 1: a prompt file, an entry's id or task, or the folder of a model that spot "
    "tune wrote; several are an ensemble. None: generation 0.",
)
@click.option(
    "--start",
    shell_complete=PROMPTS,
    help="A prompt file, or an entry's id or task, that generation 0 starts from.",
)
@click.option(
    "--generations",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many are taught.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The share of the loss that compares scores with the teacher's; the rest is of labels.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=1e-3),
    default=2.0,
    show_default=True,
    help="How far the teacher's scores are softened.",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(
    config: Config,
    out: Output,
    task: str,
    teachers: tuple[str, ...],
    start: str | None,
    generations: int,
    share: float,
    temperature: float,
    dry_run: bool,
) -> None:
    """Train a prompt on labels, then generations of prompts that each learn from the scores of the one
    before, beside what as many steps reach without a teacher.

    Training has the seeds and steps of transfer. With --start of a source prompt, generation 0 is its
    transfer, from which fresh prompts learn (PANDA).

    \b
    Example: spot distil --task mini_rte
             spot distil --task mini_rte --start mini_snli --generations 1
             spot distil --task mini_rte --teacher tuned --generations 1
    """
    from spot.commands.objects import runs_of, the_model, the_task, write_config
    from spot.commands.usage import show_use
    from spot.report.console import progress
    from spot.report.plans import show_plan

    with progress(out) as reporter:
        reporter.phase("loading the model and the task")
        from spot import distil
        from spot.prompts.files import find_prompt

        model, target = the_model(config), the_task(task, config)
        runs = runs_of(config, reporter)
        given: dict[str, Any] = {
            "recipe": config.recipe(),
            "teachers": [teacher_of(name, model, config) for name in teachers],
            "start": None if start is None else find_prompt(start, config.bank.path, model),
            "share": share,
            "temperature": temperature,
            "generations": generations,
            "seeds": config.transfer.seeds,
            "steps": config.transfer.steps,
        }
        if dry_run:
            from spot.plans import plan_distil

            return show_plan(plan_distil(model, target, runs=runs, **given), out, reporter)
        result = distil(model, target, runs=runs, **given)
    write_config(result.folder, config)
    show(result, out)
    show_use(result.best, config, out)


def teacher_of(name: str, model: Model, config: Config) -> Teacher:
    """The teacher of this name: the model of a folder that holds no prompt, or a prompt on the student's
    model.
    """
    from pathlib import Path

    from bank.formats import holds_prompt
    from spot import Teacher
    from spot.models.model import open_model
    from spot.prompts.files import find_prompt

    folder = Path(name)
    if folder.is_dir() and not holds_prompt(folder):
        own = config.model.model_copy(update={"name": name})
        return Teacher(name, open_model(own, config.devices))
    return Teacher(name, model, find_prompt(name, config.bank.path, model))


def show(result: Distillation, out: Output) -> None:
    """A row a generation and ensemble: its teacher, steps, scores with spread and interval; the verdict."""
    for line in result.lines:
        out.record({"target": result.target, "metric": result.metric, **line.to_json()})
    rows = [
        (
            line.name,
            line.teacher or "–",
            line.steps,
            f"{line.validation:.1f}",
            f"{line.test:.1f}" + ("" if line.deviation is None else f" ± {line.deviation:.1f}"),
            "{:.1f} to {:.1f}".format(*line.interval),
            "–" if line.gain is None else "{:+.1f} to {:+.1f}".format(*line.gain),
            len(line.trials),
        )
        for line in result.lines
    ]
    columns = (
        "prompts", "teacher", "steps ", "validation ", "test ", "95 %", "over generation 0", "seeds ",
    )  # fmt: skip
    title = f"{result.target}: {result.metric}, {result.loss}"
    out.table(title, columns, rows)
    out.say(
        "steps: of a seed in all, at most; ±: standard deviation over seeds; 95 %: intervals over test rows "
        "and seeds, of the mean and of its difference from generation 0"
    )
    out.say(f"scores and prompts: {result.folder}")
    show_verdict(result.verdict, out)
