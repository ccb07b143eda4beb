"""`spot analyze`: look inside a prompt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import PROMPTS, TASKS
from spot.commands.options import PATH, Listed, configured

if TYPE_CHECKING:
    from spot.analysis.analysis import Analysis
    from spot.config import Config
    from spot.report.output import Output


@click.command("analyze")
@click.argument("prompt", shell_complete=PROMPTS)
@click.option(
    "--task",
    shell_complete=TASKS,
    help="The task to score on; default: the one that the prompt was trained on.",
)
@click.option(
    "--parts", type=Listed(str), metavar="PART,…", help="Some of the parts; default: all."
)
@click.option("--start", help="The prompt before training; known of entries whose rows it is.")
@click.option("--split", default="test", show_default=True)
@click.option("--rows", type=click.IntRange(1), help="Rows to score on (default: 256).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of shuffles and nulls.")
@click.option("--out", "folder", type=PATH, help="Folder of the numbers and figures.")
@click.option("--figures", default="svg", show_default=True, help="Their format: svg, png or pdf.")
@configured
def command(
    config: Config,
    out: Output,
    prompt: str,
    task: str | None,
    parts: list[str] | None,
    start: str | None,
    split: str,
    rows: int | None,
    seed: int,
    folder: Path | None,
    figures: str,
) -> None:
    """Look inside a prompt: an entry of the bank or a file. Nothing is trained or changed.

    What its rows are near to, what is left of it as words, what the order of its rows and each of them is
    worth, how large they are, and where the model attends to them.

    \b
    Example: spot analyze mini_rooms
             spot analyze best.safetensors --task mini_boolq --parts order,gate
    """
    from spot.commands.objects import runs_of, task_to_score, the_model
    from spot.report.console import progress
    from spot.report.files import PICTURES, writer_for

    suffix = writer_for(f"figure.{figures}", {suffix: suffix for suffix in PICTURES})
    with progress(out) as reporter:
        reporter.phase("loading the model and the prompt")
        from spot import analyze
        from spot.analysis.case import MOST_ROWS
        from spot.errors import SpotError
        from spot.prompts.files import find_prompt, find_start
        from spot.training.runs import prompt_digest

        model = the_model(config)
        array = find_prompt(prompt, config.bank.path, model)
        before = find_prompt(start, config.bank.path, model) if start else None
        before = before or find_start(prompt, config.bank.path, model)
        try:
            scored = task_to_score(task, array, prompt, config)
        except SpotError as error:
            if task is not None:
                raise
            reporter.warn(f"nothing is scored: {error.message}; {error.hint}")
            scored = None
        result = analyze(
            model, scored, array, start=before, parts=parts, split=split,
            most_rows=rows or MOST_ROWS, seed=seed, name=prompt, reporter=reporter,
        )  # fmt: skip
        if folder is None:
            read: dict[str, Any] = {"prompt": prompt_digest(array), "model": model.fingerprint}
            read |= {
                "task": result.task,
                "split": split,
                "n": result.n,
                "seed": seed,
                "parts": parts,
            }
            folder = runs_of(config, reporter).place("analysis", Path(prompt).stem, read)
        result.write(folder)
        write_figures(result, folder, suffix)
    show(result, folder, out)


def write_figures(result: Analysis, folder: Path, suffix: str) -> None:
    """Draw every chart as PART-NUMBER in a format."""
    from spot.report.charts import write_chart

    for finding in result.findings:
        for number, chart in enumerate(finding.charts, start=1):
            write_chart(chart, folder / f"{finding.part}-{number}{suffix}")


def show(result: Analysis, folder: Path, out: Output) -> None:
    """The tables and notes of every part; what was skipped, and why."""
    from spot.commands.usage import show_report

    for finding in result.findings:
        out.record({"prompt": result.prompt, **asdict(finding)})
        out.say(f"\n{finding.part}: {finding.title}")
        for table in finding.tables:
            out.table(table.title, table.columns, table.rows)
            if table.note:
                out.say(table.note)
        for note in finding.notes:
            out.say(note)
    out.record({"prompt": result.prompt, "skipped": result.skipped, "folder": str(folder)})
    for part, reason in result.skipped.items():
        out.say(f"{part}: skipped, {reason}")
    out.say(f"numbers and figures: {folder}")
    show_report(out, folder)
