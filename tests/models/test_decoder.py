"""The decoder against a slow version that joins prompt, text and targets and computes all anew."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.weights.build import build
from spot.training.step import row_losses
from tests.models import numpy_decoder
from tests.toys import random_arrays, tiny_decoder

TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13,), (14, 15, 16, 17))
TARGETS = ((5, 6, 2), (9, 2), (4, 3, 2), (8, 2))
KINDS = {
    "llama": {},
    "qwen2": {"biases": True, "tied_head": False},
    "one head a key": {"num_kv_heads": 4},
}


def padded(rows, width=None):
    out = np.zeros((len(rows), width or max(map(len, rows))), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


def prompts(count=2, length=3, width=16):
    return np.random.default_rng(1).normal(size=(count, length, width)).astype(np.float32)


@jax.jit
def decoded(network, texts, prompts, targets):
    return network.decode(network.encode(texts, prompts), targets)


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    """(config, arrays, built model) of a kind of decoder."""
    config = tiny_decoder(**KINDS[request.param])
    arrays = random_arrays(config, seed=3)
    return config, arrays, build(config, arrays, "float32", "float32")


@pytest.mark.parametrize("slots", [0, 2])
def test_logits_are_those_of_the_joined_sequence(kind, slots):
    config, arrays, model = kind
    given = prompts(slots) if slots else None
    found = np.asarray(decoded(model, padded(TEXTS), given, padded(TARGETS)))
    for row, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        prompt = given[row * slots // len(TEXTS)] if slots else None
        slow = numpy_decoder.logits(arrays, config, text, target, prompt)
        np.testing.assert_allclose(found[row, : len(target)], slow, rtol=1e-4, atol=1e-4)


def test_padding_changes_nothing(kind):
    _, _, model = kind
    short = np.asarray(decoded(model, padded(TEXTS), prompts(), padded(TARGETS)))
    long = np.asarray(decoded(model, padded(TEXTS, 12), prompts(), padded(TARGETS, 5)))
    np.testing.assert_allclose(long[:, :3], short, rtol=1e-5, atol=1e-5)


def test_label_words_share_a_text(kind):
    _, _, model = kind
    words = padded(TARGETS[:2])
    shared = decoded(model, padded(TEXTS), prompts(), np.tile(words, (len(TEXTS), 1)))
    copied = decoded(
        model, np.repeat(padded(TEXTS), 2, axis=0), prompts(), np.tile(words, (len(TEXTS), 1))
    )
    np.testing.assert_allclose(shared, copied, rtol=1e-5, atol=1e-5)


def joined_loss(network, prompt, text, target):
    """The naive way: the prompt of one row, then all its tokens, as one causal sequence."""
    model = network.module()
    rows = model.token_embedder(jnp.asarray([*text, *target[:-1]]))
    joined = jnp.concatenate([prompt, rows])[None]
    return _naive_loss(model, joined, jnp.asarray(target))


def _naive_loss(model, x, target):
    from spot.models.attention import Memory
    from spot.models.layers import MASKED
    from spot.models.rope import rotation

    places = jnp.arange(x.shape[1])
    causal = jnp.where(places <= places[:, None], 0.0, MASKED)[None, None]
    for layer in model.layers():
        query, own = layer.project(x, rotation(model.config, places[None]))
        x = layer.rest(x, query, [Memory(*own, causal)], None)
    logits = model.head(x)[0, -len(target) :]
    return (jax.nn.logsumexp(logits, -1) - logits[jnp.arange(len(target)), target]).sum()


def test_the_shared_prefix_gives_the_loss_and_gradient_of_joining(kind):
    _, _, model = kind
    start = jnp.asarray(prompts())

    def shared(given):
        return row_losses(model, given, (padded(TEXTS), padded(TARGETS)))[1].sum()

    def naive(given):
        pairs = enumerate(zip(TEXTS, TARGETS, strict=True))
        return sum(joined_loss(model, given[row // 2], *pair) for row, pair in pairs)

    value, gradient = jax.jit(jax.value_and_grad(shared))(start)
    slow_value, slow_gradient = jax.jit(jax.value_and_grad(naive))(start)
    np.testing.assert_allclose(value, slow_value, rtol=1e-5)
    scale = np.abs(slow_gradient).max()
    np.testing.assert_allclose(gradient / scale, slow_gradient / scale, atol=1e-5)


def test_the_shared_prefix_saves_the_work_of_the_design():
    """Rows of the feed-forward part: P + B*T in the place of B*(P+T)."""
    config = tiny_decoder(layers=3)
    model = build(config, random_arrays(config), "float32", "float32").module()
    rows, length, text = 8, 20, 6
    counted, layer = [], model.layers()[0]
    rest = type(layer).rest

    def counting(self, x, *others):
        counted.append(x.shape[0] * x.shape[1])
        return rest(self, x, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(layer), "rest", counting)
        tokens = np.full((rows, text), 5, np.int32)
        model.decode(model.encode(tokens, prompts(1, length)), np.full((rows, 1), 6))
    # The text's last token is read when decoding, and the last layer only there.
    each = [length, rows * (text - 1)]
    assert counted == each[:1] * 2 + each[1:] * 2 + [rows] * 3
    assert length + rows * text < rows * (length + text) / 2


def test_greedy_decoding_is_that_of_the_slow_version(kind):
    config, arrays, model = kind
    given, eos = prompts(), 20
    fast = jax.jit(lambda: model.greedy(model.encode(padded(TEXTS), given), 6, eos))()
    slow = [
        numpy_decoder.greedy(arrays, config, text, given[row // 2], 6, eos)
        for row, text in enumerate(TEXTS)
    ]
    np.testing.assert_array_equal(fast, slow)


def test_padding_is_never_written(kind):
    _, _, model = kind
    found = decoded(model, padded(TEXTS), prompts(), padded(TARGETS))
    assert (np.asarray(found)[..., 0] < -1e9).all()


@pytest.mark.parametrize("form", ["widen", "upcast"])
def test_bfloat16_is_near(kind, form):
    config, arrays, model = kind
    narrow = build(config, arrays, "bfloat16", form)
    plain = decoded(model, padded(TEXTS), prompts(), padded(TARGETS))[..., 1:]
    near = decoded(narrow, padded(TEXTS), prompts(), padded(TARGETS))[..., 1:]
    assert 0 < np.abs(near - plain).max() < 0.05 * np.abs(plain).max()
