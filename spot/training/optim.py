"""The optimisers of prompt training, as Optax chains."""

from __future__ import annotations

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
    """Adafactor as the reference runs it, or AdamW; constant rate after a linear warm-up.

    Adafactor (Shazeer and Stern 2018): no parameter scaling, update clipping 1.0, decay 0.8, and
    weight decay that is not multiplied by the rate, all as in T5X; a dimension under 128 is not
    factored. The learning rate may be traced, so slots of one step can have different ones.
    """
    warmup = settings.warmup_steps

    def rate(count: jax.Array) -> jax.Array:
        return learning_rate * jnp.minimum(1.0, (count + 1) / (warmup + 1))

    if settings.optimizer == "adamw":
        return optax.adamw(rate, weight_decay=settings.weight_decay)
    return optax.adafactor(
        rate,
        multiply_by_parameter_scale=False,
        weight_decay_rate=settings.weight_decay or None,
        **T5X_ADAFACTOR,
    )


def scaled_adafactor(learning_rate: float | jax.Array) -> optax.GradientTransformation:
    """Adafactor with parameter scaling at a constant rate, as T5 was fine-tuned (Raffel et al. 2020,
    section 3.1.2, with 0.001): a step is in proportion to the array it changes.
    """
    return optax.adafactor(learning_rate, multiply_by_parameter_scale=True, **T5X_ADAFACTOR)
