"""The tables of prompts on tasks, for a terminal, a page and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from spot.study.matrix_cells import BARE, Cell, Score, TaskMatrix
from spot.study.statistics import Interval

CONSTANT = "best constant answer"
UNSURE = "~"
LEGEND = (
    f"±: standard deviation over seeds. {UNSURE}: not better than guessing or one constant answer, or on "
    "too few rows to tell. 95 %: intervals over rows and seeds, of the score and of differences, which are "
    "paired by row; two seeds say little, so theirs may end beyond 100, and of many one in twenty misses by "
    f"chance. {CONSTANT}: the best that one answer to every row has by that metric. {BARE}: the bare model, "
    "in the task's own words."
)


def spread(score: Score) -> str:
    """A mean with its deviation over seeds."""
    return f"{score.mean:.1f}" + ("" if score.deviation is None else f" ± {score.deviation:.1f}")


def constant(score: Score) -> str:
    """What the best constant answer has."""
    return "–" if score.constant is None else f"{score.constant:.1f}"


def signed(difference: Interval | None) -> str:
    """A difference with its interval."""
    return "–" if difference is None else difference.signed


def is_unsure(cell: Cell) -> bool:
    """True for a score that is at chance, or on too few rows."""
    return cell.verdict.kind in ("at chance", "too few rows")


def overview(result: TaskMatrix) -> tuple[list[str], list[list[str]]]:
    """The main scores: columns and rows, of the best constant answer, the bare model and every source."""
    rows = [[CONSTANT, *(constant(bare(result, task).value) for task in result.tasks)]]
    for source in (BARE, *result.sources):
        cells = [result.cell(source, task) for task in result.tasks]
        rows.append([source, *(_main(cell) for cell in cells)])
    return ["prompt of", *(f"{task} " for task in result.tasks)], rows


def bare(result: TaskMatrix, task: str) -> Cell:
    """The bare model's cell of a task."""
    cell = result.cell(BARE, task)
    assert cell is not None  # every column has it
    return cell


def _main(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    return spread(cell.value) + (f" {UNSURE}" if is_unsure(cell) else "")


def details(result: TaskMatrix, task: str) -> tuple[list[str], list[list[str]]]:
    """One task: every metric with its spread, the main score's interval and differences; columns and rows."""
    first = bare(result, task)
    names = list(first.metrics)
    several = len(names) > 1
    titles = ["prompt of", *(f"{name} " for name in names), *(["mean "] if several else [])]
    titles += ["95 %", f"over {BARE}", "over its own prompt", "words", "verdict"]
    answers = "; ".join(
        f'{name}: "{score.answer}"' for name, score in first.metrics.items() if score.answer
    )
    constants = [first.metrics[name] for name in names] + ([first.value] if several else [])
    rows = [[CONSTANT, *map(constant, constants), "–", "–", "–", answers or "–", "–"]]
    for cell in (result.cell(source, task) for source in (BARE, *result.sources)):
        if cell is None:
            continue
        scores = [cell.metrics[name] for name in names] + ([cell.value] if several else [])
        rows.append(
            [
                cell.source + (" (its own)" if cell.in_domain else ""),
                *map(spread, scores),
                f"{cell.value.low:.1f} to {cell.value.high:.1f}",
                signed(cell.over_bare),
                signed(cell.over_own),
                cell.wording,
                cell.verdict.kind,
            ]
        )
    return titles, rows


def title_of(result: TaskMatrix, task: str) -> str:
    """The title of a task's table."""
    return f"{task}: {bare(result, task).n} {result.split} rows"


def markdown(result: TaskMatrix) -> str:
    """All tables as GitHub Markdown."""
    parts = [_table(*overview(result))]
    for task in result.tasks:
        parts += [f"### {title_of(result, task)}", _table(*details(result, task))]
    notes = [gap.sentence for gap in result.gaps]
    verdict = result.verdict
    notes += [verdict.sentence] if verdict else []
    parts += ["\n".join(f"- {note}" for note in notes)] if notes else []
    return "\n\n".join([*parts, LEGEND]) + "\n"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns whose title ends in a space are aligned right."""
    rule = ["---:" if title.endswith(" ") else "---" for title in titles]
    lines = [[cell.strip().replace("|", "\\|") for cell in row] for row in (titles, rule, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
