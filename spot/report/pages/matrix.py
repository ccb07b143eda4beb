"""The part of prompts on tasks: a heat map of the main scores, and a table for each task."""

from __future__ import annotations

from pathlib import Path

from spot.analysis.finding import Cell, Table
from spot.report.matrix import CONSTANT, LEGEND, bare, signed, title_of
from spot.report.matrix_figure import heat_of
from spot.report.pages.facts import facts_of
from spot.report.pages.page import Part, Section
from spot.report.pages.reading import read
from spot.study.cross_tasks import FILE
from spot.study.matrix_cells import BARE, TaskMatrix

COMMAND = "spot matrix"


def matrix_part(folder: Path) -> Part:
    """What prompts on tasks have to show. Raises SpotError for a file that is damaged."""
    result = read(folder / FILE, TaskMatrix, COMMAND)
    verdict = result.verdict
    heat = Section("Main scores", (heat_of(result),), notes=(LEGEND,))
    return Part(
        f"Prompts of {len(result.sources)} sources on {len(result.tasks)} tasks",
        () if verdict is None else (verdict,),
        warnings=tuple(gap.sentence for gap in result.gaps),
        facts=facts_of(folder, COMMAND),
        sections=(heat, *(_section(result, task) for task in result.tasks)),
    )


def _section(result: TaskMatrix, task: str) -> Section:
    """One task: a row a source, with every metric and the verdict of the cell."""
    first = bare(result, task)
    names = list(first.metrics)
    columns = ("prompt of", *(part for name in names for part in (f"{name} ", "± ")), "mean ", "95 % from ",
               "to ", f"over {BARE}", "over its own prompt", "words", "verdict")  # fmt: skip
    constants = [value for name in names for value in (first.metrics[name].constant, None)]
    rows: list[tuple[Cell, ...]] = [
        (CONSTANT, *constants, first.value.constant, None, None, "–", "–", "–", "–")
    ]
    notes = []
    for cell in (result.cell(source, task) for source in (BARE, *result.sources)):
        if cell is None:
            continue
        scores = [
            value for name in names
            for value in (cell.metrics[name].mean, cell.metrics[name].deviation)
        ]  # fmt: skip
        rows.append(
            (
                cell.source, *scores, cell.value.mean, cell.value.low, cell.value.high,
                signed(cell.over_bare), signed(cell.over_own), cell.wording, cell.verdict.kind,
            )
        )  # fmt: skip
        notes.append(f"{cell.source}: {cell.verdict.sentence}.")
    title = title_of(result, task)
    return Section(title, (), (Table(title, columns, tuple(rows)),), tuple(notes))
