"""The optimisers of prompt training, as Optax chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spot.training.recipe import TrainSettings

T5X_ADAFACTOR: dict[str, Any] = {
    "min_dim_size_to_factor": 128,
    "decay_rate": 0.8,
    "clipping_threshold": 1.0,
    "eps": 1e-30,
}


def optimiser(
    settings: TrainSettings, learning_rate: float | jax.Array
) -> optax.GradientTransformation:
    """Adafactor as the reference runs it, or AdamW; after a linear warm-up the rate is constant, or falls as
    `settings.decay` says.

    Adafactor (Shazeer and Stern 2018): no parameter scaling, update clipping 1.0, decay 0.8, and
    weight decay that is not multiplied by the rate, all as in T5X; a dimension under 128 is not
    factored. The learning rate may be traced, so slots of one step can have different ones.
    """

    def rate(count: jax.Array) -> jax.Array:
        warm = jnp.minimum(1.0, (count + 1) / (settings.warmup_steps + 1))
        return learning_rate * warm * _left(settings, count)

    if settings.optimizer == "adamw":
        return optax.adamw(rate, weight_decay=settings.weight_decay)
    return optax.adafactor(
        rate,
        multiply_by_parameter_scale=False,
        weight_decay_rate=settings.weight_decay or None,
        **T5X_ADAFACTOR,
    )


def at_rates(
    inner: optax.GradientTransformation, rates: Mapping[str, float]
) -> optax.GradientTransformation:
    """The optimiser of arrays by name, whose steps are multiplied by the factors that some have; 0 keeps an
    array as it is.
    """

    def change(gradient: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        steps, state = inner.update(gradient, state, params)
        return {
            name: step * rates[name] if name in rates else step for name, step in steps.items()
        }, state

    return optax.GradientTransformation(inner.init, change) if rates else inner


def _left(settings: TrainSettings, count: jax.Array) -> float | jax.Array:
    """The share of the learning rate after `count` steps: 1 to the key's step, so that keys are those of a
    constant rate.
    """
    falling = settings.steps - settings.key_step
    if settings.decay == "none" or falling <= 0:
        return 1.0
    return jnp.clip((settings.steps - count) / falling, 0.0, 1.0)


def scaled_adafactor(learning_rate: float | jax.Array) -> optax.GradientTransformation:
    """Adafactor with parameter scaling at a constant rate, as T5 was fine-tuned (Raffel et al. 2020,
    section 3.1.2, with 0.001): a step is in proportion to the array it changes.
    """
    return optax.adafactor(learning_rate, multiply_by_parameter_scale=True, **T5X_ADAFACTOR)
