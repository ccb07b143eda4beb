"""Hierarchical clustering of tasks by their similarity.

SciPy clusters and orders, scikit-learn compares the clusters with the known families.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, leaves_list, linkage
from scipy.spatial.distance import squareform

from spot.errors import SpotError
from spot.study.similarity import TaskSimilarity, require_finite


@dataclass(frozen=True, eq=False)
class Clustering:
    """A tree over M tasks: `linkage` [M-1,4] as SciPy writes it, `order` the leaves from left."""

    tasks: tuple[str, ...]
    order: tuple[int, ...]
    linkage: NDArray[np.float64]

    @property
    def ordered_tasks(self) -> tuple[str, ...]:
        """The tasks in leaf order."""
        return tuple(self.tasks[index] for index in self.order)


def distances(similarity: TaskSimilarity) -> NDArray[np.float64]:
    """Distances [M,M]: 1 - similarity, made symmetric, never below 0, with a zero diagonal.

    A measure that is not symmetric (token-wise maximum) is averaged over its two directions. One
    that exceeds 1 (an inner product) is subtracted from its largest off-diagonal value instead of
    1, because clipping would make all similar tasks equally close. Raises SpotError for NaN.
    """
    require_finite(similarity.matrix, similarity.tasks)
    symmetric = (similarity.matrix + similarity.matrix.T) / 2
    pairs = symmetric[~np.eye(len(symmetric), dtype=bool)]
    top = max(1.0, float(pairs.max())) if pairs.size else 1.0
    result = np.clip(top - symmetric, 0.0, None)
    np.fill_diagonal(result, 0.0)
    return result


def cluster(similarity: TaskSimilarity) -> Clustering:
    """Complete-linkage clustering, with leaves ordered so that neighbours are similar.

    Complete linkage bounds the distance of any two tasks in a cluster; average linkage would spend a
    cluster on every outlier and merge related tasks instead. One task gives an empty linkage. Raises
    SpotError for NaN.
    """
    matrix = distances(similarity)
    if len(matrix) == 1:
        return Clustering(similarity.tasks, (0,), np.zeros((0, 4)))
    tree = linkage(squareform(matrix, checks=False), method="complete", optimal_ordering=True)
    order = tuple(int(leaf) for leaf in leaves_list(tree))
    return Clustering(similarity.tasks, order, np.asarray(tree, dtype=np.float64))


def flat_clusters(clustering: Clustering, count: int) -> tuple[int, ...]:
    """Cut the tree into exactly `count` clusters: a number from 1 for each task, in task order.

    Clusters are numbered in leaf order. Raises SpotError unless 1 <= count <= M.
    """
    size = len(clustering.tasks)
    if not 1 <= count <= size:
        raise SpotError(
            f"expected between 1 and {size} clusters for {size} tasks, found {count}",
            "choose a smaller number of clusters",
        )
    if size == 1:
        return (1,)
    raw = cut_tree(clustering.linkage, n_clusters=count)[:, 0]
    numbers: dict[int, int] = {}
    for leaf in clustering.order:
        numbers.setdefault(int(raw[leaf]), len(numbers) + 1)
    return tuple(numbers[int(label)] for label in raw)


def family_count(tasks: Sequence[str], families: Mapping[str, str]) -> int:
    """Number of known families among the tasks, at least 1: the natural number of clusters."""
    return max(1, len({families[task] for task in tasks if families.get(task)}))


def adjusted_rand(
    tasks: Sequence[str], labels: Sequence[int], families: Mapping[str, str]
) -> float | None:
    """Adjusted Rand index of cluster `labels` against `families`: 1 equal, about 0 by chance.

    Tasks without a family are left out; None when fewer than two tasks have one.
    Raises SpotError when `labels` and `tasks` differ in length.
    """
    if len(tasks) != len(labels):
        raise SpotError(
            f"expected one cluster label per task, found {len(labels)} for {len(tasks)} tasks",
            "pass the labels of `flat_clusters` unchanged",
        )
    labelled = [index for index, task in enumerate(tasks) if families.get(task)]
    if len(labelled) < 2:
        return None
    from sklearn.metrics import adjusted_rand_score  # slow to import, needed only here

    truth = [families[tasks[index]] for index in labelled]
    return float(adjusted_rand_score(truth, [labels[index] for index in labelled]))
