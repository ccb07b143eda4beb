"""The optimisers of prompt training, as Optax chains."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from spot.config import TrainSettings


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
        min_dim_size_to_factor=128,
        decay_rate=0.8,
        multiply_by_parameter_scale=False,
        clipping_threshold=1.0,
        weight_decay_rate=settings.weight_decay or None,
        eps=1e-30,
    )
