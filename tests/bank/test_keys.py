"""Key vectors: their inner products are the similarities, whatever the prompts' scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank import keys, similarity
from bank.errors import BankError


@pytest.fixture
def prompts():
    return np.random.default_rng(3).normal(size=(5, 4, 6)).astype(np.float32)


def test_by_hand():
    prompt = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    assert keys.average(prompt) == pytest.approx(np.array([[0.6, 0.8]]))
    assert keys.per_token(prompt) == pytest.approx(np.array([[0.5, 0.5]]))


@pytest.mark.parametrize("name", keys.VECTOR_SIMILARITIES)
def test_vectors_are_float32_and_at_most_of_length_one(prompts, name):
    rows = keys.vectors(name, prompts, 2 * prompts[::-1])
    width = 24 if name == "task-vector" else 6
    assert rows.dtype == np.float32 and rows.shape == (5, width)
    lengths = np.linalg.norm(rows, axis=1)
    assert (lengths <= 1 + 1e-6).all()
    if name != "per-token":
        assert lengths == pytest.approx(np.ones(5), abs=1e-6)


@settings(deadline=None)
@given(st.floats(min_value=1e-18, max_value=1e18))
def test_scale_does_not_change_average_and_per_token(scale):
    prompts = np.random.default_rng(5).normal(size=(3, 4, 6))
    for function in (keys.average, keys.per_token):
        assert function(scale * prompts) == pytest.approx(function(prompts), abs=1e-6)


def test_scale_of_single_tokens_does_not_change_per_token_but_average(prompts):
    scaled = prompts * np.array([1, 10, 100, 1000])[None, :, None]
    assert keys.per_token(scaled) == pytest.approx(keys.per_token(prompts), abs=1e-6)
    assert not np.allclose(keys.average(scaled), keys.average(prompts), atol=0.1)


def test_the_order_of_tokens_does_not_matter(prompts):
    for function in (keys.average, keys.per_token):
        assert function(prompts[:, ::-1]) == pytest.approx(function(prompts), abs=1e-6)


def test_centered_does_not_see_what_all_prompts_share(prompts):
    shifted = prompts + np.arange(6)
    mean, moved = keys.bank_mean(prompts), keys.bank_mean(shifted)
    assert moved == pytest.approx(mean + np.arange(6), abs=1e-5)
    expected = keys.centered(prompts, mean)
    assert keys.centered(shifted, moved) == pytest.approx(expected, abs=1e-4)


def test_prompts_without_direction_become_zeros(prompts):
    assert not keys.average(
        np.stack([prompts[0], -prompts[0]], axis=0).mean(0, keepdims=True)
    ).any()
    same = np.stack([prompts[0]] * 3)
    assert not keys.centered(same, keys.bank_mean(same)).any()
    for name in keys.OF_CHANGES:
        assert not keys.vectors(name, prompts, prompts).any()
    for name in ("centered-delta", "task-vector"):
        assert not keys.vectors(name, prompts, prompts + 1).any()
    assert not keys.per_token(np.zeros((1, 4, 6))).any()


@pytest.mark.parametrize("name", keys.OF_CHANGES)
def test_changes_need_the_init_prompts(prompts, name):
    with pytest.raises(BankError, match=f'"{name}" needs every prompt'):
        keys.vectors(name, prompts, None)


def test_a_name_without_vectors_is_refused(prompts):
    with pytest.raises(BankError, match="found 'max-inner-product'"):
        keys.vectors("max-inner-product", prompts)


def test_inner_products_are_the_slow_similarities(prompts):
    inits = prompts[::-1].copy()
    mean = keys.bank_mean(prompts)
    slow = {
        "average": similarity.average,
        "per-token": similarity.per_token,
        "centered": lambda a, b: similarity.centered(a, b, mean),
    }
    for name, function in slow.items():
        rows = keys.vectors(name, prompts)
        expected = [[function(a, b) for b in prompts] for a in prompts]
        assert rows @ rows.T == pytest.approx(np.array(expected), abs=1e-5)
    shifted = keys.vectors("centered-delta", prompts, inits)
    moved = (prompts.astype(np.float64) - inits).mean(axis=(0, 1))
    pairs = list(zip(prompts, inits, strict=True))
    expected = [[similarity.centered_delta(a, b, i, j, moved) for b, j in pairs] for a, i in pairs]
    assert shifted @ shifted.T == pytest.approx(np.array(expected), abs=1e-5)
    rows = keys.vectors("delta", prompts, inits)
    pairs = list(zip(prompts, inits, strict=True))
    expected = [[similarity.delta(a, b, i, j) for b, j in pairs] for a, i in pairs]
    assert rows @ rows.T == pytest.approx(np.array(expected), abs=1e-5)
