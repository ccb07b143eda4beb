"""Features of texts against slow networks that read one text at a time, with what may not matter changed."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bank.entry import Backbone
from spot.errors import SpotError
from spot.models.effect import Effect, Visibility
from spot.models.features import means
from spot.models.model import Model
from spot.models.weights.build import build
from spot.prompts.kinds import find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.suffix import SUFFIX
from spot.tasks.examples import Ragged
from tests.models import numpy_decoder, numpy_t5
from tests.toys import random_arrays, tiny_config, tiny_decoder

H, P, V = 16, 3, 90
CONFIGS = {
    "T5": tiny_config(vocab_size=V, encoder_layers=2),
    "decoder": tiny_decoder(vocab_size=V, tied_head=False),
}
TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13,), (14, 15, 16, 1))
INPUTS = Ragged.of(TEXTS)


@functools.cache
def arrays_of(family):
    arrays = random_arrays(CONFIGS[family], seed=5)
    if (
        family == "decoder"
    ):  # so that logits of tokens 1 to H are the states that the slow version makes
        arrays["lm_head/kernel"] = np.eye(H, V, 1, dtype=np.float32)
    return arrays


@functools.cache
def model_of(family):
    config = CONFIGS[family]
    network = build(config, arrays_of(family), "float32", "float32")
    return Model(Backbone(family, "f"), None, "float32", lambda: config, lambda: network)


@pytest.fixture(params=list(CONFIGS))
def family(request):
    return request.param


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(P, H)).astype(np.float32)


def slow(family, text, prompt=(), suffix=()):
    """The mean state of a text's tokens [H], all of the sequence computed for this text alone."""
    arrays, config = arrays_of(family), CONFIGS[family]
    if family == "T5":
        states = numpy_t5.encode(arrays, config, text, prompt, suffix)
        return states[len(prompt) : len(prompt) + len(text)].mean(axis=0)
    # Nothing depends on what follows, so neither do a text's states on rows behind it.
    states = numpy_decoder.logits(arrays, config, (), [*text, 0], prompt)[-len(text) :, 1 : H + 1]
    return states.mean(axis=0)


def slow_features(family, prompt=(), suffix=()):
    return np.stack([slow(family, text, prompt, suffix) for text in TEXTS])


@pytest.mark.parametrize("where", ["bare", "in front", "behind"])
def test_features_are_the_means_of_the_slow_states(family, rows, where):
    prompt = {
        "bare": None,
        "in front": SoftPrompt.of(PREFIX, rows),
        "behind": SoftPrompt.of(SUFFIX, rows),
    }
    ours = model_of(family).features(INPUTS, prompt[where])
    theirs = slow_features(
        family, rows if where == "in front" else (), rows if where == "behind" else ()
    )
    assert ours.dtype == np.float32 and ours.shape == (len(TEXTS), H)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_prompt_changes_what_can_see_it(family, rows):
    model = model_of(family)
    bare = model.features(INPUTS)
    assert np.abs(model.features(INPUTS, rows) - bare).max() > 0.05
    behind = np.abs(model.features(INPUTS, SoftPrompt.of(SUFFIX, rows)) - bare).max()
    assert behind > 0.05 if family == "T5" else behind <= 1e-6


def test_padding_and_other_rows_change_nothing(family, rows):
    model = model_of(family)
    alone = [model.features(Ragged.of([text]), rows)[0] for text in TEXTS]
    many = [TEXTS[row % len(TEXTS)] for row in range(70)]  # three batches, the last of few rows
    order = np.random.default_rng(2).permutation(70)
    together = model.features(Ragged.of([many[row] for row in order]), rows)
    for place, row in enumerate(order):
        np.testing.assert_allclose(together[place], alone[row % len(TEXTS)], rtol=1e-5, atol=1e-5)
    wide = np.zeros((len(TEXTS), 50), np.int32)
    for row, text in enumerate(TEXTS):
        wide[row, : len(text)] = text
    found = means(model.network, Effect(before=jnp.asarray(rows)[None]), wide)
    np.testing.assert_allclose(found, np.stack(alone), rtol=1e-5, atol=1e-5)


@jax.jit
def written_first(network, texts, effect):
    """Logits [B, V] of the first written token, by the pass that scores and writes answers."""
    return network.decode(network.encode(texts, effect), jnp.full((len(texts), 1), 5))[:, 0]


@jax.jit
def state_of_last(network, texts, effect):
    """The state [B, H] of each text's last token."""
    last = jnp.maximum((texts > 0).sum(-1) - 1, 0)[:, None, None]
    return jnp.take_along_axis(network.text_states(texts, effect), last, axis=1)[:, 0]


DECODER_EFFECTS = {
    "keys and values": ["keys_values"],
    "rows behind keys and values": ["keys_values", "before"],
    "every layer": ["before", "layers"],
    "another text": ["text"],
    "rows hidden in some layers": ["before", "hidden"],
    "its own prompt for each text": ["before", "owner"],
}


@pytest.mark.parametrize("fields", DECODER_EFFECTS.values(), ids=list(DECODER_EFFECTS))
def test_a_decoder_writes_from_the_state_of_the_last_token(fields):
    """Whatever a prompt does: its answers and features come by two ways through the layers."""
    rng, config = np.random.default_rng(3), CONFIGS["decoder"]
    several = 2 if "owner" in fields else 1

    def drawn(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    made = {
        "before": drawn(several, P, H),
        "layers": drawn(several, config.layers - 1, P, H),
        "keys_values": drawn(1, config.layers, 2, config.num_kv_heads, 2, config.d_kv),
        "text": drawn(len(TEXTS), 5, H),
        "hidden": jnp.asarray([[True, False, False], [False, True, False]]),
        "owner": jnp.asarray([1, 0, 0, 1]),
    }
    effect = Effect(**{name: made[name] for name in fields})
    texts = np.zeros((len(TEXTS), 5), np.int32)
    for row, text in enumerate(TEXTS):
        texts[row, : len(text)] = text
    network = model_of("decoder").network
    logits = np.asarray(written_first(network, texts, effect))[:, 1 : H + 1]
    states = state_of_last(network, texts, effect)
    np.testing.assert_allclose(states, logits, rtol=1e-5, atol=1e-5)


def test_a_decoders_text_that_does_not_see_the_rows_is_as_without_them(rows):
    """Turned places tell distances alone, so the rows in front move nothing."""
    network = model_of("decoder").network
    texts = np.asarray([TEXTS[0]], np.int32)
    unseen = Effect(jnp.asarray(rows)[None], visible=Visibility("causal", text=False, seen=False))
    bare = network.text_states(texts)
    np.testing.assert_allclose(network.text_states(texts, unseen), bare, rtol=1e-5, atol=1e-5)
    assert np.abs(network.text_states(texts, jnp.asarray(rows)[None]) - bare).max() > 0.05


@pytest.mark.parametrize("name", ["every-layer", "keys-values:rows=2", "map:width=4"])
def test_prompts_of_other_kinds_are_read_behind(family, rows, name):
    from spot.prompts.kind import Start

    model, kind = model_of(family), find_kind(name)
    prompt = SoftPrompt(kind, kind.make(Start.on(model, rows, 0, lambda count: None)))
    found = model.features(INPUTS, prompt)
    shuffled = model.features(Ragged.of(TEXTS[::-1]), prompt)
    np.testing.assert_allclose(found, shuffled[::-1], rtol=1e-5, atol=1e-5)
    assert np.abs(found - model.features(INPUTS)).max() > 0.01


def test_no_texts_have_no_features(family):
    assert model_of(family).features(Ragged.of([])).shape == (0, H)


def test_a_text_without_tokens_is_zeros(family):
    found = model_of(family).features(Ragged.of([[], [7, 1]]))
    assert not found[0].any() and found[1].any()


def test_what_does_not_fit_is_refused(rows):
    long = Ragged.of([range(3, 3 + CONFIGS["decoder"].context)])
    with pytest.raises(
        SpotError, match="expected at most 64 tokens, the model's context, found 67"
    ):
        model_of("decoder").features(long, rows)
    assert model_of("decoder").features(long).shape == (1, H)
    with pytest.raises(SpotError, match=r"expected a prompt \[P, 16\]"):
        model_of("T5").features(INPUTS, rows[:, :5])
