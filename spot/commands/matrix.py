"""`spot matrix`: every prompt on every task, zero-shot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.names import ENTRIES, TASKS
from spot.commands.options import (
    DRY_RUN,
    PATH,
    Listed,
    Shorthand,
    configured,
    plannable,
)
from spot.report.verdicts import show_verdict

if TYPE_CHECKING:
    from spot import TaskMatrix
    from spot.config import Config
    from spot.report.output import Output


@click.command("matrix")
@click.option(
    "--entries",
    cls=Shorthand,
    key="matrix.entries",
    type=Listed(),
    shell_complete=ENTRIES,
    help="Ids, or tasks, of the bank's entries (default: all); the seeds of a task make one row.",
)
@click.option(
    "--prompts",
    "files",
    type=PATH,
    multiple=True,
    help="A prompt file as a row, or more: repeat it. Without --entries, the bank has no part.",
)
@click.option(
    "--tasks",
    cls=Shorthand,
    key="matrix.tasks",
    type=Listed(),
    shell_complete=TASKS,
    help="Tasks to score on (default: the prompts' own).",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="The rows to score; a prompt's own validation rows have chosen it.",
)
@click.option(
    "--wording",
    cls=Shorthand,
    key="matrix.wording",
    type=click.Choice(["source", "own"]),
    help="A task in the words that a prompt was trained with, label words by index (source, the default), "
    "or in its own.",
)
@click.option(
    "--rows",
    cls=Shorthand,
    key="matrix.examples",
    type=click.IntRange(min=1),
    help="Score a seeded sample of so many rows (default: all).",
)
@click.option(
    "--out",
    "folder",
    type=PATH,
    help="The folder of the tables and pictures (default: a folder of the runs).",
)
@DRY_RUN
@configured
@plannable("answers")
def command(
    config: Config,
    out: Output,
    files: tuple[Path, ...],
    split: str,
    folder: Path | None,
    dry_run: bool,
) -> None:
    """Score every prompt on every task, zero-shot: does it hold on another domain? Beside every number
    stand the bare model and the best constant answer. Finished scores are found again.

    \b
    Example: spot matrix --entries mini_qqp,mini_paws --tasks mini_mrpc,mini_qqp
             spot matrix --prompts best.safetensors --tasks mini_mrpc --out shift
    """
    from spot.commands.objects import lengths, runs_of, the_model, the_task, write_config
    from spot.commands.sources import source_prompts
    from spot.report.console import progress

    with progress(out) as reporter:
        reporter.phase("loading the model, the prompts and the tasks")
        from spot import matrix
        from spot.study.cross_tasks import store_matrix
        from spot.training.provenance import write_provenance

        model, runs, settings = the_model(config), runs_of(config, reporter), config.matrix
        rows, bank = source_prompts(config, model, files)
        names = list(settings.tasks) or own_tasks(rows)
        rows.sort(key=lambda row: names.index(row.name) if row.name in names else len(names))
        tasks = [the_task(name, config) for name in names]
        given: dict[str, Any] = {
            "split": split,
            "wording": settings.wording,
            "examples": settings.examples,
            **lengths(config),
        }
        if dry_run:
            return rehearse(model, tasks, rows, given, runs, out)
        result = matrix(model, tasks, rows, runs=runs, **given)
        reporter.phase("drawing")
        place = store_matrix(result, runs, folder)
        write_provenance(place, [model], None, bank, prompts=[row.name for row in rows], **given)
        write_config(place, config)
        written = write_files(result, place)
    show(result, out)
    show_files(written, place, out)


def own_tasks(rows: Any) -> list[str]:
    """The tasks that the prompts were trained on, each once. Raises SpotError where none is known."""
    from spot.errors import SpotError

    names = dict.fromkeys(row.task.name for row in rows if row.task is not None)
    if not names:
        raise SpotError(
            "expected tasks to score on, found none that the prompts were trained on",
            "name them: --tasks A,B",
        )
    return list(names)


def rehearse(
    model: Any, tasks: Any, rows: Any, given: dict[str, Any], runs: Any, out: Output
) -> None:
    """Say what would be scored, and what is found."""
    from spot.study.cross_tasks import is_found, scorings
    from spot.study.matrix_cells import Gap

    total = found = left = 0
    for column in scorings(model, tasks, rows, **given):
        for each in column:
            if isinstance(each, Gap):
                out.record(
                    {"gap": {"source": each.source, "task": each.task, "reason": each.reason}}
                )
                out.say(each.sentence)
                continue
            done = sum(is_found(model, each, prompt, runs) for prompt in each.prompts)
            total, found = total + len(each.prompts), found + done
            left += (len(each.prompts) - done) * len(each.rows)
    out.record({"scorings": total, "found": found, "rows": left})
    out.say(f"{total} scorings, {found} found; {left} rows would be scored, nothing is trained")


def write_files(result: TaskMatrix, folder: Path) -> list[Path]:
    """The Markdown tables and the heat map in the folder of the results."""
    from spot.report.files import write_atomic
    from spot.report.matrix import markdown
    from spot.report.matrix_figure import write_pictures

    tables = write_atomic(folder / "matrix.md", markdown(result).encode())
    return [tables, *write_pictures(result, folder)]


def show(result: TaskMatrix, out: Output) -> None:
    """The main scores, then a table for each task; what could not be compared, and the verdict."""
    from spot.report.matrix import LEGEND, details, overview, title_of

    for cell in result.cells:
        out.record({"what": "cell", "split": result.split, **cell.to_json()})
    for gap in result.gaps:
        out.record({"what": "gap", "source": gap.source, "task": gap.task, "reason": gap.reason})
    out.table(f"main scores, {result.split} split", *overview(result))
    for task in result.tasks:
        out.table(title_of(result, task), *details(result, task))
    for gap in result.gaps:
        out.say(gap.sentence)
    out.say(LEGEND)
    show_verdict(result.verdict, out)


def show_files(written: list[Path], folder: Path, out: Output) -> None:
    """Where tables and pictures are, and the command that makes a page of them."""
    from spot.commands.usage import show_report

    out.record({"folder": str(folder), "files": [str(path) for path in written]})
    out.say(f"tables and pictures: {', '.join(map(str, written))}")
    show_report(out, folder)
