"""Gradients of a start with respect to what K training steps from it reach, of any loss.

They know neither models nor prompts: a loss is a function of parameters, a pytree, and a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spot.training.optim import optimiser
from spot.training.recipe import TrainSettings

Loss = Callable[[Any, Any], jax.Array]
"""(parameters, batch) -> a number."""


class Episode(NamedTuple):
    """A visit of a task: K batches to train on, every leaf with the leading axis K, and one of other rows."""

    support: Any
    query: Any


def adapt(
    loss: Loss, inner: optax.GradientTransformation, start: Any, support: Any
) -> tuple[Any, jax.Array]:
    """The parameters after one step of `inner` on each batch of the support, and the loss before each [K].

    A gradient through it computes the steps again rather than keep what is inside them.
    """

    def step(carry: Any, batch: Any) -> tuple[Any, jax.Array]:
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, state = inner.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    carry, losses = jax.lax.scan(jax.checkpoint(step), (start, inner.init(start)), support)
    return carry[0], losses


def maml(
    loss: Loss, inner: optax.GradientTransformation, start: Any, episode: Episode
) -> tuple[Any, jax.Array]:
    """The exact gradient of the loss on the query after K steps, and that loss (Finn et al. 2017, arXiv
    1703.03400, equation 1).
    """

    def after(params: Any) -> jax.Array:
        return loss(adapt(loss, inner, params, episode.support)[0], episode.query)

    value, gradient = jax.value_and_grad(after)(start)
    return gradient, value


def first_order(
    loss: Loss, inner: optax.GradientTransformation, start: Any, episode: Episode
) -> tuple[Any, jax.Array]:
    """As `maml`, with the K steps counted as the identity: the gradient at the parameters that they reach
    (Finn et al. 2017, section 5.2).
    """
    value, gradient = jax.value_and_grad(loss)(
        adapt(loss, inner, start, episode.support)[0], episode.query
    )
    return gradient, value


def reptile(
    loss: Loss, inner: optax.GradientTransformation, start: Any, episode: Episode
) -> tuple[Any, jax.Array]:
    """The start minus the parameters after K steps, and the mean loss on the way (Nichol et al. 2018, arXiv
    1803.02999, section 3); the query is not read.
    """
    adapted, losses = adapt(loss, inner, start, episode.support)
    return jax.tree.map(jnp.subtract, start, adapted), losses.mean()


def towards(_train: TrainSettings, rate: float, steps: int) -> optax.GradientTransformation:
    """Move against the gradient by a share of it that falls linearly from `rate` to zero."""
    return optax.sgd(optax.linear_schedule(rate, 0.0, steps))


def as_trained(train: TrainSettings, rate: float, steps: int) -> optax.GradientTransformation:
    """The optimiser of prompts at a rate that falls linearly to zero."""
    falling = {"decay": "linear", "key_step": 0, "steps": steps}
    return optimiser(train.model_copy(update=falling), rate)


@dataclass(frozen=True)
class Algorithm:
    """A way to learn a start.

    gradient: of one visit. outer: (settings of training, rate, steps) -> the optimiser of the start.
    rate: its rate where none is set; None: that of prompts. reads_query: False where all rows are support.
    """

    name: str
    gradient: Callable[[Loss, optax.GradientTransformation, Any, Episode], tuple[Any, jax.Array]]
    outer: Callable[[TrainSettings, float, int], optax.GradientTransformation]
    rate: float | None = None
    reads_query: bool = True


ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("reptile", reptile, towards, rate=1.0, reads_query=False),
        Algorithm("first-order", first_order, as_trained),
        Algorithm("maml", maml, as_trained),
    )
}
