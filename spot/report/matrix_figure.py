"""The picture of prompts on tasks: a heat map of the main scores, with what needs no prompt on top."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spot.analysis.finding import Heat, Number
from spot.report.charts import draw_chart
from spot.report.files import figure_bytes, write_atomic
from spot.report.matrix import CONSTANT, bare
from spot.study.matrix_cells import BARE, Cell, TaskMatrix

SUFFIXES = (".png", ".svg")


def heat_of(result: TaskMatrix) -> Heat:
    """The mean main scores as a heat map: the best constant answer, the bare model, then the sources."""
    constants = tuple(bare(result, task).value.constant for task in result.tasks)
    rows = [constants]
    for source in (BARE, *result.sources):
        rows.append(tuple(_mean(result.cell(source, task)) for task in result.tasks))
    return Heat(
        f"Prompts on tasks, {result.split} split",
        "task",
        "prompt of",
        result.tasks,
        (CONSTANT, BARE, *result.sources),
        tuple(rows),
        "score",
    )


def _mean(cell: Cell | None) -> Number:
    return None if cell is None else cell.value.mean


def write_pictures(result: TaskMatrix, folder: Path) -> Iterator[Path]:
    """Draw the heat map to a folder as matrix.png and matrix.svg; the paths. Raises BankError for a folder
    that cannot be written.
    """
    for suffix in SUFFIXES:
        figure = draw_chart(heat_of(result))
        yield write_atomic(folder / f"matrix{suffix}", figure_bytes(figure, suffix))
