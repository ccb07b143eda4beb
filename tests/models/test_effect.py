"""What each field of an effect does to a network, against the same done in another way."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.effect import Effect, Visibility, by_prompt, visibility
from spot.models.layers import RowKeys
from spot.models.scoring import read_rows
from spot.models.weights.build import build
from tests.toys import random_arrays, tiny_config, tiny_decoder

B, T, P, H, V = 4, 6, 3, 16, 60
CONFIGS = {
    "T5": tiny_config(vocab_size=V, encoder_layers=3, decoder_layers=2),
    "decoder": tiny_decoder(vocab_size=V, layers=3),
}
LENGTHS = (6, 3, 1, 5)
TARGETS = np.asarray([[5, 6, 2], [9, 2, 0], [4, 3, 2], [8, 2, 0]], np.int32)


@functools.cache
def network_of(family):
    config = CONFIGS[family]
    return build(config, random_arrays(config, seed=4), "float32", "float32")


@pytest.fixture(params=list(CONFIGS))
def network(request):
    return network_of(request.param)


@pytest.fixture
def texts():
    drawn = np.random.default_rng(0).integers(3, V, (B, T))
    return np.where(np.arange(T) < np.asarray(LENGTHS)[:, None], drawn, 0).astype(np.int32)


@pytest.fixture
def rows():
    """Rows of two prompts [2, P, H]."""
    return jnp.asarray(np.random.default_rng(1).normal(size=(2, P, H)), jnp.float32)


@jax.jit
def logits(network, texts, effect, random=None):
    return network.decode(network.encode(texts, effect, random), TARGETS, random)


@jax.jit
def encoded(network, texts, effect):
    return network.encode(texts, effect).output


def stacked(network, rows):
    """What the network makes of each of the rows [S, P, H]: inputs [S, L, P, H] and keys and values."""
    each = [read_rows(network, one) for one in rows]
    return jnp.stack([one[0] for one in each]), jnp.stack([one[1] for one in each])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


OWNERS = [None, np.asarray([1, 0, 0, 1])]


@pytest.mark.parametrize("owner", OWNERS, ids=["in order", "chosen"])
def test_keys_and_values_of_rows_are_the_rows_to_a_decoder(texts, rows, owner):
    network = network_of("decoder")
    _, pairs = stacked(network, rows)
    found = logits(network, texts, Effect(keys_values=pairs, owner=owner))
    close(found, logits(network, texts, Effect(before=rows, owner=owner)))


def test_rows_may_stand_behind_keys_and_values_in_a_decoder(texts, rows):
    """The first two rows of three as keys and values, the third as it is."""
    network = network_of("decoder")
    pairs = stacked(network, rows)[1][..., :2, :]
    found = logits(network, texts, Effect(before=rows[:, 2:], keys_values=pairs))
    close(found, logits(network, texts, Effect(before=rows)))


def test_keys_and_values_in_an_encoder_are_rows_that_do_not_see_the_text(texts, rows):
    """But for the decoder, which sees the rows and not keys and values."""
    network = network_of("T5")
    _, pairs = stacked(network, rows)
    found = encoded(network, texts, Effect(keys_values=pairs))
    hidden = Effect(before=rows, visible=Visibility(text=False))
    close(found, encoded(network, texts, hidden)[:, P:])
    assert np.abs(found - encoded(network, texts, None)).max() > 1e-2


@pytest.mark.parametrize("owner", OWNERS, ids=["in order", "chosen"])
def test_a_row_at_every_layer_is_what_the_model_makes_of_it(texts, rows, owner):
    """Overwriting a decoder's states of a prompt with those states changes nothing."""
    network = network_of("decoder")
    inputs, _ = stacked(network, rows)
    found = logits(network, texts, Effect(before=rows, layers=inputs[:, 1:], owner=owner))
    close(found, logits(network, texts, Effect(before=rows, owner=owner)))
    moved = Effect(before=rows, layers=inputs[:, 1:] + 1, owner=owner)
    assert np.abs(logits(network, texts, moved) - found).max() > 1e-2


def test_overwriting_an_encoder_with_what_rows_become_hides_the_text_from_them(texts, rows):
    network = network_of("T5")
    inputs, _ = stacked(network, rows)
    hidden = logits(network, texts, Effect(before=rows, visible=Visibility(text=False)))
    layers = Effect(before=rows, layers=inputs[:, 1:], visible=Visibility(text=False))
    close(logits(network, texts, layers), hidden)


@pytest.mark.parametrize("owner", OWNERS, ids=["in order", "chosen"])
def test_adding_nothing_at_every_layer_changes_nothing(network, texts, rows, owner):
    nothing = jnp.zeros((2, 2, P, H))
    added = Effect(before=rows, layers=nothing, layers_added=True, owner=owner)
    np.testing.assert_array_equal(
        logits(network, texts, added), logits(network, texts, Effect(before=rows, owner=owner))
    )
    moved = dataclasses.replace(added, layers=nothing + 1)
    assert np.abs(logits(network, texts, moved) - logits(network, texts, added)).max() > 1e-2


def loss_gradient(network, texts, rows, layers, visible):
    """The gradients at the rows of the input and at those of later layers."""

    def total(rows, layers):
        effect = Effect(before=rows, layers=layers, visible=visible)
        return jnp.square(logits(network, texts, effect)).sum()

    return jax.grad(total, argnums=(0, 1))(rows, layers)


def test_rows_that_are_overwritten_are_felt_through_keys_and_values_alone(network, texts, rows):
    """The states of the text that saw them carry them on; where it sees none, nothing does."""
    layers = jnp.asarray(np.random.default_rng(2).normal(size=(2, 2, P, H)), jnp.float32)
    first, later = loss_gradient(network, texts, rows, layers, None)
    assert np.abs(first).max() > 1e-3 and (np.abs(later).max(axis=(0, 2, 3)) > 1e-3).all()
    if network is network_of("decoder"):
        return  # what is written sees the prompt's states of every layer
    first, later = loss_gradient(network, texts, rows, layers, Visibility(seen=False))
    assert (first == 0).all() and (later[:, 0] == 0).all()
    assert np.abs(later[:, 1]).max() > 1e-3  # only the last layer's rows reach the decoder


# Visibility.


def test_visibility_is_what_it_says():
    """By hand, for two rows of a prompt and two of a text."""
    everything = np.ones((4, 4), bool)
    np.testing.assert_array_equal(visibility(Visibility(), 2, 4), everything)
    apart = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    np.testing.assert_array_equal(visibility(Visibility("causal", False, False), 2, 4), apart)
    alone = [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_array_equal(visibility(Visibility("itself"), 2, 4), alone)


def test_a_text_that_does_not_see_the_prompt_is_read_as_without_one(texts, rows):
    network = network_of("T5")
    effect = Effect(before=rows, visible=Visibility(seen=False))
    close(encoded(network, texts, effect)[:, P:], encoded(network, texts, None))
    assert np.abs(logits(network, texts, effect) - logits(network, texts, None)).max() > 1e-2


def test_a_prompt_that_does_not_see_the_text_is_the_same_for_all_texts(texts, rows):
    network = network_of("T5")
    hidden = encoded(network, texts, Effect(before=rows[:1], visible=Visibility(text=False)))
    close(hidden[:, :P], np.broadcast_to(hidden[:1, :P], (B, P, H)))
    seen = encoded(network, texts, Effect(before=rows[:1]))[:, :P]
    assert np.abs(seen - seen[:1]).max() > 1e-2


def test_a_decoder_is_causal_as_it_is(texts, rows):
    network = network_of("decoder")
    plain = logits(network, texts, Effect(before=rows))
    causal = Effect(before=rows, visible=Visibility("causal", text=False))
    np.testing.assert_array_equal(logits(network, texts, causal), plain)
    for other in (Visibility("itself", text=False), Visibility("causal", text=False, seen=False)):
        found = logits(network, texts, Effect(before=rows, visible=other))
        assert np.abs(found - plain).max() > 1e-3


# Texts, and rows that each text has for itself.


def test_a_text_in_place_of_another_is_read(network, texts, rows):
    other = np.where(texts > 0, (texts * 7) % (V - 3) + 3, 0)
    given = Effect(before=rows, text=network.embed(other))
    np.testing.assert_array_equal(
        logits(network, texts, given), logits(network, other, Effect(before=rows))
    )


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_rows_by_text_that_are_those_of_its_prompt_change_nothing(network, texts, rows, rate):
    """With dropout, too, in an encoder, where each text has its own of its prompt in any case."""
    if rate and network is network_of("decoder"):
        pytest.skip("a decoder's prompt is dropped out once for all its texts")
    network = network.with_dropout(rate)
    owner = np.asarray([0, 0, 1, 1])
    random = RowKeys(jax.random.split(jax.random.key(0), 2), owner, np.asarray([0, 1, 0, 1]))
    by_text = Effect(before=rows[owner], after=rows[owner], by_row=True)
    close(
        logits(network, texts, by_text, random),
        logits(network, texts, Effect(before=rows, after=rows), random),
    )


def test_dropout_of_rows_by_text_is_that_of_the_text(texts, rows):
    """Whatever stands beside it in the batch."""
    network, owner = network_of("decoder").with_dropout(0.3), np.asarray([0, 0, 1, 1])
    keys, place = jax.random.split(jax.random.key(0), 2), np.asarray([0, 1, 0, 1])
    order = np.asarray([2, 0, 3, 1])
    whole = logits(
        network, texts, Effect(before=rows[owner], by_row=True), RowKeys(keys, owner, place)
    )
    moved = RowKeys(keys, owner[order], place[order])
    effect = Effect(before=rows[owner][order], by_row=True)
    read = network.encode(texts[order], effect, moved)
    close(network.decode(read, TARGETS[order], moved), whole[order])


def test_rows_meet_the_arrays_of_their_prompt():
    rng = np.random.default_rng(0)
    arrays, rows = {"a": jnp.asarray(rng.normal(size=(2, 3)))}, jnp.asarray(rng.normal(size=(4, 3)))

    def function(own, given):
        assert own["a"].shape == (3,) and given.ndim == 2
        return given * own["a"]

    in_order = by_prompt(function, arrays, None, rows)
    close(in_order, rows * arrays["a"][np.asarray([0, 0, 1, 1])])
    owner = np.asarray([1, 0, 0, 1])
    close(by_prompt(function, arrays, jnp.asarray(owner), rows), rows * arrays["a"][owner])
