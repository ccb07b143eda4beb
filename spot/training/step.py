"""One step of prompt training, pure: S prompts at once, the gradient of the prompts alone."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from spot.config import TrainSettings
from spot.training.optim import optimiser
from spot.training.parts import Divide, by_length

Z_LOSS = 1e-4  # of the reference implementation's loss


class PromptState(NamedTuple):
    """S prompts in training; every leaf has the leading axis S.

    `prompt` [S, P, H], the optimiser's state, `learning_rate` [S], and `active` [S]: a slot that
    has stopped (early, or for a loss that is not finite) keeps its last good prompt.
    """

    prompt: jax.Array
    optimizer: Any
    learning_rate: jax.Array
    active: jax.Array


def init_state(settings: TrainSettings, prompts: jax.Array, rates: jax.Array) -> PromptState:
    """The state before the first step, from prompts [S, P, H] and learning rates [S]."""
    state = jax.vmap(lambda prompt, rate: optimiser(settings, rate).init(prompt))(prompts, rates)
    return PromptState(prompts, state, rates, jnp.ones(prompts.shape[0], bool))


def row_losses(
    model: Any, prompts: jax.Array | None, batch: tuple[Any, jax.Array], random: Any
) -> Any:
    """(loss with z-loss, cross entropy) of each row [R], summed over its target tokens.

    model: a `T5` or a `Decoder`; the batch's texts are as its `encode` takes them. prompts [S, P, H],
    each for R/S consecutive rows, or None for no prompt. Nats.
    """
    inputs, targets = batch
    logits = model.decode(model.encode(inputs, prompts, random), targets, random)
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    real = targets > 0
    entropy = jnp.where(real, normaliser - chosen, 0.0)
    return (entropy + jnp.where(real, Z_LOSS * normaliser**2, 0.0)).sum(-1), entropy.sum(-1)


def slot_losses(
    graphdef: Any,
    parameters: Any,
    prompts: jax.Array,
    batch: tuple[jax.Array, jax.Array],
    random: Any,
) -> tuple[jax.Array, jax.Array]:
    """Summed loss (z-loss included) and summed cross entropy, [S] each, of S slots of B rows.

    Rows are independent, so the gradient of the sum over slots is each slot's own gradient.
    """
    model = nnx.merge(graphdef, parameters)
    slots = prompts.shape[0]
    per_row, entropy = row_losses(model, prompts, batch, random)
    return per_row.reshape(slots, -1).sum(-1), entropy.reshape(slots, -1).sum(-1)


def train_step(
    state: PromptState,
    parameters: Any,
    batch: tuple[np.ndarray, np.ndarray],
    keys: jax.Array,
    step: jax.Array,
    *,
    graphdef: Any,
    settings: TrainSettings,
    dropout: bool,
    divide: Divide = by_length,
) -> tuple[PromptState, dict[str, jax.Array]]:
    """One update of S prompts on a batch [S*B, T]; returns the state and each slot's numbers [S].

    divide: how the batch is laid out, in parts; a decoder's may be `side_by_side`.
    keys: one random key a slot; with the step it decides dropout, whatever came before. A slot
    whose loss or update is not finite is switched off with its prompt as it was (`finite` False).
    """
    slots = state.prompt.shape[0]
    gradient, loss = jnp.zeros_like(state.prompt), jnp.zeros(slots)
    counted = (np.asarray(batch[1]) > 0).reshape(slots, -1).sum(-1)
    for number, part in enumerate(divide(batch, slots)):
        random = _random(keys, step, number) if dropout else None
        more, entropy = _gradient(graphdef, parameters, state.prompt, part, random)
        gradient, loss = gradient + more, loss + entropy
    return _update(state, gradient, loss / counted, settings=settings)


@jax.jit
def _random(keys: jax.Array, step: jax.Array, part: int) -> jax.Array:
    """The keys [S] of a part of a step."""
    return jax.vmap(lambda key: jax.random.fold_in(jax.random.fold_in(key, step), part))(keys)


@partial(jax.jit, static_argnames="graphdef")
def _gradient(
    graphdef: Any,
    parameters: Any,
    prompts: jax.Array,
    batch: tuple[jax.Array, jax.Array],
    random: Any,
) -> tuple[jax.Array, jax.Array]:
    """The gradient [S, P, H] of a part's summed losses, and its summed cross entropies [S]."""

    def total(prompts: jax.Array) -> tuple[jax.Array, jax.Array]:
        summed, entropy = slot_losses(graphdef, parameters, prompts, batch, random)
        return summed.sum(), entropy

    gradient, entropy = jax.grad(total, has_aux=True)(prompts)
    return gradient, entropy


@partial(jax.jit, static_argnames="settings")
def _update(
    state: PromptState, gradient: jax.Array, loss: jax.Array, *, settings: TrainSettings
) -> tuple[PromptState, dict[str, jax.Array]]:
    """The state after the optimiser's step, and each slot's numbers [S]."""

    def update(grad: jax.Array, inner: Any, prompt: jax.Array, rate: jax.Array) -> tuple[Any, Any]:
        change, inner = optimiser(settings, rate).update(grad, inner, prompt)
        return optax.apply_updates(prompt, change), inner

    prompt, inner = jax.vmap(update)(gradient, state.optimizer, state.prompt, state.learning_rate)
    finite = jnp.isfinite(loss) & jnp.isfinite(prompt).all(axis=(1, 2))
    go = state.active & finite

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(go.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    fine = finite | ~state.active
    state = PromptState(
        choose(prompt, state.prompt),
        jax.tree.map(choose, inner, state.optimizer),
        state.learning_rate,
        go,
    )
    norm = jnp.linalg.norm(state.prompt, axis=-1).mean(-1)
    return state, {"loss": loss, "finite": fine, "norm": norm}


@partial(jax.jit, static_argnames="graphdef")
def batch_losses(
    graphdef: Any, parameters: Any, prompts: jax.Array | None, batch: tuple[jax.Array, jax.Array]
) -> jax.Array:
    """Cross entropy of each row [R] in nats a target token, with prompts [S, P, H], each for R/S
    consecutive rows, or none.
    """
    model = nnx.merge(graphdef, parameters)
    entropy = row_losses(model, prompts, batch, None)[1]
    return entropy / (batch[1] > 0).sum(-1)
