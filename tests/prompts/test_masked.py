"""Who sees whom: what the kind tells a network, what a network makes of it, and what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.effect import Visibility
from spot.models.weights.build import build
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import stack
from tests.prompts.effects import MASK, TEXTS, begun
from tests.toys import random_arrays, tiny_config, tiny_decoder


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("masked", Visibility("causal", text=False, seen=True)),
        ("masked:among=all,text=1", Visibility("all", text=True, seen=True)),
        ("masked:among=itself,seen=0", Visibility("itself", text=False, seen=False)),
    ],
)
def test_a_network_is_told_who_sees_whom(kind, expected):
    effect = begun(kind).stacked().effect(jnp.asarray(TEXTS), jnp.asarray(MASK))
    assert effect.visible == expected


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("masked:text=1", "text=1"),
        ("masked:among=all", "among=all"),
        ("masked:among=all,text=1", "among=all and text=1"),
    ],
)
def test_rows_that_look_ahead_are_refused_on_a_causal_model(kind, found):
    kind = find_kind(kind)
    kind.check(tiny_config())
    with pytest.raises(SpotError, match=f"with {found}: .* this model is causal") as error:
        kind.check(tiny_decoder())
    assert error.value.hint.startswith(f"leave {found} out")


TOKENS = np.asarray([[7, 8, 9, 1], [7, 5, 1, 0], [30, 9, 1, 0]])


@jax.jit
def read(network, prompts):
    return network.encode(jnp.asarray(TOKENS), prompts)


def encoded(network, kind, rows):
    return read(network, stack([SoftPrompt.of(find_kind(kind), rows)]))


@pytest.fixture(scope="module")
def t5():
    config = tiny_config(encoder_layers=2)
    return build(config, random_arrays(config, seed=3), "float32", "float32")


@pytest.fixture(scope="module")
def decoder():
    config = tiny_decoder()
    return build(config, random_arrays(config, seed=3), "float32", "float32")


@pytest.fixture
def rows():
    return np.random.default_rng(4).normal(size=(3, 16)).astype(np.float32)


@pytest.mark.parametrize("among", ["all", "causal", "itself"])
def test_rows_that_do_not_see_the_text_have_the_same_states_behind_every_text(t5, rows, among):
    states = np.asarray(encoded(t5, f"masked:among={among}", rows).output)[:, :3]
    np.testing.assert_allclose(states, states[:1].repeat(3, axis=0), rtol=0, atol=1e-6)
    seeing = np.asarray(encoded(t5, f"masked:among={among},text=1", rows).output)[:, :3]
    assert np.abs(seeing[0] - seeing[1]).max() > 1e-3


def test_a_text_that_does_not_see_the_rows_is_read_as_without_them(t5, rows):
    real = TOKENS > 0
    plain = np.asarray(read(t5, None).output)[real]
    unseen = np.asarray(encoded(t5, "masked:among=all,text=1,seen=0", rows).output)[:, 3:][real]
    np.testing.assert_allclose(unseen, plain, rtol=1e-5, atol=1e-5)
    seen = np.asarray(encoded(t5, "masked", rows).output)[:, 3:][real]
    assert np.abs(seen - plain).max() > 1e-2


def test_the_defaults_are_what_a_decoder_does(decoder, rows):
    targets = jnp.asarray([[5, 6, 2], [9, 2, 0], [4, 3, 2]])
    decode = jax.jit(lambda network, text: network.decode(text, targets))
    logits = {
        kind: np.asarray(decode(decoder, encoded(decoder, kind, rows)))
        for kind in ("prefix", "masked", "masked:among=itself", "masked:seen=0")
    }
    np.testing.assert_array_equal(logits["masked"], logits["prefix"])
    for kind in ("masked:among=itself", "masked:seen=0"):
        assert np.abs(logits[kind] - logits["prefix"]).max() > 1e-2
