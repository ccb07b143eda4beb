"""`spot eval`: score a prompt on a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import configured, plannable
from spot.report.verdicts import TFIDF_ROW, show_verdict

if TYPE_CHECKING:
    from spot import Evaluation
    from spot.config import Config
    from spot.report.output import Output
    from spot.serving.scoring import TemplateSweep


@click.command("eval")
@click.option(
    "--task",
    shell_complete=TASKS,
    help="The task to score on; default: the one that the prompt was trained on.",
)
@click.option(
    "--prompt",
    shell_complete=PROMPTS,
    help="A prompt file, or an entry's id or task; none: the bare model.",
)
@click.option("--split", default="test", show_default=True)
@click.option("--templates", is_flag=True, help="Try all templates; validation chooses one.")
@configured
@plannable("answers")
def command(
    config: Config, out: Output, task: str | None, prompt: str | None, split: str, templates: bool
) -> None:
    """Score a prompt on a task, also on one that it was not trained for.

    \b
    Example: spot eval --prompt best.safetensors
             spot eval --task mini_boolq --prompt mini_rooms
    """
    from spot.commands.objects import in_every_template, lengths, task_to_score, the_model
    from spot.report.console import progress

    if task is None and prompt is None:
        raise click.UsageError("name a task with --task, or a prompt with --prompt")
    with progress(out) as reporter:
        reporter.phase("loading the model and the task")
        from spot import evaluate
        from spot.prompts.files import find_prompt
        from spot.serving.scoring import sweep_templates

        model = the_model(config)
        array = None if prompt is None else find_prompt(prompt, config.bank.path, model)
        sizes = lengths(config)
        scored = task_to_score(task, array, prompt, config)
        if templates:
            tasks = in_every_template(scored.name, config)
            reporter.phase(f"scoring {scored.name} in {len(tasks)} templates")
            sweep = sweep_templates(model, tasks, array, split, **sizes)
        else:
            reporter.phase(f"scoring {scored.name}")
            result = evaluate(model, scored, array, split, **sizes)
    if templates:
        show_sweep(scored.name, split, sweep, out)
    else:
        show(scored.name, split, result, out)


def show(task: str, split: str, result: Evaluation, out: Output) -> None:
    """The metrics of one evaluation with n and 95 % intervals, beside TF-IDF; the verdict."""
    out.record(
        {
            "task": task,
            "split": split,
            "value": result.value,
            "n": result.n,
            **result.metrics,
            "intervals": result.intervals,
            "tfidf": result.tfidf,
        }
    )
    rows: list[tuple[object, ...]] = [
        (metric, value, "{:.1f} to {:.1f}".format(*result.intervals[metric]), result.n)
        for metric, value in result.metrics.items()
    ]
    if result.tfidf is not None:
        rows.append((TFIDF_ROW, result.tfidf, None, result.n))
    out.table(f"{task}, {split} split", ("metric", "value ", "95 % interval", "n "), rows)
    show_verdict(result.verdict, out)


def show_sweep(task: str, split: str, sweep: TemplateSweep, out: Output) -> None:
    """Every template's score on validation, then the best one's metrics on the split."""
    for template, score in sweep.validation.items():
        out.record({"task": task, "template": template, "validation": score.value, "n": score.n})
    rows = [(template, score.value, score.n) for template, score in sweep.validation.items()]
    out.table(f"{task}, templates on validation", ("template", "value ", "n "), rows)
    out.say(f"best on validation: {sweep.best}")
    show(task, split, sweep.result, out)
