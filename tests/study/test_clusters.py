"""Clustering against by-hand trees, SciPy and scikit-learn called directly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from sklearn.metrics import adjusted_rand_score

from spot.errors import SpotError
from spot.study.clusters import adjusted_rand, cluster, distances, family_count, flat_clusters
from spot.study.similarity import TaskSimilarity


def similarity_of(matrix, names="abcdefghij"):
    return TaskSimilarity(tuple(names[: len(matrix)]), np.asarray(matrix, dtype=np.float64))


PAIRS = similarity_of(
    [[1.0, 0.1, 0.9, 0.2], [0.1, 1.0, 0.0, 0.8], [0.9, 0.0, 1.0, 0.3], [0.2, 0.8, 0.3, 1.0]]
)


def random_similarity(size, seed):
    rows = np.random.default_rng(seed).normal(size=(size, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return similarity_of(rows @ rows.T)


def test_two_pairs_by_hand():
    tree = cluster(PAIRS)
    # a-c at 0.1, b-d at 0.2, then the mean of the four distances between the pairs
    np.testing.assert_allclose(tree.linkage[:, 2], [0.1, 0.2, 1.0])
    assert flat_clusters(tree, 2) in [(1, 2, 1, 2), (2, 1, 2, 1)]
    assert {frozenset(tree.ordered_tasks[:2]), frozenset(tree.ordered_tasks[2:])} == {
        frozenset("ac"),
        frozenset("bd"),
    }
    assert {tree.ordered_tasks[1], tree.ordered_tasks[2]} == {"c", "d"}  # 0.3: the nearest ends


def test_distances_are_symmetric_and_not_negative():
    got = distances(similarity_of([[0.9, 0.2], [0.6, 0.9]]))
    np.testing.assert_allclose(got, [[0, 0.6], [0.6, 0]])


def test_inner_products_above_one_keep_their_differences():
    got = distances(similarity_of([[900, 300, 100], [300, 900, 200], [100, 200, 900]]))
    np.testing.assert_allclose(got, [[0, 0, 200], [0, 0, 100], [200, 100, 0]])


def test_one_and_two_tasks():
    single = cluster(similarity_of([[1.0]]))
    assert single.order == (0,)
    assert single.linkage.shape == (0, 4)
    assert flat_clusters(single, 1) == (1,)
    two = cluster(similarity_of([[1.0, 0.25], [0.25, 1.0]]))
    assert sorted(two.order) == [0, 1]
    np.testing.assert_allclose(two.linkage, [[0, 1, 0.75, 2]])
    assert flat_clusters(two, 1) == (1, 1)
    assert sorted(flat_clusters(two, 2)) == [1, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 9), st.integers(0, 10**6))
def test_valid_tree_same_cut_as_fcluster_and_free_of_task_order(size, seed):
    similarity = random_similarity(size, seed)
    tree = cluster(similarity)
    assert is_valid_linkage(tree.linkage)
    assert sorted(tree.order) == list(range(size))
    turn = np.random.default_rng(seed + 1).permutation(size)
    turned = TaskSimilarity(
        tuple(similarity.tasks[i] for i in turn), similarity.matrix[np.ix_(turn, turn)]
    )
    other = cluster(turned)
    np.testing.assert_allclose(other.linkage[:, 2], tree.linkage[:, 2], atol=1e-12)
    for count in range(1, size + 1):
        labels = flat_clusters(tree, count)
        assert len(set(labels)) == count
        assert labels[tree.order[0]] == 1
        same = fcluster(tree.linkage, count, criterion="maxclust")
        assert adjusted_rand_score(labels, same) == 1
        moved = flat_clusters(other, count)
        assert adjusted_rand_score([labels[i] for i in turn], moved) == 1


def test_equal_similarities_still_give_the_count_asked_for():
    tree = cluster(similarity_of(np.full((5, 5), 0.5)))
    assert [len(set(flat_clusters(tree, count))) for count in range(1, 6)] == [1, 2, 3, 4, 5]


def test_adjusted_rand_leaves_unknown_families_out():
    tasks, labels = ("a", "b", "c", "d", "e"), (1, 1, 2, 1, 2)
    families = {"a": "x", "b": "x", "c": "y", "d": "y", "e": ""}
    expected = adjusted_rand_score(["x", "x", "y", "y"], [1, 1, 2, 1])
    assert adjusted_rand(tasks, labels, families) == pytest.approx(expected)
    assert adjusted_rand(tasks, labels, {"a": "x"}) is None
    assert adjusted_rand(tasks, (1, 1, 2, 2, 3), families) == 1.0


def test_family_count():
    assert family_count("abc", {"a": "x", "b": "x", "c": "y"}) == 2
    assert family_count("abc", {}) == 1


def test_errors():
    broken = similarity_of([[1.0, 0.5], [0.5, 1.0]])
    broken.matrix[0, 1] = np.nan
    with pytest.raises(SpotError, match='"a" and "b" is nan'):
        cluster(broken)
    tree = cluster(PAIRS)
    for count in (0, 5):
        with pytest.raises(SpotError, match=f"between 1 and 4 clusters for 4 tasks, found {count}"):
            flat_clusters(tree, count)
    with pytest.raises(SpotError, match="one cluster label per task, found 1 for 2"):
        adjusted_rand(("a", "b"), (1,), {})
