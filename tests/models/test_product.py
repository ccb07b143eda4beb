"""The matrix product: both bfloat16 forms agree, the hand-written gradient is right, the choice is kept."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models import product as choice
from spot.models.layers import product

FORMS = ("widen", "upcast", "float32")


@pytest.fixture(scope="module")
def operands():
    """x [2, 5, 32], kernel [32, 7] and a cotangent [2, 5, 7]."""
    rng = np.random.default_rng(0)
    shapes = ((2, 5, 32), (32, 7), (2, 5, 7))
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def relative(found, expected):
    """The largest difference over the largest value."""
    return np.abs(np.asarray(found) - np.asarray(expected)).max() / np.abs(expected).max()


def kernel_of(form, kernel):
    return kernel if form == "float32" else kernel.astype(jnp.bfloat16)


def test_both_forms_of_bfloat16_give_the_same_values(operands):
    x, kernel, _ = operands
    wide, up = (product(form, x, kernel.astype(jnp.bfloat16)) for form in ("widen", "upcast"))
    assert wide.dtype == up.dtype == jnp.float32
    assert relative(wide, up) < 1e-5


@pytest.mark.parametrize(("form", "limit"), [("widen", 1e-2), ("upcast", 1e-2), ("float32", 1e-6)])
def test_every_form_is_near_the_exact_product(operands, form, limit):
    x, kernel, _ = operands
    found = product(form, x, kernel_of(form, kernel))
    exact = np.asarray(x, np.float64) @ np.asarray(kernel, np.float64)
    assert found.shape == (2, 5, 7)
    assert relative(found, exact) < limit


def test_a_bfloat16_form_rounds_its_operands_and_nothing_else(operands):
    x, kernel, _ = operands
    rounded = [
        np.asarray(a.astype(jnp.bfloat16).astype(jnp.float32), np.float64) for a in (x, kernel)
    ]
    for form in ("widen", "upcast"):
        assert relative(product(form, x, kernel), rounded[0] @ rounded[1]) < 1e-6


@pytest.mark.parametrize(("form", "limit"), [("widen", 1e-2), ("upcast", 1e-2), ("float32", 1e-6)])
def test_the_gradient_is_that_of_a_plain_product(operands, form, limit):
    x, kernel, cotangent = operands
    _, back = jax.vjp(lambda x, kernel: product(form, x, kernel), x, kernel)
    _, plain = jax.vjp(lambda x, kernel: jnp.matmul(x, kernel, precision="highest"), x, kernel)
    for ours, theirs in zip(back(cotangent), plain(cotangent), strict=True):
        assert relative(ours, theirs) < limit


def test_gradients_have_the_types_of_what_they_belong_to(operands):
    x, kernel, cotangent = operands
    _, back = jax.vjp(lambda x, kernel: product("widen", x, kernel), x, kernel.astype(jnp.bfloat16))
    assert [gradient.dtype for gradient in back(cotangent)] == [jnp.float32, jnp.bfloat16]


# Which form is quick here: measured once, remembered.


@pytest.fixture
def measured(monkeypatch):
    """A list that grows with every measurement; "upcast" always wins it."""
    calls = []

    def measure():
        calls.append(1)
        return {"widen": 2.0, "upcast": 1.0, "float32": 0.5}

    monkeypatch.setattr(choice, "measure", measure)
    return calls


def test_the_quicker_bfloat16_form_is_chosen_and_remembered(measured):
    assert [choice.choose_form() for _ in range(3)] == ["upcast"] * 3
    assert len(measured) == 1


def test_what_is_remembered_decides(measured):
    choice.choose_form()
    times = {"widen": 1.0, "upcast": 1.5, "float32": 0.1}
    choice._remembered().write_text(json.dumps(times))
    assert choice.choose_form() == "widen"
    assert len(measured) == 1


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "not json", "[]", "7", "\0" * 40, "\xff", "[" * 10**5),
        '{"widen": 1.0}',
        '{"widen": NaN, "upcast": 2.0}',
        '{"widen": 1e999, "upcast": 2.0}',
        '{"widen": -1.0, "upcast": 2.0}',
        '{"widen": [1.0], "upcast": 2.0}',
        '{"widen": 0.5, "upcast": 2.0, "sha256": ""}',
    ],
)
def test_a_damaged_memory_is_measured_anew(measured, content):
    choice.choose_form()
    choice._remembered().write_text(content, encoding="latin-1")
    assert choice.choose_form() == "upcast"
    assert len(measured) == 2


def test_a_flipped_bit_of_the_memory_never_changes_the_choice(measured):
    choice.choose_form()
    whole = choice._remembered().read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        choice._remembered().write_bytes(flipped)
        assert choice.choose_form() == "upcast"


def test_a_cache_that_cannot_be_written_only_costs_time(measured, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPOT_CACHE_DIR", str(tmp_path / "file"))
    assert choice.choose_form() == "upcast"


def test_measuring_times_every_form(monkeypatch):
    monkeypatch.setattr(choice, "SHAPE", (4, 8, 8))
    times = choice.measure()
    assert set(times) == set(FORMS)
    assert all(0 < seconds < 10 for seconds in times.values())
