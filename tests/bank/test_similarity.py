"""The reference formulas by hand, and the quick matrix against them."""

from __future__ import annotations

import numpy as np
import pytest

from bank import similarity
from bank.errors import BankError

A = np.array([[1.0, 0.0], [0.0, 2.0]])
B = np.array([[3.0, 0.0], [3.0, 0.0]])


def test_by_hand():
    assert similarity.cosine(np.array([1, 0]), np.array([1, 1])) == pytest.approx(0.5**0.5)
    assert similarity.cosine(np.array([1, 0]), np.zeros(2)) == 0.0
    assert similarity.average(A, B) == pytest.approx(0.5 / 1.25**0.5)  # (0.5, 1) and (3, 0)
    assert similarity.per_token(A, B) == pytest.approx(0.5)  # cosines 1, 1, 0, 0
    assert similarity.centered(A, B, np.array([0.5, 0.0])) == pytest.approx(0.0)  # (0, 1), (2.5, 0)
    assert similarity.delta(A, B, A - 1, B - np.array([1, 0])) == pytest.approx(0.5**0.5)
    moved = similarity.centered_delta(A, B, A - 1, B - np.array([1, 0]), np.array([0, 1.0]))
    assert moved == pytest.approx(0.5**0.5)  # (1, 0) and (1, -1)
    moves = np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [5.0, 0.0]])
    around = np.array([[1.0, 0.0], [0.0, 0.0]])
    found = similarity.task_vector(A + moves[0], B + moves[1], A, B, around)
    assert found == pytest.approx(0.0)  # (2, 0, 0, 1) and (0, 0, 5, 0)
    assert similarity.max_inner_product(A, B) == pytest.approx(1.5)  # 3 and 0
    assert similarity.max_inner_product(B, A) == pytest.approx(3.0)


@pytest.mark.parametrize("name", similarity.SIMILARITIES)
def test_matrix_equals_the_formulas(name):
    rng = np.random.default_rng(1)
    keys, inits = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
    mean = keys.astype(np.float64).mean(axis=(0, 1))
    moved = (keys.astype(np.float64) - inits).mean(axis=(0, 1))
    formula = {
        "average": lambda i, j: similarity.average(keys[i], keys[j]),
        "per-token": lambda i, j: similarity.per_token(keys[i], keys[j]),
        "centered": lambda i, j: similarity.centered(keys[i], keys[j], mean),
        "delta": lambda i, j: similarity.delta(keys[i], keys[j], inits[i], inits[j]),
        "centered-delta": lambda i, j: similarity.centered_delta(
            keys[i], keys[j], inits[i], inits[j], moved
        ),
        "task-vector": lambda i, j: similarity.task_vector(
            keys[i], keys[j], inits[i], inits[j], (keys.astype(np.float64) - inits).mean(axis=0)
        ),
        "max-inner-product": lambda i, j: similarity.max_inner_product(keys[i], keys[j]),
    }[name]
    expected = np.array([[formula(i, j) for j in range(4)] for i in range(4)])
    assert similarity.matrix(keys, name, inits) == pytest.approx(expected, abs=1e-5)


def test_a_permutation_of_the_prompts_permutes_the_matrix():
    keys = np.random.default_rng(2).normal(size=(5, 3, 4)).astype(np.float32)
    order = np.array([3, 1, 4, 0, 2])
    for name in ("average", "per-token", "centered", "max-inner-product"):
        plain, turned = similarity.matrix(keys, name), similarity.matrix(keys[order], name)
        assert turned == pytest.approx(plain[np.ix_(order, order)], abs=1e-6)


def test_products_beyond_float32_are_still_right():
    huge = np.full((2, 2), 1e30, dtype=np.float32)
    assert similarity.max_inner_products(huge, huge[None]) == pytest.approx([2e60], rel=1e-6)


def test_errors():
    with pytest.raises(BankError, match='found "per-tokn". Did you mean "per-token"'):
        similarity.matrix(A[None], "per-tokn")
    with pytest.raises(BankError, match=r"prompts \[N, P, H\], found shape \(2, 2\)"):
        similarity.matrix(A, "average")
    with pytest.raises(BankError, match='"delta" needs'):
        similarity.matrix(A[None], "delta")
