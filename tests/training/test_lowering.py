"""Programs lowered from shapes are those that run with arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models import scoring
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prefix import PREFIX
from spot.prompts.stacked import SoftPrompts
from spot.training import step as steps
from spot.training.lowering import (
    LABELS,
    Shape,
    abstract_network,
    abstract_prompts,
    full_part,
    lower_encode,
    lower_gradient,
    lower_rank,
    lower_update,
)
from spot.training.parts import by_length
from tests.toys import tiny_config, tiny_decoder
from tests.training.conftest import SETTINGS

S, B, T, P = 2, 3, 9, 4


def program(lowered):
    """The text of a lowered program, by which two are equal or not."""
    return lowered.as_text()


def shapes(tree):
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


def test_a_network_of_shapes_is_like_a_loaded_one(tiny_backbone):
    real = tiny_backbone.network
    shaped = abstract_network(real.config, tiny_backbone.precision, real.form)
    assert shapes(shaped.parameters) == shapes(real.parameters)
    assert jax.tree.structure(shaped) == jax.tree.structure(real)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_the_lowered_step_is_the_one_that_runs(tiny_backbone, monkeypatch, dropout):
    """The gradient and the update that `train_step` calls, caught when it calls them."""
    network = tiny_backbone.network.with_dropout(dropout)
    prompts = jnp.asarray(np.random.default_rng(0).normal(size=(S, P, 16)), jnp.float32)
    state = steps.init_state(SETTINGS, {"prompt": prompts}, jnp.full(S, 0.3, jnp.float32))
    batch = (np.full((S * B, T), 5, np.int32), np.full((S * B, 4), 6, np.int32))
    keys = jnp.stack([jax.random.key(seed) for seed in range(S)])
    called = {}

    def catch(name):
        real = getattr(steps, name)

        def wrapped(*arguments, **options):
            called[name] = program(real.lower(*arguments, **options))
            return real(*arguments, **options)

        monkeypatch.setattr(steps, name, wrapped)

    catch("gradient")
    catch("update")
    whole = {"settings": SETTINGS, "divide": lambda batch, slots: [batch]}
    steps.train_step(state, network, batch, keys, jnp.asarray(0), **whole)
    monkeypatch.undo()

    shaped = abstract_network(network.config, tiny_backbone.precision, network.form)
    own = abstract_prompts(PREFIX, S, P, network.config)
    assert program(lower_gradient(shaped, own, batch)) == called["gradient"]
    assert program(lower_update(SETTINGS, own)) == called["update"]


def test_the_lowered_scoring_is_the_one_that_runs(tiny_backbone):
    network = tiny_backbone.network
    texts, labels = np.full((B, T), 5, np.int32), np.array([[6, 1], [7, 1]], np.int32)
    prompts = SoftPrompts(PREFIX, {"prompt": jnp.ones((1, P, 16))})
    encoded = scoring.encode(network, prompts, texts)
    shaped = abstract_network(network.config, tiny_backbone.precision, network.form)
    read = lower_encode(shaped, abstract_prompts(PREFIX, 1, P, network.config), texts)
    assert program(read) == program(scoring.encode.lower(network, prompts, texts))
    ranked = scoring.rank.lower(network, encoded, labels, normalisation="sum")
    compiled = lower_rank(shaped, read.compile(), labels).compile()
    scores = compiled(network, encoded, labels)
    np.testing.assert_array_equal(scores, ranked.compile()(network, encoded, labels))


@pytest.mark.parametrize("kind", map(find_kind, KINDS), ids=list(KINDS))
@pytest.mark.parametrize("config", [tiny_config(), tiny_decoder()], ids=["t5", "decoder"])
def test_a_full_part_has_every_row_at_its_longest(config, kind):
    texts, targets = full_part(config, Shape(kind, S, P, B, T, 4))
    assert (targets == 1).all() and targets.shape == (S * B, 4)
    if config.stacks == (2,) and kind.packed:  # a text's last token stands apart
        assert (np.asarray(texts.ends)[:, -1] <= texts.tokens.shape[1]).all()
        assert int((np.asarray(texts.tokens) > 0).sum()) == S * B * (T - 1)
    else:
        assert (texts == 1).all() and texts.shape == (S * B, T)


def test_the_gradient_is_the_sum_over_parts(tiny_backbone):
    """What is lowered for a part is what each of several parts is computed with."""
    network = tiny_backbone.network.with_dropout(0.0)
    rng = np.random.default_rng(1)
    prompts = SoftPrompts(PREFIX, {"prompt": jnp.asarray(rng.normal(size=(1, P, 16)), jnp.float32)})
    batch = (rng.integers(2, 90, (8, T)), rng.integers(2, 90, (8, 4)))
    compiled = lower_gradient(network, prompts, (batch[0][:4], batch[1][:4])).compile()
    parts = by_length(batch, 1, part_rows=4)
    every = [compiled(network, prompts, part, None)[0]["prompt"] for part in parts]
    whole = steps.gradient(network, prompts, batch, None, loss=steps.CROSS_ENTROPY)[0]["prompt"]
    np.testing.assert_allclose(sum(every), whole, rtol=1e-5, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("loss", ["perceptron", "label-cross-entropy:distil=0.5"])
@pytest.mark.parametrize("config", [tiny_config(), tiny_decoder()], ids=["t5", "decoder"])
def test_a_loss_of_label_words_is_lowered_with_some(config, loss):
    texts, choices = full_part(config, Shape(PREFIX, S, P, B, T, 4), loss=loss)
    assert choices.words.shape == (S * B, *LABELS) and choices.gold.shape == (S * B,)
    assert (choices.teacher is None) == (loss == "perceptron")
    network = abstract_network(config, "float32", "float32")
    lowered = lower_gradient(
        network, abstract_prompts(PREFIX, S, P, network.config), (texts, choices), loss
    )
    assert lowered.out_info[0]["prompt"].shape == (S, P, 16)
