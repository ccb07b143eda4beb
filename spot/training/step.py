"""One step of prompt training, a pure function: S prompts at once, only the prompts change."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.stages import Lowered

from spot.models.decoder import Packed
from spot.models.layers import RandomKeys, RowKeys
from spot.models.network import Network
from spot.models.sharding import place_rows, place_slots, shared_by_slots
from spot.prompts.kind import Kind
from spot.prompts.prefix import PREFIX
from spot.prompts.stacked import SoftPrompts
from spot.training.choices import Choices
from spot.training.losses import DEFAULT, Loss, find_loss
from spot.training.optim import at_rates, optimiser
from spot.training.parts import Batch, Divide, by_length
from spot.training.recipe import TrainSettings
from spot.training.wayward import Anchor, pull

Params = dict[str, jax.Array]
T = TypeVar("T")
CROSS_ENTROPY = find_loss(DEFAULT)


class PromptState(NamedTuple):
    """S prompts in training; every leaf has the leading axis S.

    `params` are the prompts' arrays by name, with the optimiser's state and `learning_rate` [S].
    `active` [S] is False for a slot that has stopped, early or for a loss that is not finite; it keeps
    its last good prompt.
    """

    params: Params
    optimizer: Any
    learning_rate: jax.Array
    active: jax.Array


def init_state(settings: TrainSettings, params: Params, rates: jax.Array) -> PromptState:
    """The state before the first step, from arrays [S, ...] by name and learning rates [S]."""
    state = jax.vmap(lambda each, rate: optimiser(settings, rate).init(each))(params, rates)
    return PromptState(params, state, rates, jnp.ones(rates.shape[0], bool))


def row_losses(
    network: Network,
    prompts: Any,
    batch: tuple[Any, jax.Array | Choices],
    random: RandomKeys = None,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[jax.Array, jax.Array]:
    """(training loss, cross entropy) of each row [R] of a batch, in nats, summed over target tokens.

    prompts: as `Network.encode` takes them; the texts of the batch likewise. Its answers are targets [R, T],
    or `Choices` for a loss that compares label words.
    """
    inputs, answers = batch
    return loss(network, network.encode(inputs, prompts, random), answers, random)


def slot_losses(
    network: Network,
    prompts: SoftPrompts,
    batch: tuple[Any, jax.Array | Choices],
    random: RandomKeys = None,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[jax.Array, jax.Array]:
    """Training loss and cross entropy of each prompt [S], summed over its rows.

    Rows are independent, so the gradient of the sum over prompts is each prompt's own gradient.
    """
    per_row, entropy = row_losses(network, prompts, batch, random, loss)
    penalty = prompts.kind.penalty
    if penalty is not None:
        embedded = network.embed(batch[0])
        per_row += penalty(prompts.params, embedded, batch[0] > 0, prompts.owner)
    return _by_slot(per_row, prompts), _by_slot(entropy, prompts)


def _by_slot(rows: jax.Array, prompts: SoftPrompts) -> jax.Array:
    """Sums [S] of the rows [B] of each prompt."""
    if prompts.owner is None:
        return rows.reshape(prompts.size, -1).sum(-1)
    return jax.ops.segment_sum(rows, prompts.owner, num_segments=prompts.size)


def train_step(
    state: PromptState,
    network: Network,
    batch: Batch,
    keys: jax.Array,
    step: jax.Array,
    *,
    settings: TrainSettings,
    kind: Kind = PREFIX,
    divide: Divide = by_length,
    owner: np.ndarray | None = None,
    choices: Choices | None = None,
    anchor: Anchor | None = None,
) -> tuple[PromptState, dict[str, jax.Array]]:
    """One update of S prompts on a batch [B, T]; returns the state and each slot's numbers [S].

    divide: the layout of the batch in parts, see `spot.training.parts.layout`.
    owner: int [B], the slot of each row; without it each slot has B/S consecutive rows.
    A slot without rows in the batch stays as it is.
    choices: of the rows of the batch, for a loss that compares label words. anchor: of a pull to the start.
    keys: one random key a slot; with the step it decides dropout, whatever came before. A slot
    whose loss or update is not finite is switched off with its prompt unchanged (`finite` False).
    """
    slots = len(state.learning_rate)
    state, keys = place_slots(network.mesh, (state, keys))
    loss = find_loss(settings.loss)
    (batch, choices), owner, counts = _grouped((batch, choices), owner, slots)
    counted = np.zeros(slots, np.int64)
    np.add.at(counted, np.repeat(np.arange(slots), counts), (np.asarray(batch[1]) > 0).sum(-1))
    present = counted > 0
    slot_of = np.repeat(np.arange(slots), counts)
    place = np.arange(len(slot_of)) - np.repeat(np.cumsum(counts) - counts, counts)
    parts = divide(_numbered(batch), slots) if owner is None else [_numbered(batch)]
    total, summed = jax.tree.map(jnp.zeros_like, state.params), jnp.zeros(slots)
    for number, (texts, targets) in enumerate(parts):
        rows = targets[:, 0]
        answers = targets[:, 1:] if choices is None else of_rows(choices, rows)
        random = None
        if network.config.dropout > 0:
            # Of packed texts a row is what dropout knows, and a part decides which texts share one.
            own = _random(keys, step, number if isinstance(texts, Packed) else 0)
            random = part_keys(network, own, texts, slot_of[rows], place[rows])
        prompts = SoftPrompts(kind, state.params, None if owner is None else jnp.asarray(owner))
        part = place_rows(network.mesh, (texts, answers))
        more, entropy = gradient(network, prompts, part, random, loss=loss)
        total, summed = jax.tree.map(jnp.add, total, more), summed + entropy
    if anchor is not None:
        total = jax.tree.map(jnp.add, total, pull(kind, state.params, anchor, counts))
    losses = summed / np.maximum(counted, 1)
    updated: tuple[PromptState, dict[str, jax.Array]]
    updated = update(state, total, losses, present, settings=settings, kind=kind)
    return updated


def lower_part(
    state: PromptState,
    network: Network,
    part: tuple[Any, Any],
    keys: jax.Array,
    loss: str,
    kind: Kind,
) -> Lowered:
    """The program that `train_step` runs for a part of this shape."""
    state, keys = place_slots(network.mesh, (state, keys))
    random = None
    if network.config.dropout > 0:
        rows = np.zeros(len(jax.tree.leaves(part[1])[0]), np.int32)
        random = part_keys(network, _random(keys, jnp.asarray(0), 0), part[0], rows, rows)
    prompts, part = SoftPrompts(kind, state.params), place_rows(network.mesh, part)
    return gradient.lower(network, prompts, part, random, loss=find_loss(loss))


def part_keys(
    network: Network, keys: jax.Array, texts: Any, slot: np.ndarray, place: np.ndarray
) -> RandomKeys:
    """The random keys of a part: by row, from the row's slot [R] and its number among the rows of that
    slot in the step, or by slot where rows hold several texts.
    """
    if isinstance(texts, Packed):
        return keys
    rows = place_rows(network.mesh, (slot.astype(np.int32), place.astype(np.int32)))
    return RowKeys(keys, *map(jnp.asarray, rows))


def _numbered(batch: Batch) -> Batch:
    """The batch with each row's number in front of its targets, so that parts tell which rows they hold."""
    inputs, targets = batch
    return inputs, np.column_stack([np.arange(len(targets)), targets]).astype(np.int32)


def of_rows(arrays: T, rows: np.ndarray | slice) -> T:
    """Some rows of a tree of arrays [B, ...]."""
    taken: T = jax.tree.map(lambda array: np.asarray(array)[rows], arrays)
    return taken


def _grouped(
    batch: T, owner: np.ndarray | None, slots: int
) -> tuple[T, np.ndarray | None, np.ndarray]:
    """A batch, a tree of arrays [B, ...], with the rows of each slot together, in their order; the slot of
    each row, None if all have as many; and the rows of each slot [S].
    """
    if owner is None:
        return batch, None, np.full(slots, len(jax.tree.leaves(batch)[0]) // slots)
    order, counts = np.argsort(owner, kind="stable"), np.bincount(owner, minlength=slots)
    even = bool((counts == counts[0]).all())
    return of_rows(batch, order), None if even else np.asarray(owner)[order], counts


@jax.jit
def _random(keys: jax.Array, step: jax.Array, part: int) -> jax.Array:
    """The keys [S] of a part of a step."""
    return jax.vmap(lambda key: jax.random.fold_in(jax.random.fold_in(key, step), part))(keys)


@partial(jax.jit, static_argnames="loss")
def gradient(
    network: Network,
    prompts: SoftPrompts,
    batch: tuple[Any, jax.Array | Choices],
    random: RandomKeys,
    *,
    loss: Loss,
) -> tuple[Params, jax.Array]:
    """The gradient of a part's summed losses by array, and its summed cross entropies [S]."""

    def total(params: Params) -> tuple[jax.Array, jax.Array]:
        changed = SoftPrompts(prompts.kind, params, prompts.owner)
        summed, entropy = slot_losses(network, changed, batch, random, loss)
        return summed.sum(), entropy

    summed, entropy = jax.grad(total, has_aux=True)(prompts.params)
    return shared_by_slots(network.mesh, (summed, entropy))


@partial(jax.jit, static_argnames=("settings", "kind"))
def update(
    state: PromptState,
    total: Params,
    loss: jax.Array,
    present: jax.Array,
    *,
    settings: TrainSettings,
    kind: Kind = PREFIX,
) -> tuple[PromptState, dict[str, jax.Array]]:
    """The state after the optimiser's step with the `total` gradient of all parts, and each slot's numbers
    [S]; slots that are not `present` [S] in the batch stay as they are.
    """

    def change(grad: Params, inner: Any, params: Params, rate: jax.Array) -> tuple[Any, Any]:
        chosen = at_rates(optimiser(settings, rate), kind.rates)
        step, inner = chosen.update(grad, inner, params)
        return optax.apply_updates(params, step), inner

    params, inner = jax.vmap(change)(total, state.optimizer, state.params, state.learning_rate)
    finite = jnp.isfinite(loss)
    for array in jax.tree.leaves(params):
        finite &= jnp.isfinite(array).all(axis=tuple(range(1, array.ndim)))
    go = state.active & finite & present

    def choose(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(go.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    fine = finite | ~state.active | ~present
    state = PromptState(
        jax.tree.map(choose, params, state.params),
        jax.tree.map(choose, inner, state.optimizer),
        state.learning_rate,
        state.active & fine,
    )
    return state, {"loss": loss, "finite": fine}


@jax.jit
def batch_losses(network: Network, prompts: Any, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Cross entropy of each row [R] in nats a target token; prompts: as `Network.encode` takes them."""
    entropy = row_losses(network, prompts, batch)[1]
    return entropy / (batch[1] > 0).sum(-1)
