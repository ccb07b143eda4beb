"""`spot predict`: use a prompt on texts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import configured

if TYPE_CHECKING:
    from spot import Prediction
    from spot.config import Config
    from spot.report.output import Output


@click.command("predict")
@click.option(
    "--task",
    required=True,
    shell_complete=TASKS,
    help="The task whose label words are ranked, or that is generated.",
)
@click.option(
    "--prompt",
    shell_complete=PROMPTS,
    help="An entry's id or task, or a prompt file; none: the bare model.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    help="An input as the model reads it; default: lines of stdin.",
)
@configured
def command(
    config: Config, out: Output, task: str, prompt: str | None, texts: tuple[str, ...]
) -> None:
    """Use a prompt: the label (with probabilities) or text for each input.

    \b
    Example: spot predict --task mini_boolq --prompt mini_rooms --text "passage: … question: …"
    """
    from spot.commands.objects import lengths, the_model, the_task
    from spot.report.console import progress

    lines = list(texts) or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    with progress(out) as reporter:
        reporter.phase("loading the model")
        from spot import predict
        from spot.prompts.files import find_prompt

        model, answered = the_model(config), the_task(task, config)
        array = find_prompt(prompt, config.bank.path, model)
        predictions = predict(model, answered, array, lines, **lengths(config))
    show(predictions, out)


def show(predictions: Sequence[Prediction], out: Output) -> None:
    """An answer a line, with its probability where labels were ranked."""
    for prediction in predictions:
        out.record(asdict(prediction))
        answer, shares = prediction.answer, prediction.probabilities
        out.say(f"{answer}\t{shares[answer]:.3f}" if shares else answer)
