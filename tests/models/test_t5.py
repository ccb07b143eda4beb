"""The T5 against the reference implementation, a slow one in NumPy, and its own invariants."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.layers import bucket
from spot.models.weights.build import build
from tests.models import numpy_t5
from tests.toys import random_arrays, tiny_config

SUFFIXES = ("prompt", "noprompt")


@jax.jit
def forward(network, tokens, prompts, targets):
    """Encoder output and logits with one prompt a row, or None."""
    encoded = network.encode(tokens, prompts)
    return encoded.output, network.decode(encoded, targets)


def repeated(prompt, rows):
    return None if prompt is None else np.broadcast_to(prompt, (rows, *prompt.shape))


def golden_run(golden, suffix, precision, form):
    """Our output and logits, and the masks of the places that the reference fills."""
    model = build(golden.config, golden.params, precision, form)
    prompt = golden.prompt if suffix == "prompt" else None
    tokens, targets = golden.encoder_input_tokens, golden.decoder_target_tokens
    output, logits = forward(model, tokens, repeated(prompt, len(tokens)), targets)
    seen = tokens > 0
    if prompt is not None:
        seen = np.concatenate([np.ones((len(tokens), len(prompt)), bool), seen], axis=1)
    return np.asarray(output)[seen], np.asarray(logits)[targets > 0], seen, targets > 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_float32_equals_the_reference_implementation(golden, suffix):
    output, logits, seen, real = golden_run(golden, suffix, "float32", "float32")
    expected = getattr(golden, f"encoder_output_{suffix}"), getattr(golden, f"logits_{suffix}")
    np.testing.assert_allclose(output, expected[0][seen], rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits, expected[1][real], rtol=0, atol=1e-4)


def test_bfloat16_is_as_near_to_float32_as_the_references_bfloat16(golden):
    output, logits, seen, real = golden_run(golden, "prompt", "bfloat16", "widen")
    for ours, name, where in (
        (output, "encoder_output_prompt", seen),
        (logits, "logits_prompt", real),
    ):
        exact = getattr(golden, name)[where]
        theirs = np.sqrt(np.mean((getattr(golden, f"{name}_bf16")[where] - exact) ** 2))
        error = np.sqrt(np.mean((ours - exact) ** 2))
        assert 0.1 * theirs < error < theirs


VERSIONS = {
    "1.1": tiny_config(encoder_layers=2, decoder_layers=2, d_kv=3),
    "1.0": tiny_config(encoder_layers=2, d_kv=5, activation="relu", tied_head=True),
}


@pytest.fixture(scope="module", params=sorted(VERSIONS))
def version(request):
    """(config, arrays, network) of a random T5 of this version."""
    config = VERSIONS[request.param]
    arrays = random_arrays(config, seed=3)
    return config, arrays, build(config, arrays, "float32", "float32")


def test_equals_the_slow_version_in_numpy(version):
    config, arrays, model = version
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 192, size) for size in (11, 6, 1)]
    targets = [rng.integers(3, 192, size) for size in (5, 2, 3)]
    prompt = rng.normal(size=(4, config.d_model)).astype(np.float32)
    tokens, wanted = np.zeros((3, 11), np.int32), np.zeros((3, 5), np.int32)
    for row, (text, target) in enumerate(zip(texts, targets, strict=True)):
        tokens[row, : len(text)], wanted[row, : len(target)] = text, target
    output, logits = forward(model, tokens, repeated(prompt, 3), wanted)
    for row, (text, target) in enumerate(zip(texts, targets, strict=True)):
        encoded = numpy_t5.encode(arrays, config, text, prompt)
        np.testing.assert_allclose(output[row, : 4 + len(text)], encoded, rtol=0, atol=1e-4)
        slow = numpy_t5.decode(arrays, config, encoded, target)
        np.testing.assert_allclose(logits[row, : len(target)], slow, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", sorted(VERSIONS))
def test_both_bfloat16_forms_give_every_weight_the_same_gradient(name):
    config = VERSIONS[name]
    arrays = random_arrays(config, seed=3)
    rng = np.random.default_rng(1)
    tokens, targets = rng.integers(3, 192, (2, 9)), rng.integers(3, 192, (2, 4))

    @jax.jit
    def gradient(network):
        def loss(network):
            logits = forward(network, tokens, None, targets)[1]
            return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1).mean()

        return jax.grad(loss)(network)

    widen, upcast, exact = (
        jax.tree.leaves(gradient(build(config, arrays, "float32", form)))
        for form in ("widen", "upcast", "float32")
    )
    # They round the same operands. Where a processor computes a last digit otherwise in one of the two
    # programs, a few operands round the other way: that is small beside what rounding itself costs.
    pairs = zip(widen, upcast, strict=True)
    apart = [float(np.linalg.norm(ours - theirs)) for ours, theirs in pairs]
    costs = [float(np.linalg.norm(a - b)) for a, b in zip(upcast, exact, strict=True)]
    for difference, cost, unrounded in zip(apart, costs, exact, strict=True):
        assert difference < cost < 0.1 * np.linalg.norm(unrounded)
    assert np.linalg.norm(apart) < 0.5 * np.linalg.norm(costs)


@pytest.mark.parametrize(("buckets", "furthest"), [(32, 128), (8, 20), (4, 8), (32, 64)])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_buckets_are_those_of_whole_number_arithmetic(buckets, furthest, bidirectional):
    distances = np.arange(-300, 301)
    found = np.asarray(bucket(jnp.asarray(distances), buckets, furthest, bidirectional))
    slow = [numpy_t5.bucket(int(d), buckets, furthest, bidirectional) for d in distances]
    np.testing.assert_array_equal(found, slow)


TOKENS = np.asarray([[7, 8, 9, 10, 1, 0], [11, 12, 1, 0, 0, 0]], np.int32)
TARGETS = np.asarray([[20, 21, 1], [22, 1, 0]], np.int32)


@pytest.fixture(scope="module")
def prompt(tiny_backbone):
    shape = (3, tiny_backbone.config.d_model)
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def run(backbone, tokens, prompt, targets):
    return forward(backbone.network, tokens, repeated(prompt, len(tokens)), targets)


@pytest.fixture(scope="module")
def plain(tiny_backbone, prompt):
    """Output and logits of TOKENS and TARGETS."""
    return run(tiny_backbone, TOKENS, prompt, TARGETS)


def test_padding_to_another_bucket_changes_nothing(tiny_backbone, prompt, plain):
    tokens, targets = np.pad(TOKENS, ((0, 0), (0, 10))), np.pad(TARGETS, ((0, 0), (0, 5)))
    _, logits = run(tiny_backbone, tokens, prompt, targets)
    real = TARGETS > 0
    np.testing.assert_allclose(np.asarray(logits)[:, :3][real], plain[1][real], rtol=0, atol=1e-5)


def test_the_order_of_rows_changes_nothing(tiny_backbone, prompt, plain):
    _, logits = run(tiny_backbone, TOKENS[::-1], prompt, TARGETS[::-1])
    np.testing.assert_allclose(logits[::-1], plain[1], rtol=0, atol=1e-5)


def test_a_row_does_not_see_its_neighbour(tiny_backbone, prompt, plain):
    tokens = TOKENS.copy()
    tokens[1] = [30, 31, 32, 33, 34, 1]
    _, logits = run(tiny_backbone, tokens, prompt, TARGETS)
    np.testing.assert_allclose(logits[0], plain[1][0], rtol=0, atol=1e-5)
    assert np.abs(logits[1] - plain[1][1]).max() > 1e-2


def test_a_target_sees_only_what_comes_before_it(tiny_backbone, prompt, plain):
    targets = TARGETS.copy()
    targets[:, 1] = 99
    _, logits = run(tiny_backbone, TOKENS, prompt, targets)
    np.testing.assert_allclose(logits[:, :2], plain[1][:, :2], rtol=0, atol=1e-5)
    assert np.abs(logits[0, 2] - plain[1][0, 2]).max() > 1e-2


def test_a_prompt_of_token_embeddings_is_those_tokens_in_front(tiny_backbone):
    words = np.asarray([40, 41, 42], np.int32)
    prompted = run(tiny_backbone, TOKENS, tiny_backbone.embeddings[words], TARGETS)
    written = np.concatenate([np.broadcast_to(words, (2, 3)), TOKENS], axis=1)
    for ours, theirs in zip(prompted, run(tiny_backbone, written, None, TARGETS), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_a_prompt_is_seen_even_where_it_is_zero(tiny_backbone, plain):
    nothing = np.zeros((3, tiny_backbone.config.d_model), np.float32)
    with_zeros = run(tiny_backbone, TOKENS, nothing, TARGETS)[1]
    without = run(tiny_backbone, TOKENS, None, TARGETS)[1]
    assert np.abs(with_zeros - without).max() > 1e-2


def test_each_row_has_its_own_prompt(tiny_backbone, prompt, plain):
    both = np.stack([prompt, -prompt])
    logits = forward(tiny_backbone.network, TOKENS, both, TARGETS)[1]
    np.testing.assert_allclose(logits[0], plain[1][0], rtol=0, atol=1e-5)
    assert np.abs(logits[1] - plain[1][1]).max() > 1e-2


def test_several_targets_of_one_text_are_as_if_decoded_one_by_one(tiny_backbone, prompt):
    labels = np.asarray([[50, 1, 0], [51, 52, 1], [53, 54, 55]], np.int32)
    together = run(tiny_backbone, TOKENS, prompt, np.tile(labels, (2, 1)))[1]
    assert together.shape == (6, 3, tiny_backbone.config.vocab_size)
    for number, label in enumerate(labels):
        alone = run(tiny_backbone, TOKENS, prompt, np.stack([label, label]))[1]
        np.testing.assert_allclose(together[number::3], alone, rtol=0, atol=1e-5)


def test_dropout_follows_its_keys_slot_by_slot(tiny_backbone):
    model = tiny_backbone.network
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    encode = jax.jit(lambda tokens, keys: model.encode(tokens, None, keys).output)
    tokens = np.concatenate([TOKENS, TOKENS])
    there, back = encode(tokens, keys), encode(tokens, keys[::-1])
    np.testing.assert_allclose(there, np.roll(back, 2, axis=0), rtol=0, atol=1e-5)
    assert np.abs(there[:2] - there[2:]).max() > 1e-2
    np.testing.assert_array_equal(there, encode(tokens, keys))
