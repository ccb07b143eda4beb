"""Gradients of a start against closed forms, and on a model against finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spot.training.meta.gradients import ALGORITHMS, Episode, adapt, first_order, maml, reptile

A, C, RATE = 0.7, np.array([1.0, -2.0, 0.5]), 0.3
START = np.array([0.2, 3.0, -1.0])


def quadratic(theta, batch):
    """L = ½ a (θ - c)², which needs no rows."""
    return 0.5 * A * jnp.sum((theta - jnp.asarray(C)) ** 2) + 0.0 * jnp.sum(batch)


def episode(steps):
    return Episode(jnp.zeros((steps, 1)), jnp.zeros(1))


CLOSED = {
    "maml": lambda k: A * (1 - RATE * A) ** (2 * k) * (START - C),
    "first-order": lambda k: A * (1 - RATE * A) ** k * (START - C),
    "reptile": lambda k: (1 - (1 - RATE * A) ** k) * (START - C),
}


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_gradient_of_a_quadratic_is_the_closed_form(name, steps):
    gradient, _ = ALGORITHMS[name].gradient(
        quadratic, optax.sgd(RATE), jnp.asarray(START, jnp.float32), episode(steps)
    )
    np.testing.assert_allclose(gradient, CLOSED[name](steps), rtol=1e-5, atol=1e-6)


def test_the_loss_that_is_reported():
    start, steps = jnp.asarray(START, jnp.float32), 3
    before = [0.5 * A * np.sum(((1 - RATE * A) ** k * (START - C)) ** 2) for k in range(steps + 1)]
    for function in (maml, first_order):
        loss = function(quadratic, optax.sgd(RATE), start, episode(steps))[1]
        assert float(loss) == pytest.approx(before[steps], rel=1e-5)
    loss = reptile(quadratic, optax.sgd(RATE), start, episode(steps))[1]
    assert float(loss) == pytest.approx(np.mean(before[:steps]), rel=1e-5)


def test_inner_steps_are_those_of_the_optimiser_batch_by_batch():
    """A slow loop with an optimiser that remembers."""
    rng = np.random.default_rng(0)
    batches = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)

    def loss(theta, batch):
        return jnp.sum((theta - batch) ** 4)

    inner, theta = optax.adam(0.1), jnp.asarray(START, jnp.float32)
    state, losses = inner.init(theta), []
    for batch in batches:
        value, gradient = jax.value_and_grad(loss)(theta, batch)
        updates, state = inner.update(gradient, state, theta)
        theta, losses = theta + updates, [*losses, value]
    found, reported = adapt(loss, inner, jnp.asarray(START, jnp.float32), batches)
    np.testing.assert_allclose(found, theta, rtol=1e-6)
    np.testing.assert_allclose(reported, losses, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
def test_maml_through_an_optimiser_with_memory_agrees_with_finite_differences(steps):
    """Of a loss that is not quadratic, through AdamW, whose state depends on the start too."""
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        rows = Episode(jnp.asarray(rng.normal(size=(steps, 3))), jnp.asarray(rng.normal(size=3)))
        inner, start = optax.adamw(0.05), jnp.asarray(START, jnp.float64)

        def loss(theta, batch):
            return jnp.sum(jnp.cosh(theta - batch))

        gradient, _ = maml(loss, inner, start, rows)

        def after(theta):
            return float(loss(adapt(loss, inner, theta, rows.support)[0], rows.query))

        for axis, unit in enumerate(np.eye(3)):
            difference = (after(start + 1e-6 * unit) - after(start - 1e-6 * unit)) / 2e-6
            assert float(gradient[axis]) == pytest.approx(difference, rel=1e-6)
