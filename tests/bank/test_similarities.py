"""Similarities: the slow formulas by hand, and the quick forms against them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank.errors import BankError
from bank.similarities import SIMILARITIES, default_for_clusters, find_similarity
from bank.similarities.max_inner_product import max_inner_products
from tests.bank import slow

A = np.array([[1.0, 0.0], [0.0, 2.0]])
B = np.array([[3.0, 0.0], [3.0, 0.0]])
VECTORS = [name for name, similarity in SIMILARITIES.items() if similarity.compare is None]
OF_CHANGES = [name for name, similarity in SIMILARITIES.items() if similarity.needs_inits]


def vectors(name, keys, inits=None):
    """Vectors [N, D], the keys being the whole bank."""
    similarity = SIMILARITIES[name]
    rows = similarity.rows(keys, inits)
    return similarity.vectors(rows, similarity.mean(rows))


@pytest.fixture
def prompts():
    return np.random.default_rng(3).normal(size=(5, 4, 6)).astype(np.float32)


def test_the_formulas_by_hand():
    assert slow.cosine(np.array([1, 0]), np.array([1, 1])) == pytest.approx(0.5**0.5)
    assert slow.cosine(np.array([1, 0]), np.zeros(2)) == 0.0
    assert slow.average(A, B) == pytest.approx(0.5 / 1.25**0.5)  # (0.5, 1) and (3, 0)
    assert slow.per_token(A, B) == pytest.approx(0.5)  # cosines 1, 1, 0, 0
    assert slow.centered(A, B, np.array([0.5, 0.0])) == pytest.approx(0.0)  # (0, 1), (2.5, 0)
    assert slow.delta(A, B, A - 1, B - np.array([1, 0])) == pytest.approx(0.5**0.5)
    moved = slow.centered_delta(A, B, A - 1, B - np.array([1, 0]), np.array([0, 1.0]))
    assert moved == pytest.approx(0.5**0.5)  # (1, 0) and (1, -1)
    moves = np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [5.0, 0.0]])
    around = np.array([[1.0, 0.0], [0.0, 0.0]])
    cosine = slow.task_vector(A + moves[0], B + moves[1], A, B, around)
    assert cosine == pytest.approx(0.0)  # (2, 0, 0, 1) and (0, 0, 5, 0)
    assert slow.max_inner_product(A, B) == pytest.approx(1.5)  # 3 and 0
    assert slow.max_inner_product(B, A) == pytest.approx(3.0)


def test_vectors_by_hand():
    prompt = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    assert vectors("average", prompt) == pytest.approx(np.array([[0.6, 0.8]]))
    assert vectors("per-token", prompt) == pytest.approx(np.array([[0.5, 0.5]]))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_matrix_holds_the_slow_formulas(prompts, name):
    inits = np.random.default_rng(1).normal(size=prompts.shape).astype(np.float32)
    bank = [SimpleNamespace(key=key, init=init) for key, init in zip(prompts, inits, strict=True)]
    expected = np.array([slow.scores(name, query, bank) for query in bank])
    assert SIMILARITIES[name].matrix(prompts, inits) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in VECTORS if SIMILARITIES[name].centred])
def test_the_mean_of_a_matrix_is_the_banks_alone(prompts, name):
    inits = prompts[::-1] * 2
    similarity = SIMILARITIES[name]
    rows = similarity.rows(prompts, inits)
    expected = similarity.vectors(rows, rows[:3].mean(axis=0)).astype(np.float64)
    matrix = similarity.matrix(prompts, inits, bank_size=3)
    assert np.array_equal(matrix, expected @ expected.T)
    assert not np.allclose(matrix, similarity.matrix(prompts, inits), atol=1e-3)


def test_the_table_describes_every_name():
    assert list(SIMILARITIES) == [similarity.name for similarity in SIMILARITIES.values()]
    assert all(similarity.description for similarity in SIMILARITIES.values())


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_float32_and_at_most_of_length_one(prompts, name):
    rows = vectors(name, prompts, 2 * prompts[::-1])
    width = 24 if name == "task-vector" else 6
    assert rows.dtype == np.float32 and rows.shape == (5, width)
    lengths = np.linalg.norm(rows, axis=1)
    assert (lengths <= 1 + 1e-6).all()
    if SIMILARITIES[name].unit:
        assert lengths == pytest.approx(np.ones(5), abs=1e-6)


@settings(deadline=None)
@given(st.floats(min_value=1e-18, max_value=1e18))
def test_scale_does_not_change_average_and_per_token(scale):
    prompts = np.random.default_rng(5).normal(size=(3, 4, 6))
    for name in ("average", "per-token"):
        assert vectors(name, scale * prompts) == pytest.approx(vectors(name, prompts), abs=1e-6)


def test_scale_of_single_tokens_does_not_change_per_token_but_average(prompts):
    scaled = prompts * np.array([1, 10, 100, 1000])[None, :, None]
    assert vectors("per-token", scaled) == pytest.approx(vectors("per-token", prompts), abs=1e-6)
    assert not np.allclose(vectors("average", scaled), vectors("average", prompts), atol=0.1)


def test_the_order_of_tokens_does_not_matter(prompts):
    for name in ("average", "per-token"):
        turned = vectors(name, prompts[:, ::-1])
        assert turned == pytest.approx(vectors(name, prompts), abs=1e-6)


def test_centered_ignores_what_all_prompts_share(prompts):
    shifted = vectors("centered", prompts + np.arange(6))
    assert shifted == pytest.approx(vectors("centered", prompts), abs=1e-4)


def test_prompts_without_direction_become_zeros(prompts):
    assert not vectors("average", np.stack([prompts[0], -prompts[0]]).mean(0, keepdims=True)).any()
    assert not vectors("centered", np.stack([prompts[0]] * 3)).any()
    for name in OF_CHANGES:
        assert not vectors(name, prompts, prompts).any()
    for name in ("centered-delta", "task-vector"):
        assert not vectors(name, prompts, prompts + 1).any()
    assert not vectors("per-token", np.zeros((1, 4, 6))).any()


@pytest.mark.parametrize("name", OF_CHANGES)
def test_similarities_of_changes_need_the_init_prompts(prompts, name):
    with pytest.raises(BankError, match=f'"{name}" needs every prompt'):
        SIMILARITIES[name].matrix(prompts)


def test_a_permutation_of_the_prompts_permutes_the_matrix(prompts):
    order = np.array([3, 1, 4, 0, 2])
    for name in ("average", "per-token", "centered", "max-inner-product"):
        plain = SIMILARITIES[name].matrix(prompts)
        turned = SIMILARITIES[name].matrix(prompts[order])
        assert turned == pytest.approx(plain[np.ix_(order, order)], abs=1e-6)


def test_products_beyond_float32_are_still_right():
    huge = np.full((2, 2), 1e30, dtype=np.float32)
    assert max_inner_products(huge, huge[None]) == pytest.approx([2e60], rel=1e-6)


def test_mistakes_are_named():
    with pytest.raises(BankError, match='found "per-tokn". Did you mean "per-token"'):
        find_similarity("per-tokn")
    with pytest.raises(BankError, match=r"prompts \[N, P, H\], found shape \(2, 2\)"):
        SIMILARITIES["average"].matrix(A)


def test_the_default_for_clusters_depends_on_count_and_inits(prompts):
    common = np.stack([prompts[0]] * 3)
    assert default_for_clusters(common[:2], 2) == "average"
    assert default_for_clusters(common, 3) == "task-vector"
    assert default_for_clusters(prompts[:3], 3) == default_for_clusters(None, 3) == "centered"
