"""`spot predict`: use a prompt on texts, or on all rows of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import PATH, configured, plannable

if TYPE_CHECKING:
    from spot import PredictedFile, Prediction, Task
    from spot.config import Config
    from spot.report.output import Output
    from spot.tasks.files import Row

AT_ONCE = 1024  # texts that are read before the first of them is answered


@click.command("predict")
@click.option(
    "--prompt",
    shell_complete=PROMPTS,
    help="A prompt file, or an entry's id or task; none: the bare model.",
)
@click.option(
    "--task",
    shell_complete=TASKS,
    help="The task to answer; default: the one that the prompt was trained on.",
)
@click.option("--in", "source", type=PATH, help="Rows to answer: .csv .tsv .jsonl .parquet")
@click.option("--out", "target", type=PATH, help="Where the rows go with their answers; as --in.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    help="A text to answer, or a JSON object of the task's columns; default: lines of stdin.",
)
@click.option("--as-is", is_flag=True, help="Texts are written as the task's template writes them.")
@configured
@plannable("answers")
def command(
    config: Config,
    out: Output,
    prompt: str | None,
    task: str | None,
    source: Path | None,
    target: Path | None,
    texts: tuple[str, ...],
    as_is: bool,
) -> None:
    """Use a prompt: the label (with probabilities) or the text for each input, which is put into the
    task's template first.

    \b
    Example: spot predict --prompt best.safetensors --in new.csv --out answers.csv
             spot predict --prompt best.safetensors --text "my invoice is wrong"
             spot predict --prompt mini_rooms < rows.jsonl
    """
    from spot.commands.objects import lengths, runs_of, task_to_answer, the_model
    from spot.report.console import progress

    if task is None and prompt is None:
        raise click.UsageError("name a prompt with --prompt, or a task with --task")
    if target is not None and source is None:
        raise click.UsageError("--out goes with --in, the file with the rows to answer")
    if source is not None and (texts or as_is):
        raise click.UsageError("--in goes without --text and --as-is: its columns are the texts")
    with progress(out) as reporter:
        reporter.phase("loading the model")
        from spot import predict, predict_file
        from spot.prompts.files import find_prompt
        from spot.tasks.files import data_rows
        from spot.tasks.task import without_template

        model, sizes = the_model(config), lengths(config)
        array = None if prompt is None else find_prompt(prompt, config.bank.path, model)
        answered = task_to_answer(task, array, prompt, config)
        if source is not None and target is not None:
            runs = runs_of(config, reporter)
            result = predict_file(model, answered, array, source, target, runs=runs, **sizes)
    if target is not None:
        show_file(result, out)
        return
    answered = without_template(answered) if as_is else answered
    rows = iter(data_rows(source)) if source is not None else rows_of(answered, texts)
    chunk = list(islice(rows, AT_ONCE))
    while True:
        with progress(out) as reporter:
            reporter.phase(f"answering {len(chunk)} texts")
            predictions = predict(model, answered, array, chunk, calibrate=False, **sizes)
        show(predictions, out)
        if not (chunk := list(islice(rows, AT_ONCE))):
            break


def rows_of(task: Task, texts: Sequence[str]) -> Iterator[str | Row]:
    """The texts of --text, or else of the lines of stdin; rows where the task has several columns.

    Raises SpotError for a line that is not UTF-8, and where a row of several columns is no JSON object.
    """
    from spot.errors import SpotError
    from spot.tasks.files import decoded, json_row

    numbered: Iterator[tuple[int, str]] = enumerate(texts, start=1)
    place, unit = Path("--text"), "text"
    if not texts:
        if sys.stdin.isatty():
            click.echo("reading texts, one a line; end with Ctrl-D", err=True)
        place, unit = Path("stdin"), "line"
        numbered = decoded(sys.stdin.buffer, place)
    for number, line in numbered:
        text = line.removeprefix("\ufeff").rstrip("\r\n")  # as in "$(cat text-of-windows.txt)"
        if not texts and not text.strip():
            continue
        if len(task.columns) < 2:
            yield text
            continue
        example = ", ".join(f'"{column}": "…"' for column in task.columns)
        try:
            yield json_row(place, number, text, unit)
        except SpotError as error:
            raise SpotError(
                f'{error.message}; the task "{task.name}" reads the columns {", ".join(task.columns)}',
                f"write a row as {{{example}}}; --as-is takes texts as the template writes them",
            ) from error


def show(predictions: Sequence[Prediction], out: Output) -> None:
    """An answer a line, with its probability where labels were ranked."""
    from dataclasses import asdict

    for prediction in predictions:
        out.record(asdict(prediction))
        shares = prediction.probabilities
        answer = prediction.answer.replace("\n", "\\n")  # a line, whatever was generated
        out.say(f"{answer}\t{shares[prediction.answer]:.3f}" if shares else answer)


def show_file(result: PredictedFile, out: Output) -> None:
    """The file of answers: its new columns, and the accuracy where the rows have labels."""
    out.record(result.to_json())
    columns = ", ".join((result.answer, *result.probabilities.values()))
    out.say(f"{result.rows:,} rows; new columns: {columns}")
    if result.probabilities and result.answer != "label":
        out.say('the column "label" of the rows stays as it is')
    if result.accuracy is not None:
        out.say(
            f'accuracy {result.accuracy:.2f} against the column "{result.label}" '
            f"(n {result.labelled:,})"
        )
    out.say(f"answers written to {result.path}")
