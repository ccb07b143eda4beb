"""One step: only prompts change, and slots know nothing of each other."""

from __future__ import annotations

import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.weights.build import to_arrays
from spot.prompts.prefix import PREFIX
from spot.prompts.stacked import SoftPrompts
from spot.training.batches import data_order, step_batch
from spot.training.losses import Z_LOSS
from spot.training.parts import by_length
from spot.training.step import batch_losses, init_state, slot_losses, train_step
from tests.models import numpy_t5
from tests.training.conftest import SETTINGS

TASKS = ("colour", "bird", "animal")
ROWS = 4


def hashes(backbone):
    """sha256 of every array of the backbone, by name."""
    arrays = to_arrays(backbone.network.parameters)
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def slots(make_slot):
    return [make_slot(task, seed) for seed, task in enumerate(TASKS)]


@pytest.fixture(scope="module")
def train(tiny_backbone):
    """A function that trains slots for some steps: (state, the numbers of each step)."""
    step = functools.partial(train_step, settings=SETTINGS)

    def run(slots, steps=3, rates=None, divide=by_length, dropout=0.0):
        network = tiny_backbone.network.with_dropout(dropout)
        prompts = jnp.asarray(np.stack([slot.init.key for slot in slots]))
        rates = [slot.learning_rate for slot in slots] if rates is None else rates
        state = init_state(SETTINGS, {"prompt": prompts}, jnp.asarray(rates, jnp.float32))
        keys = jnp.stack([jax.random.key(slot.seed) for slot in slots])
        numbers = []
        for number in range(steps):
            inputs, targets = batch(slots, number)
            args = (state, network, (inputs, targets), keys, jnp.asarray(number))
            state, found = step(*args, divide=divide)
            numbers.append({name: np.asarray(value) for name, value in found.items()})
        return state, numbers

    return run


def batch(slots, number):
    """A step's batch, padded to one shape so that few programs are compiled."""
    orders = [data_order([24], [1.0], slot.seed, 40) for slot in slots]
    inputs, targets = step_batch([slot.source for slot in slots], orders, number, ROWS)
    return (
        np.pad(inputs, ((0, 0), (0, 16 - inputs.shape[1]))),
        np.pad(targets, ((0, 0), (0, 8 - targets.shape[1]))),
    )


@pytest.fixture(scope="module")
def together(train, slots):
    return train(slots)


def test_only_the_prompts_change(tiny_backbone, train, slots):
    before = hashes(tiny_backbone)
    state, _ = train(slots)
    assert hashes(tiny_backbone) == before and len(before) > 20
    moved = np.abs(np.asarray(state.params["prompt"]) - np.stack([slot.init.key for slot in slots]))
    assert (moved.max(axis=(1, 2)) > 0.05).all()


def test_every_token_of_a_prompt_is_trained(together, slots):
    start = np.stack([slot.init.key for slot in slots])
    assert (np.abs(np.asarray(together[0].params["prompt"]) - start).max(axis=2) > 1e-3).all()


def test_slots_together_are_as_each_alone(train, slots, together):
    for index, slot in enumerate(slots):
        alone, numbers = train([slot])
        np.testing.assert_allclose(
            together[0].params["prompt"][index], alone.params["prompt"][0], rtol=1e-5, atol=1e-5
        )
        for ours, theirs in zip(together[1], numbers, strict=True):
            np.testing.assert_allclose(ours["loss"][index], theirs["loss"][0], rtol=1e-5)


def test_a_slot_does_not_feel_its_neighbour(train, slots, make_slot, together):
    other = [slots[0], make_slot("bird", seed=11), slots[2]]
    state, _ = train(other)
    for same in (0, 2):
        np.testing.assert_array_equal(
            state.params["prompt"][same], together[0].params["prompt"][same]
        )
    assert np.abs(state.params["prompt"][1] - together[0].params["prompt"][1]).max() > 0.1


def test_a_slots_gradient_does_not_contain_another_slots_loss(tiny_backbone, slots):
    prompts = jnp.asarray(np.stack([slot.init.key for slot in slots]))
    network = tiny_backbone.network
    first_batch = batch(slots, 0)

    @jax.jit
    def of_slot(weights):
        def total(prompts):
            given = SoftPrompts(PREFIX, {"prompt": prompts})
            return (weights * slot_losses(network, given, first_batch)[0]).sum()

        return jax.grad(total)(prompts)

    both = of_slot(jnp.ones(3))
    for index in range(3):
        alone = of_slot(jnp.zeros(3).at[index].set(1.0))
        np.testing.assert_allclose(alone[index], both[index], rtol=0, atol=1e-5)
        others = np.delete(np.asarray(alone), index, axis=0)
        assert not others.any()


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_slot_that_is_not_finite_stops_and_the_others_go_on(train, slots, together, bad):
    state, numbers = train(slots, rates=[0.3, bad, 0.3])
    assert [found["finite"].tolist() for found in numbers] == [[True, False, True]] + [
        [True] * 3
    ] * 2
    assert state.active.tolist() == [True, False, True]
    np.testing.assert_array_equal(state.params["prompt"][1], slots[1].init)
    for healthy in (0, 2):
        np.testing.assert_array_equal(
            state.params["prompt"][healthy], together[0].params["prompt"][healthy]
        )


def test_a_loss_that_is_not_finite_stops_the_slot_too(train, slots, make_slot, together):
    broken = make_slot("bird", init=np.full_like(slots[1].init.key, np.nan))
    state, numbers = train([slots[0], broken, slots[2]])
    assert np.isnan(numbers[0]["loss"][1]) and not numbers[0]["finite"][1]
    assert state.active.tolist() == [True, False, True]
    np.testing.assert_array_equal(state.params["prompt"][0], together[0].params["prompt"][0])


def test_a_stopped_slots_optimiser_stays_as_it_was(train, slots):
    state, _ = train(slots, rates=[0.3, np.inf, 0.3])
    fresh = init_state(SETTINGS, state.params, state.learning_rate)
    pairs = zip(jax.tree.leaves(state.optimizer), jax.tree.leaves(fresh.optimizer), strict=True)
    changed = [(np.asarray(a[1]) != np.asarray(b[1])).any() for a, b in pairs if a.ndim]
    assert not any(changed)


@pytest.mark.parametrize(("part_rows", "dropout"), [(3, 0.0), (6, 0.0), (3, 0.3)])
def test_a_step_in_parts_is_the_step_in_one(train, slots, together, part_rows, dropout):
    divide = functools.partial(by_length, part_rows=part_rows)
    assert len(divide(batch(slots, 0), len(slots))) == 12 // part_rows
    state, numbers = train(slots, divide=divide, dropout=dropout)
    whole = together
    if dropout:  # rows of other lengths share a part, which is padded to another width
        whole = train(slots, divide=functools.partial(by_length, part_rows=12), dropout=dropout)
        assert np.abs(whole[1][0]["loss"] - together[1][0]["loss"]).max() > 1e-3
    np.testing.assert_allclose(
        state.params["prompt"], whole[0].params["prompt"], rtol=1e-5, atol=1e-5
    )
    for ours, theirs in zip(numbers, whole[1], strict=True):
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-5)


def test_losses_are_cross_entropy_with_z_loss(tiny_backbone, slots):
    """Against the slow T5, row by row, token by token."""
    arrays, config = to_arrays(tiny_backbone.network.parameters), tiny_backbone.config
    inputs, targets = batch(slots, 0)
    prompts = jnp.asarray(np.stack([slot.init.key for slot in slots]))
    network = tiny_backbone.network
    stacked = SoftPrompts(PREFIX, {"prompt": prompts})
    summed, entropies = jax.jit(lambda p: slot_losses(network, p, (inputs, targets)))(stacked)
    each = batch_losses(network, jnp.repeat(prompts, ROWS, axis=0), (inputs, targets))
    for index, slot in enumerate(slots):
        entropy, with_z = 0.0, 0.0
        for row in range(index * ROWS, (index + 1) * ROWS):
            text, target = (line[line > 0].tolist() for line in (inputs[row], targets[row]))
            encoded = numpy_t5.encode(arrays, config, text, slot.init.key)
            logits = numpy_t5.decode(arrays, config, encoded, target)
            normaliser = np.log(np.exp(logits).sum(axis=1))
            lost = normaliser - logits[np.arange(len(target)), target]
            np.testing.assert_allclose(each[row], lost.mean(), rtol=1e-5)
            entropy += lost.sum()
            with_z += lost.sum() + Z_LOSS * (normaliser**2).sum()
        np.testing.assert_allclose(summed[index], with_z, rtol=1e-5)
        np.testing.assert_allclose(entropies[index], entropy, rtol=1e-5)
