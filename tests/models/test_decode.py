"""Greedy decoding with a cache against decoding everything anew, and the reference's predictions."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

from spot.models.decode import EOS, greedy
from spot.models.weights.build import build
from tests.models import numpy_t5
from tests.toys import random_arrays, tiny_config

LENGTH = 7
TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13, 1), (14, 15, 16, 1), (17, 18, 19, 1), (20, 21, 1))


@functools.partial(jax.jit, static_argnames="length")
def predict(network, tokens, prompts, length):
    return network.greedy(network.encode(tokens, prompts), length)


def padded(texts):
    tokens = np.zeros((len(texts), max(map(len, texts))), np.int32)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = text
    return tokens


def talkative(version):
    """(config, arrays) of a random model whose predictions depend on the text, and which ends some."""
    changes = {"activation": "relu", "tied_head": True} if version == "1.0" else {}
    config = tiny_config(decoder_layers=2, vocab_size=24, **changes)
    arrays = random_arrays(config, seed={"1.1": 6, "1.0": 54}[version])
    for layer in range(2):
        arrays[f"decoder/layers_{layer}/encoder_decoder_attention/out/kernel"] *= 4
    if version == "1.0":
        arrays["token_embedder/embedding"][EOS] *= 2
    else:
        arrays["decoder/logits_dense/kernel"][:, EOS] *= 2
    return config, arrays


@pytest.fixture(scope="module", params=["1.1", "1.0"])
def decoded(request):
    """(ids [B, 7], the same by the slow version) with a prompt."""
    config, arrays = talkative(request.param)
    prompt = np.random.default_rng(1).normal(size=(2, config.d_model)).astype(np.float32)
    prompts = np.broadcast_to(prompt, (len(TEXTS), *prompt.shape))
    model = build(config, arrays, "float32", "float32")
    fast = np.asarray(predict(model, padded(TEXTS), prompts, LENGTH))
    slow = [
        numpy_t5.greedy(arrays, config, numpy_t5.encode(arrays, config, text, prompt), LENGTH)
        for text in TEXTS
    ]
    return fast, np.asarray(slow)


def test_the_cache_gives_what_decoding_anew_gives(decoded):
    fast, slow = decoded
    np.testing.assert_array_equal(fast, slow)


def test_rows_end_at_different_places_and_stay_ended(decoded):
    fast, _ = decoded
    ends = [list(row).index(EOS) if EOS in row else LENGTH for row in fast]
    assert len(set(ends)) > 2, "choose another seed: this one tests nothing"
    for row, end in zip(fast, ends, strict=True):
        assert not row[end + 1 :].any()


@pytest.mark.parametrize(("texts", "steps"), [([TEXTS[0], TEXTS[3]], 1), (TEXTS[:4], LENGTH)])
def test_decoding_stops_when_all_rows_have_ended(texts, steps):
    config, arrays = talkative("1.1")
    model = build(config, arrays, "float32", "float32").module()
    prompt = np.random.default_rng(1).normal(size=(2, config.d_model)).astype(np.float32)
    prompts = np.broadcast_to(prompt, (len(texts), *prompt.shape))
    made, head = [], model.head

    def counted(_self, x):
        jax.debug.callback(lambda: made.append(1))
        return head(x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "head", counted)
        jax.block_until_ready(
            jax.jit(lambda: greedy(model, model.encode(padded(texts), prompts), LENGTH))()
        )
        jax.effects_barrier()
    assert len(made) == steps


def test_float32_predicts_what_the_reference_implementation_predicts(golden):
    # The reference decodes with one beam, which is greedy.
    network = build(golden.config, golden.params, "float32", "float32")
    tokens = golden.encoder_input_tokens
    prompts = np.broadcast_to(golden.prompt, (len(tokens), *golden.prompt.shape))
    found = predict(network, tokens, prompts, golden.predict_batch.shape[1])
    np.testing.assert_array_equal(found, golden.predict_batch)
