"""The heatmap as one HTML file: inline SVG with a tooltip on every cell, the nearest tasks of each, and
all numbers as a table.

No script, no font and nothing else is loaded from elsewhere. Screen readers get the tables; on a small
screen picture and table scroll by touch or arrow keys, and the nearest tasks fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from spot.report.heatmap_figure import cell_text
from spot.report.layout import Layout
from spot.study.similarity import TaskSimilarity

NEAREST = 3  # tasks that are named for each
SMALL_PIXELS = 72  # to the inch of the picture, on a small screen: its numbers are 8 pixels high

_STYLE = """
body { font-family: "DejaVu Sans", Verdana, sans-serif; margin: 1.5rem; color: #222;
  background: #fff }
h1 { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
h2 { font-size: 1rem } p { font-size: 0.85rem; color: #444 }
.scroll { overflow: auto } .scroll:focus-visible, summary:focus-visible { outline: 3px solid #0072b2 }
svg { max-width: 100%; height: auto; display: block }
rect.cell { fill: transparent } rect.cell:hover { stroke: #000; stroke-width: 1.5 }
table { border-collapse: separate; border-spacing: 0; font-size: 0.85rem }
th, td { padding: 0.2rem 0.5rem; border: solid #ddd; border-width: 0 1px 1px 0; text-align: right }
th { font-weight: 600; background: #f6f6f6 } caption { text-align: left; padding: 0.4rem 0 }
th[scope=row], .near th, .near td, .numbers th:nth-child(-n+2), .numbers td:nth-child(2)
  { text-align: left } .near span { white-space: nowrap }
.numbers { max-height: 85vh } .numbers thead th { position: sticky; top: 0; z-index: 1 }
.numbers th:first-child { position: sticky; left: 0; z-index: 1 }
.numbers thead th:first-child { z-index: 2 }
.narrow { display: none } summary { cursor: pointer; padding: 0.6rem 0 }
@media (max-width: 50rem) {
  body { margin: 0.75rem } .narrow { display: block }
  .picture svg { width: WIDTHpx; max-width: none }
}
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
    # On a small screen the picture is as wide as its cells' numbers need, and scrolls.
    style = _STYLE.replace("WIDTH", f"{place.width * SMALL_PIXELS:.0f}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}</title>
<style>{style}</style>
</head>
<body>
<h1>{escape(name)}</h1>
<p class="narrow">The picture is wider than the screen: it scrolls sideways.</p>
<figure class="scroll picture" style="margin:0" tabindex="0" aria-label="The heatmap">
{picture}
</figure>
<h2>The nearest tasks of each</h2>
{_nearest(tasks, matrix)}
<details{opened}><summary>All numbers as a table</summary>
<div class="scroll numbers" tabindex="0" role="region" aria-label="All numbers">
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


def _nearest(tasks: list[str], matrix: NDArray[np.float64]) -> str:
    """The tasks of the greatest similarity to each, nearest first, of equals in the picture's order."""
    rows = []
    for place, task in enumerate(tasks):
        others = [other for other in range(len(tasks)) if other != place]
        others.sort(key=lambda other: -matrix[place, other])
        names = [
            f"<span>{escape(tasks[other])} {cell_text(matrix[place, other])}</span>"
            for other in others[:NEAREST]
        ]
        row = f'<tr><th scope="row">{escape(task)}</th><td>{", ".join(names) or "–"}</td></tr>'
        rows.append(row)
    body = "\n".join(rows)
    head = '<thead><tr><th scope="col">task</th><th scope="col">nearest</th></tr></thead>'
    return f'<table class="near">{head}\n<tbody>\n{body}\n</tbody></table>'


def _table(
    tasks: list[str],
    matrix: NDArray[np.float64],
    families: Mapping[str, str],
    similarity: str,
    subtitle: str,
) -> str:
    caption = escape(subtitle or f"{similarity} similarity")
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
