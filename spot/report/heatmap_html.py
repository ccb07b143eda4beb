"""The heatmap as one HTML file: inline SVG with a tooltip on every cell, and the same as a table.

No script, no font and nothing else is loaded from elsewhere; screen readers get the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from spot.report.heatmap_figure import cell_text
from spot.report.layout import Layout
from spot.study.similarity import TaskSimilarity

_STYLE = """
body { font-family: "DejaVu Sans", Verdana, sans-serif; margin: 1.5rem; color: #222;
  background: #fff }
svg { max-width: 100%; height: auto } rect.cell { fill: transparent }
rect.cell:hover { stroke: #000; stroke-width: 1.5 }
.table { overflow-x: auto } table { border-collapse: collapse; font-size: 0.8rem }
th, td { padding: 0.15rem 0.4rem; border: 1px solid #ddd; text-align: right }
th { font-weight: 600; background: #f6f6f6 } caption { text-align: left; padding: 0.4rem 0 }
"""


def heatmap_page(
    svg: str,
    similarity: TaskSimilarity,
    order: tuple[int, ...],
    families: Mapping[str, str],
    place: Layout,
    title: str,
    subtitle: str,
) -> str:
    """The page's text; `svg` is Matplotlib's drawing of the same matrix in `order`."""
    tasks = [similarity.tasks[index] for index in order]
    matrix = similarity.matrix[np.ix_(order, order)]
    name = title or "Task similarity"
    picture = _inline(svg, _tooltips(tasks, matrix, place), name, _description(similarity, tasks))
    opened = " open" if len(tasks) <= 12 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1 hidden>{escape(name)}</h1>
<figure style="margin:0">
{picture}
</figure>
<details{opened}><summary>The numbers as a table</summary>
<div class="table">
{_table(tasks, matrix, families, similarity.similarity, subtitle)}
</div>
</details>
</body>
</html>
"""


def _description(similarity: TaskSimilarity, tasks: list[str]) -> str:
    return (
        f"Heatmap of the {similarity.similarity} similarity of {len(tasks)} tasks, ordered by "
        f"hierarchical clustering: {', '.join(tasks)}."
    )


def _inline(svg: str, overlay: str, title: str, description: str) -> str:
    start = svg.index("<svg")  # before it: an XML declaration, which HTML does not allow
    head_end = svg.index(">", start) + 1
    head = svg[start : head_end - 1] + ' role="img" aria-labelledby="heat-title heat-desc">'
    names = (
        f'<title id="heat-title">{escape(title)}</title>'
        f'<desc id="heat-desc">{escape(description)}</desc>'
    )
    end = svg.rindex("</svg>")
    return head + names + svg[head_end:end] + overlay + "</svg>"


def _tooltips(tasks: list[str], matrix: NDArray[np.float64], place: Layout) -> str:
    points = 72.0  # Matplotlib's SVG unit: 72 to the inch
    parts = []
    for (row, column), value in np.ndenumerate(matrix):
        x = (place.left + column * place.cell) * points
        y = (place.top + row * place.cell) * points
        side = place.cell * points
        hint = f"{tasks[row]} / {tasks[column]}: {value:.4g}"
        parts.append(
            f'<rect class="cell" x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{side:.2f}" '
            f'fill="transparent"><title>{escape(hint)}</title></rect>'
        )
    return "\n".join(parts)


def _table(
    tasks: list[str],
    matrix: NDArray[np.float64],
    families: Mapping[str, str],
    similarity: str,
    subtitle: str,
) -> str:
    caption = escape(f"{similarity} similarity. {subtitle}".strip())
    head = "".join(f'<th scope="col">{escape(task)}</th>' for task in tasks)
    rows = [
        f'<tr><th scope="row">{escape(task)}</th><td>{escape(families.get(task, ""))}</td>'
        + "".join(f"<td>{cell_text(value)}</td>" for value in values)
        + "</tr>"
        for task, values in zip(tasks, matrix, strict=True)
    ]
    return (
        f'<table><caption>{caption}</caption>\n<thead><tr><th scope="col">task</th>'
        f'<th scope="col">family</th>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table>"
    )
