"""Averaging over seeds, against the double loop it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.study.similarity import TaskSimilarity, average_by_task, task_similarity


def slow_average(tasks, matrix):
    names = sorted(set(tasks))
    out = np.zeros((len(names), len(names)))
    for row, a in enumerate(names):
        for column, b in enumerate(names):
            pairs = [
                matrix[i, j]
                for i, s in enumerate(tasks)
                for j, t in enumerate(tasks)
                if s == a and t == b and (i != j or tasks.count(a) == 1)
            ]
            out[row, column] = sum(pairs) / len(pairs)
    return names, out


def test_two_seeds_and_one_by_hand():
    matrix = [[1.0, 0.8, 0.2], [0.8, 1.0, 0.4], [0.2, 0.4, 1.0]]
    got = average_by_task(["b", "b", "a"], matrix, "average")
    assert got.tasks == ("a", "b")
    assert got.entries == (1, 2)
    assert got.similarity == "average"
    np.testing.assert_allclose(got.matrix, [[1.0, 0.3], [0.3, 0.8]], atol=1e-15)


def test_one_entry_keeps_its_self_similarity():
    assert average_by_task(["a"], [[0.7]]).matrix[0, 0] == 0.7


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), st.integers(0, 10**6))
def test_equals_the_slow_version_and_ignores_entry_order(tasks, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(len(tasks), len(tasks)))  # not symmetric: directions are kept
    names, expected = slow_average(tasks, matrix)
    got = average_by_task(tasks, matrix)
    assert list(got.tasks) == names
    np.testing.assert_allclose(got.matrix, expected, atol=1e-12)
    turn = rng.permutation(len(tasks))
    again = average_by_task([tasks[i] for i in turn], matrix[np.ix_(turn, turn)])
    assert again.tasks == got.tasks
    np.testing.assert_allclose(again.matrix, got.matrix, atol=1e-12)


def test_from_keys_equals_cosines_of_mean_tokens():
    rng = np.random.default_rng(3)
    keys = rng.normal(size=(5, 4, 6)).astype(np.float32)
    tasks = ["x", "y", "x", "z", "y"]
    means = [key.mean(axis=0) for key in keys]
    cosines = np.array(
        [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in means] for a in means], dtype=np.float64
    )
    got = task_similarity(tasks, keys, "average")
    np.testing.assert_allclose(got.matrix, slow_average(tasks, cosines)[1], atol=1e-5)
    assert got.matrix.dtype == np.float64


def test_delta_uses_the_inits():
    rng = np.random.default_rng(4)
    inits = rng.normal(size=(2, 3, 5)).astype(np.float32)
    step = rng.normal(size=(3, 5)).astype(np.float32)
    got = task_similarity(["a", "b"], inits + step, "delta", inits=inits)
    np.testing.assert_allclose(got.matrix, np.ones((2, 2)), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: average_by_task(["a"], np.eye(2)), "expected a 1x1 matrix for 1 entries"),
        (lambda: average_by_task([], np.zeros((0, 0))), "at least one task"),
        (lambda: average_by_task(["a", "b"], [[1, np.nan], [0, 1]]), '"a" and "b" is nan'),
        (lambda: task_similarity(["a"], np.zeros((1, 3)), "average"), r"shape \[1,P,H\]"),
        (lambda: task_similarity(["a"], np.zeros((2, 3, 4)), "average"), r"found \[2, 3, 4\]"),
        (lambda: task_similarity([], np.zeros((0, 3, 4)), "average"), "at least one task"),
        (lambda: TaskSimilarity(("a", "a"), np.eye(2)), "distinct tasks"),
        (lambda: TaskSimilarity(("a",), np.eye(2)), "expected a 1x1 matrix"),
    ],
)
def test_errors(call, text):
    with pytest.raises(SpotError, match=text):
        call()
