"""`spot predict`: use a prompt on texts, or on all rows of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import PATH, NameIn, configured, plannable

if TYPE_CHECKING:
    from spot import Model, PredictedFile, Prediction, SoftPrompt, Task
    from spot.config import Config
    from spot.report.output import Output
    from spot.serving.ensemble import Disagreement
    from spot.tasks.files import Row

AT_ONCE = 1024  # texts that are read before the first of them is answered


def ways() -> Iterable[str]:
    """The names of the ways to combine the answers of several prompts."""
    from spot.serving.ensemble import WAYS

    return WAYS


@click.command("predict")
@click.option(
    "--prompt",
    "prompts",
    multiple=True,
    shell_complete=PROMPTS,
    help="A prompt file, or an entry's id or task; several: an ensemble; none: the bare model.",
)
@click.option(
    "--task",
    shell_complete=TASKS,
    help="The task to answer; default: the one that the prompt was trained on.",
)
@click.option("--in", "source", type=PATH, help="Rows to answer: .csv .tsv .jsonl .parquet")
@click.option("--out", "target", type=PATH, help="Where the rows go with their answers; as --in.")
@click.option("--bad-rows", type=PATH, help="Where rows without a text go, instead of an error.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    help="A text to answer, or a JSON object of the task's columns; default: lines of stdin.",
)
@click.option("--as-is", is_flag=True, help="Texts are written as the task's template writes them.")
@click.option(
    "--combine",
    type=NameIn(ways),
    help="How several prompts answer together (default: vote).",
)
@click.option(
    "--weights",
    metavar="validation|similarity|A,B,…",
    help="By validation score above chance, by similarity to the task in the bank, or these numbers.",
)
@click.option(
    "--calibrate", is_flag=True, help="Subtract what each prompt says to a text without content."
)
@click.option("--margins", is_flag=True, help="Add how far the answer is ahead of the next.")
@configured
@plannable("answers")
def command(
    config: Config,
    out: Output,
    prompts: tuple[str, ...],
    task: str | None,
    source: Path | None,
    target: Path | None,
    bad_rows: Path | None,
    texts: tuple[str, ...],
    as_is: bool,
    combine: str | None,
    weights: str | None,
    calibrate: bool,
    margins: bool,
) -> None:
    """Use a prompt: the label (with probabilities) or the text for each input, which is put into the
    task's template first. Several prompts of one task answer together, by vote.

    \b
    Example: spot predict --prompt best.safetensors --in new.csv --out answers.csv
             spot predict --prompt best.safetensors --text "my invoice is wrong"
             spot predict --prompt mini_rooms < rows.jsonl
             spot predict --prompt a.safetensors --prompt b.safetensors --in new.csv --out answers.csv
    """
    from spot.commands.objects import lengths, runs_of, task_to_answer, the_model
    from spot.report.console import progress

    _check_inputs(prompts, task, source, target, bad_rows, texts, as_is)
    given = _given_weights(weights, len(prompts))
    if len(prompts) < 2 and (combine or weights):
        raise click.UsageError("--combine and --weights go with two or more --prompt")
    with progress(out) as reporter:
        reporter.phase("loading the model")
        from spot import predict, predict_file
        from spot.prompts.files import find_prompt
        from spot.serving.ensemble import Ensemble, check_one_task
        from spot.tasks.files import data_rows
        from spot.tasks.task import without_template

        model = the_model(config)
        found = [find_prompt(name, config.bank.path, model) for name in prompts]
        if task is None:
            check_one_task(found, prompts)
        first = found[0] if found else None
        answered = task_to_answer(task, first, prompts[0] if prompts else None, config)
        answering: Ensemble | SoftPrompt | None = first
        if len(found) > 1:
            if isinstance(given, str):
                given = _known_weights(given, found, prompts, answered, model, config)
            answering = Ensemble(tuple(found), combine or "vote", given)  # type: ignore[arg-type]
        options: dict[str, Any] = {"calibrate": calibrate, **lengths(config)}
        if source is not None and target is not None:
            result = predict_file(
                model, answered, answering, source, target,
                margins=margins, bad_rows=bad_rows, runs=runs_of(config, reporter), **options,
            )  # fmt: skip
    if target is not None:
        show_file(result, out)
        return
    answered = without_template(answered) if as_is else answered
    rows = iter(data_rows(source)) if source is not None else rows_of(answered, texts)
    chunk = list(islice(rows, AT_ONCE))
    disagreement = None
    while True:
        with progress(out) as reporter:
            reporter.phase(f"answering {len(chunk)} texts")
            predictions = predict(model, answered, answering, chunk, **options)
        show(predictions, out, margins=margins)
        disagreement = _seen(disagreement, predictions, answered)
        if not (chunk := list(islice(rows, AT_ONCE))):
            break
    if disagreement is not None and not out.quiet:
        click.echo(disagreement_line(disagreement), err=True)


def _check_inputs(
    prompts: Sequence[str],
    task: str | None,
    source: Path | None,
    target: Path | None,
    bad_rows: Path | None,
    texts: Sequence[str],
    as_is: bool,
) -> None:
    """Raises UsageError for options that do not go together."""
    if task is None and not prompts:
        raise click.UsageError("name a prompt with --prompt, or a task with --task")
    if target is not None and source is None:
        raise click.UsageError("--out goes with --in, the file with the rows to answer")
    if source is not None and (texts or as_is):
        raise click.UsageError("--in goes without --text and --as-is: its columns are the texts")
    if bad_rows is not None and target is None:
        raise click.UsageError("--bad-rows goes with --in and --out")


def _given_weights(text: str | None, count: int) -> str | tuple[float, ...] | None:
    """The weights of --weights: numbers, or the name of what they are to be made of.

    Raises UsageError for anything else, and for another number of numbers than prompts.
    """
    if text is None or text in ("validation", "similarity"):
        return text
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(
            f"expected validation, similarity or numbers joined by commas as --weights, found {text}"
        ) from None
    if len(numbers) != count:
        raise click.UsageError(
            f"expected a number in --weights for each of the {count} --prompt, found {len(numbers)}"
        )
    return numbers


def _known_weights(
    name: str,
    prompts: Sequence[SoftPrompt],
    names: Sequence[str],
    task: Task,
    model: Model,
    config: Config,
) -> tuple[float, ...]:
    """The weights of prompts by their validation scores, or by their similarity to the task in the bank."""
    import os

    from spot.commands.objects import open_bank
    from spot.errors import SpotError
    from spot.serving.weights import similarity_weights, validation_weights

    if name == "validation":
        return validation_weights(prompts, names, task)
    files = [name for name in names if os.path.exists(name)]
    if files:
        raise SpotError(
            f"expected entries of the bank, whose keys are compared, found the file {files[0]}",
            "weigh prompt files by --weights validation, or by numbers",
        )
    bank = open_bank(config)
    entries = [bank.get(name) for name in names]
    return similarity_weights(bank, entries, task.name, model, config.search.similarity)


def _seen(
    before: Disagreement | None, predictions: Sequence[Prediction], task: Task
) -> Disagreement | None:
    """The disagreement of an ensemble's members with some answers more; None without an ensemble."""
    from spot.serving.ensemble import Disagreement, comparing

    for each in predictions:
        if each.members:
            normal = comparing(task.metrics)
            before = (before or Disagreement()).seen(each.answer, each.members, normal)
    return before


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


def show(predictions: Sequence[Prediction], out: Output, *, margins: bool = False) -> None:
    """An answer a line, with its probability where labels were ranked, then its margin where it is asked
    for, and the agreement of an ensemble.
    """
    from dataclasses import asdict

    for prediction in predictions:
        out.record(asdict(prediction))
        answer = prediction.answer.replace("\n", "\\n")  # a line, whatever was generated
        numbers = [prediction.probabilities.get(prediction.answer)]
        numbers += [prediction.margin] * margins + [prediction.agreement]
        shown = (f"{number:.3f}" for number in numbers if number is not None)
        out.say("\t".join([answer, *shown]))


def show_file(result: PredictedFile, out: Output) -> None:
    """The file of answers: its new columns, the accuracy where the rows have labels, and how far the
    prompts of an ensemble differ.
    """
    out.record(result.to_json())
    out.say(f"{result.rows:,} rows; new columns: {', '.join(result.columns)}")
    if result.probabilities and result.answer != "label":
        out.say('the column "label" of the rows stays as it is')
    if result.accuracy is not None:
        out.say(
            f'accuracy {result.accuracy:.2f} against the column "{result.label}" '
            f"(n {result.labelled:,})"
        )
    if result.disagreement is not None:
        out.say(disagreement_line(result.disagreement))
    if result.skipped:
        rows = "row was" if result.skipped == 1 else "rows were"
        out.say(f"{result.skipped:,} {rows} skipped, with the reasons: {result.bad_rows}")
    out.say(f"answers written to {result.path}")


def disagreement_line(found: Disagreement) -> str:
    """How far the prompts of an ensemble differ, and what that means."""
    count = len(found.agreed)
    if not found.apart:
        return f"no disagreement, no gain: the {count} prompts gave equal answers to all rows"
    agreement = ", ".join(f"{100 * share:.1f}" for share in found.agreement)
    return (
        f"two of the {count} prompts differ on {100 * (found.share or 0):.1f} % of the rows, on average; "
        f"each gave the ensemble's answer to {agreement} %"
    )
