"""The clustered task-similarity heatmap as a file (SPoT, Vu et al. 2022, Figure 4).

One function for every format: the suffix of the path decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spot.report.files import checked_suffix, csv_bytes, figure_bytes, write_atomic
from spot.study.clusters import Clustering, adjusted_rand, cluster, family_count, flat_clusters
from spot.study.similarity import TaskSimilarity

SUFFIXES = (".png", ".svg", ".pdf", ".html", ".csv", ".json")


def heatmap(
    similarity: TaskSimilarity,
    families: Mapping[str, str],
    path: str | Path,
    *,
    title: str = "",
    subtitle: str = "",
) -> Path:
    """Write the similarity of M tasks, ordered by clustering, to `path`; returns the path.

    `.png .svg .pdf` are pictures, `.html` a self-contained page, `.csv` the ordered matrix under a
    header of task names, `.json` everything with the tree and the clusters (as many as there are
    families). `families` maps tasks to families; tasks it lacks, or maps to "", have none.
    Raises SpotError for another suffix, NaN, or a folder that cannot be written.
    """
    suffix = checked_suffix(path, SUFFIXES)
    tree = cluster(similarity)
    if suffix == ".csv":
        return write_atomic(path, _csv(similarity, tree))
    if suffix == ".json":
        return write_atomic(path, _json(similarity, tree, families, title, subtitle))
    from spot.report.heatmap_figure import draw_heatmap
    from spot.report.heatmap_html import heatmap_page

    figure, place = draw_heatmap(similarity, tree, families, title, subtitle)
    if suffix != ".html":
        # a picture of more than 12,000 pixels a side helps nobody and may not open
        dpi = min(160.0, 12000 / max(place.width, place.height))
        return write_atomic(path, figure_bytes(figure, suffix, dpi=dpi))
    svg = figure_bytes(figure, ".svg").decode("utf-8")
    page = heatmap_page(svg, similarity, tree.order, families, place, title, subtitle)
    return write_atomic(path, page.encode("utf-8"))


def _csv(similarity: TaskSimilarity, tree: Clustering) -> bytes:
    ordered = similarity.matrix[np.ix_(tree.order, tree.order)]
    rows: list[list[object]] = [["task", *tree.ordered_tasks]]
    for task, values in zip(tree.ordered_tasks, ordered.tolist(), strict=True):
        rows.append([task, *values])
    return csv_bytes(rows)


def _json(
    similarity: TaskSimilarity,
    tree: Clustering,
    families: Mapping[str, str],
    title: str,
    subtitle: str,
) -> bytes:
    count = family_count(similarity.tasks, families)
    labels = flat_clusters(tree, count)
    entries = similarity.entries or (None,) * len(similarity.tasks)
    content = {
        "title": title,
        "subtitle": subtitle,
        "similarity": similarity.similarity,
        "tasks": tree.ordered_tasks,
        "matrix": similarity.matrix[np.ix_(tree.order, tree.order)].tolist(),
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
