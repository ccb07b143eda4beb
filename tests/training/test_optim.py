"""The optimisers against the reference implementation's Adafactor and against sums done by hand."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.weights.build import build
from spot.prompts.prefix import PREFIX
from spot.prompts.stacked import SoftPrompts
from spot.training.optim import optimiser
from spot.training.recipe import TrainSettings
from spot.training.step import init_state, slot_losses, train_step

REFERENCE = TrainSettings(learning_rate=0.3, warmup_steps=0, weight_decay=1e-5)


@pytest.fixture(scope="module")
def model(golden):
    return build(golden.config, golden.params, "float32", "float32")


@pytest.fixture(scope="module")
def batch(golden):
    return golden.encoder_input_tokens, golden.decoder_target_tokens


def test_loss_and_gradient_equal_the_reference_implementations(golden, model, batch):
    def total(prompts):
        return slot_losses(model, SoftPrompts(PREFIX, {"prompt": prompts}), batch)[0].sum()

    loss, gradient = jax.jit(jax.value_and_grad(total))(golden.prompt[None])
    np.testing.assert_allclose(loss, golden.loss_sum, rtol=1e-5)
    np.testing.assert_allclose(gradient[0], golden.prompt_grad, rtol=0, atol=1e-4)


def test_three_updates_equal_the_reference_implementations(golden, model, batch):
    start = {"prompt": jnp.asarray(golden.prompt[None])}
    state = init_state(REFERENCE, start, jnp.asarray([0.3]))
    keys = jax.vmap(jax.random.key)(jnp.arange(1))
    step = functools.partial(train_step, settings=REFERENCE)
    for number, expected in enumerate(golden.adafactor_prompt_after_steps_1_2_3):
        state, _ = step(state, model, batch, keys, jnp.asarray(number))
        np.testing.assert_allclose(state.params["prompt"][0], expected, rtol=0, atol=1e-4)
    moments = [leaf for leaf in jax.tree.leaves(state.optimizer) if leaf.shape == (1, 10, 4)]
    expected = golden.adafactor_v_after_step_3
    assert any(np.allclose(moment[0], expected, rtol=1e-3, atol=1e-6) for moment in moments)


# By hand.


def updated(settings, rate, prompt, gradients):
    """The prompt after each gradient, by our optimiser."""
    tx = optimiser(settings, rate)
    state, out = tx.init(prompt), []
    update = jax.jit(tx.update)
    for gradient in gradients:
        change, state = update(gradient, state, prompt)
        prompt = prompt + change
        out.append(np.asarray(prompt))
    return out


def adafactor_by_hand(settings, rate, prompt, gradients):
    """Shazeer and Stern 2018 without factoring, momentum or scaling by the parameter."""
    v = np.zeros_like(prompt)
    for step, gradient in enumerate(gradients, start=1):
        decay = 1 - step**-0.8
        v = decay * v + (1 - decay) * (gradient**2 + 1e-30)
        change = gradient / np.sqrt(v)
        change = change / max(1.0, float(np.sqrt(np.mean(change**2))))
        warm = min(1.0, step / (settings.warmup_steps + 1))
        prompt = prompt - warm * rate * change - settings.weight_decay * prompt
        yield prompt


def adamw_by_hand(settings, rate, prompt, gradients):
    """Loshchilov and Hutter 2019: the decay is multiplied by the rate."""
    m, v = np.zeros_like(prompt), np.zeros_like(prompt)
    for step, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        warm = min(1.0, step / (settings.warmup_steps + 1))
        change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        prompt = prompt - warm * rate * (change + settings.weight_decay * prompt)
        yield prompt


@pytest.mark.parametrize(
    ("name", "by_hand"), [("adafactor", adafactor_by_hand), ("adamw", adamw_by_hand)]
)
@pytest.mark.parametrize("changes", [{}, {"weight_decay": 0.0, "warmup_steps": 3}])
def test_equals_the_sums_done_by_hand(name, by_hand, changes):
    settings = TrainSettings(**{"optimizer": name, "weight_decay": 0.02, **changes})
    rng = np.random.default_rng(0)
    prompt = rng.normal(size=(5, 4))
    # A first gradient that is large makes later updates small, a small one gets them clipped.
    gradients = rng.normal(size=(6, 5, 4)) * np.asarray([1, 0.1, 3, 20, 1, 1])[:, None, None]
    expected = list(by_hand(settings, 0.3, prompt, gradients))
    found = updated(
        settings, 0.3, jnp.asarray(prompt, jnp.float32), jnp.asarray(gradients, jnp.float32)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("warmup", [0, 4])
def test_the_rate_rises_linearly_and_then_stays(warmup):
    settings = TrainSettings(warmup_steps=warmup, weight_decay=0.0)
    ones = jnp.ones((2, 2))
    steps = np.diff([1.0, *(float(p[0, 0]) for p in updated(settings, 0.5, ones, [ones] * 7))])
    expected = [0.5 * min(1.0, (n + 1) / (warmup + 1)) for n in range(7)]
    np.testing.assert_allclose(-steps, expected, rtol=1e-5)


def test_a_falling_rate_is_whole_to_the_keys_step_and_reaches_zero_after_the_last():
    settings = TrainSettings(
        warmup_steps=1, weight_decay=0.0, decay="linear", key_step=3, steps=7, patience=0
    )
    ones = jnp.ones((2, 2))
    steps = np.diff([1.0, *(float(p[0, 0]) for p in updated(settings, 0.5, ones, [ones] * 8))])
    expected = [0.25, 0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0.0]
    np.testing.assert_allclose(-steps, expected, rtol=1e-5, atol=1e-7)


def test_a_rate_does_not_fall_where_training_ends_with_the_key():
    settings = TrainSettings(warmup_steps=0, weight_decay=0.0, decay="linear", key_step=3, steps=3)
    ones = jnp.ones((2, 2))
    steps = np.diff([1.0, *(float(p[0, 0]) for p in updated(settings, 0.5, ones, [ones] * 3))])
    np.testing.assert_allclose(-steps, [0.5] * 3, rtol=1e-5)


@pytest.mark.parametrize("name", ["adafactor", "adamw"])
def test_slots_may_have_rates_of_their_own(name):
    settings = TrainSettings(optimizer=name, warmup_steps=0)
    rng = np.random.default_rng(1)
    prompts, gradients = jnp.asarray(rng.normal(size=(2, 2, 3, 4)), jnp.float32)
    rates = jnp.asarray([0.3, 0.001])

    def one(prompt, gradient, rate):
        tx = optimiser(settings, rate)
        return prompt + tx.update(gradient, tx.init(prompt), prompt)[0]

    together = jax.vmap(one)(prompts, gradients, rates)
    for slot, rate in enumerate((0.3, 0.001)):
        alone = updated(settings, rate, prompts[slot], gradients[slot : slot + 1])[0]
        np.testing.assert_allclose(together[slot], alone, rtol=0, atol=1e-6)
