"""`spot baselines`: prompt design, prompt tuning, model tuning and classifiers on features of one target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import DRY_RUN, Shorthand, configured, plannable
from spot.report.verdicts import TFIDF_ROW, show_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spot.config import Config
    from spot.report.output import Output
    from spot.study.baselines import Baselines
    from spot.study.methods.method import Row


@click.command("baselines")
@click.option("--target", required=True, shell_complete=TASKS, help="The task to compare them on.")
@click.option(
    "--methods",
    help="Some of zero-shot, few-shot, prompt-tuning, model-tuning, nearest-neighbours, class-mean, probe, "
    "knn-lm, tfidf, joined by commas (default: all).",
)
@click.option(
    "--prompt",
    shell_complete=PROMPTS,
    help="A prompt file, or an entry's id or task, to take features behind (default: the prompts that "
    "prompt-tuning trains).",
)
@click.option(
    "--shots",
    cls=Shorthand,
    key="data.shots",
    type=click.IntRange(min=1),
    help="Training examples in front of a text, as many as fit (default: data.shots, else 4).",
)
@DRY_RUN
@configured
@plannable("prompts")
def command(
    config: Config,
    out: Output,
    target: str,
    methods: str | None,
    prompt: str | None,
    dry_run: bool,
) -> None:
    """Prompt design, prompt tuning and model tuning on the same rows of a target, in one table; beside
    them classifiers on features of the frozen model (nearest neighbours, class means, softmax
    regression, and its own answers mixed with those of neighbours), and TF-IDF with logistic regression.

    Training has the seeds and steps of transfer. Only prompt design has data.text and examples in
    front of its texts. Features are taken without a prompt, and behind the prompt where there is one.

    \b
    Example: spot baselines --target mini_rte --methods zero-shot,prompt-tuning
             spot baselines --target mini_cb --methods zero-shot,probe,knn-lm
    """
    from spot.commands.objects import runs_of, the_model, the_task, write_config
    from spot.commands.usage import show_report, show_use
    from spot.report.console import progress
    from spot.report.plans import show_plan

    names = None if methods is None else [name.strip() for name in methods.split(",")]
    with progress(out) as reporter:
        reporter.phase("loading the model and the target")
        from spot import baselines

        model, task, recipe = the_model(config), the_task(target, config), config.recipe()
        behind = None
        if prompt is not None:
            from spot.prompts.files import find_prompt

            behind = find_prompt(prompt, config.bank.path, model)
        given: dict[str, Any] = {
            "methods": names,
            "plan": config.transfer,
            "rates": config.tuning.learning_rates,
            "runs": runs_of(config, reporter),
        }
        if dry_run:
            from spot.plans import plan_baselines

            return show_plan(plan_baselines(model, task, recipe, **given), out, reporter)
        result = baselines(model, task, recipe, prompt=behind, **given)
    write_config(result.folder, config)
    show(result, out)
    show_report(out, result.folder)
    if result.best is not None:
        show_use(result.best, config, out)


def show(result: Baselines, out: Output) -> None:
    """A row a method: how much it trains, and its test score with spread and interval; the verdict."""
    from spot.models.counts import short

    for row in result.rows:
        out.record({"target": result.target, "metric": result.metric, **row.to_json()})
    if result.refused:
        out.record({"target": result.target, "refused": dict(result.refused)})
    rows = [
        (
            _method(row),
            row.counts and short(row.counts.trained),
            row.counts and f"{row.counts.percent:.3g}",
            f"{row.mean:.1f}" + ("" if row.deviation is None else f" ± {row.deviation:.1f}"),
            "{:.1f} to {:.1f}".format(*row.interval),
            "–" if row.gain is None else "{:+.1f} to {:+.1f}".format(*row.gain),
            len(row.trials),
            row.n,
        )
        for row in result.rows
    ]
    columns = ("method", "trained ", "% ", "test ", "95 %", "over zero-shot", "runs ", "n ")
    out.table(f"{result.target}: {result.metric} on the test split", columns, rows)
    if any(row.examples < row.shots for row in result.rows):
        out.say("not all examples fitted in front of every text: raise data.input_length")
    for note, names in _grouped((row.note, row.name) for row in result.rows if row.note):
        out.say(f"{names}: {note}")
    for reason, names in _grouped((why, name) for name, why in result.refused.items()):
        out.say(f"left out: {names}: {reason}")
    out.say(
        "±: standard deviation over seeds; 95 %: intervals over test rows and seeds, of the mean and of its "
        "difference from zero-shot"
    )
    out.say(f"scores and configs: {result.folder}")
    show_verdict(result.verdict, out)


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(sentence, names joined) of (sentence, name), each sentence once."""
    names: dict[str, list[str]] = {}
    for sentence, name in pairs:
        names.setdefault(sentence, []).append(name)
    return [(sentence, ", ".join(own)) for sentence, own in names.items()]


SYMBOLS = {"lambda": "λ", "tau": "τ"}


def _method(row: Row) -> str:
    """The name of a method, with the number of examples of prompt design, or what validation chose."""
    if row.method == "zero-shot":
        return "prompt design, zero-shot"
    if row.method == "few-shot":
        fitted = "" if row.examples == row.shots else f"{row.examples:.1f} of "
        return f"prompt design, few-shot ({fitted}{row.shots} examples)"
    if row.method == "tfidf":
        return TFIDF_ROW
    chosen = [
        f"{SYMBOLS.get(name, name)} "
        + "/".join(dict.fromkeys(f"{trial.choices[name]:g}" for trial in row.trials))
        for name in row.trials[0].choices
    ]
    return row.name + (f" ({', '.join(chosen)})" if chosen else "")
