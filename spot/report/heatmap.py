"""The clustered task-similarity heatmap as a file (SPoT, Vu et al. 2022, Figure 4).

WRITERS has a function for every format; the suffix of the path chooses. What draws and clusters is
imported when a file is written, so that the table alone costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bank.characters import visible
from spot.report.files import PICTURES, csv_bytes, figure_bytes, write_atomic, writer_for
from spot.report.layout import one_line

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spot.report.layout import Layout
    from spot.study.clusters import Clustering
    from spot.study.similarity import TaskSimilarity


@dataclass(frozen=True, eq=False)
class Heatmap:
    """The similarity of M tasks with its clustering, and the text around the picture.

    `families` maps tasks to families; tasks it lacks, or maps to "", have none.
    """

    similarity: TaskSimilarity
    tree: Clustering
    families: Mapping[str, str]
    title: str = ""
    subtitle: str = ""

    @property
    def ordered(self) -> NDArray[np.float64]:
        """The similarities [M, M] in the order of the clustering."""
        order = list(self.tree.order)
        matrix: NDArray[np.float64] = self.similarity.matrix[order][:, order]
        return matrix

    def draw(self) -> tuple[Figure, Layout]:
        """The figure, and where its parts lie."""
        from spot.report.heatmap_figure import draw_heatmap

        return draw_heatmap(self.similarity, self.tree, self.families, self.title, self.subtitle)


def heatmap(
    similarity: TaskSimilarity,
    families: Mapping[str, str],
    path: str | Path,
    *,
    title: str = "",
    subtitle: str = "",
) -> Path:
    """Write the similarity of M tasks, ordered by clustering, to `path`; returns the path.

    Raises SpotError as `clustered` and `write_heatmap`.
    """
    writer_for(path, WRITERS)  # a wrong suffix is refused before the work
    return write_heatmap(clustered(similarity, families, title=title, subtitle=subtitle), path)


def clustered(
    similarity: TaskSimilarity, families: Mapping[str, str], *, title: str = "", subtitle: str = ""
) -> Heatmap:
    """The similarity of M tasks with its clustering. Raises SpotError for NaN."""
    from spot.study.clusters import cluster

    similarity = replace(similarity, tasks=tuple(map(one_line, similarity.tasks)))
    families = {one_line(task): one_line(family) for task, family in families.items()}
    return Heatmap(similarity, cluster(similarity), families, visible(title), visible(subtitle))


def write_heatmap(drawing: Heatmap, path: str | Path) -> Path:
    """Write a heatmap to `path`; returns the path.

    Pictures, a self-contained `.html` page, `.csv` with the ordered matrix under a header of task
    names, or `.json` with the tree and the clusters (as many as there are families), see WRITERS.
    Raises SpotError for another suffix, BankError for a folder that cannot be written.
    """
    write = writer_for(path, WRITERS)
    return write_atomic(path, write(drawing))


def _picture(suffix: str, drawing: Heatmap) -> bytes:
    figure, place = drawing.draw()
    # a picture of more than 12,000 pixels a side helps nobody and may not open
    dpi = min(160.0, 12000 / max(place.width, place.height))
    return figure_bytes(figure, suffix, dpi=dpi)


def _html(drawing: Heatmap) -> bytes:
    from spot.report.heatmap_html import heatmap_page

    figure, place = drawing.draw()
    svg = figure_bytes(figure, ".svg").decode("utf-8")
    page = heatmap_page(
        svg,
        drawing.similarity,
        drawing.tree.order,
        drawing.families,
        place,
        drawing.title,
        drawing.subtitle,
    )
    return page.encode("utf-8")


def _csv(drawing: Heatmap) -> bytes:
    tasks = drawing.tree.ordered_tasks
    rows: list[list[object]] = [["task", *tasks]]
    rows += [[task, *values] for task, values in zip(tasks, drawing.ordered.tolist(), strict=True)]
    return csv_bytes(rows)


def _json(drawing: Heatmap) -> bytes:
    from spot.study.clusters import adjusted_rand, family_count, flat_clusters

    similarity, tree, families = drawing.similarity, drawing.tree, drawing.families
    labels = flat_clusters(tree, family_count(similarity.tasks, families))
    entries = similarity.entries or (None,) * len(similarity.tasks)
    content = {
        "title": drawing.title,
        "subtitle": drawing.subtitle,
        "similarity": similarity.similarity,
        "tasks": tree.ordered_tasks,
        "matrix": drawing.ordered.tolist(),
        "families": [families.get(task, "") for task in tree.ordered_tasks],
        "clusters": [labels[index] for index in tree.order],
        "entries": [entries[index] for index in tree.order],
        "adjusted_rand": adjusted_rand(similarity.tasks, labels, families),
        # leaf i of the linkage is linkage_tasks[i]: the order before clustering
        "linkage_tasks": similarity.tasks,
        "linkage": tree.linkage.tolist(),
    }
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


# The suffix of a file -> the function that makes its bytes.
WRITERS: dict[str, Callable[[Heatmap], bytes]] = {
    **{suffix: partial(_picture, suffix) for suffix in PICTURES},
    ".html": _html,
    ".csv": _csv,
    ".json": _json,
}
