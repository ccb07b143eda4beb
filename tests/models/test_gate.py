"""The gate of attention to a prompt, and columns that nothing sees, against the same done otherwise."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.attention import PROMPT, TEXT, attend
from spot.models.effect import Effect, Visibility
from spot.models.gate import gates, split
from spot.models.layers import merge_heads
from spot.models.scoring import generate
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
def network_of(family, biased=True):
    config = CONFIGS[family]
    arrays = random_arrays(config, seed=4)
    if not biased:
        arrays = {
            name: np.zeros_like(array) if "relpos_bias" in name else array
            for name, array in arrays.items()
        }
    return build(config, arrays, "float32", "float32")


@pytest.fixture(params=list(CONFIGS))
def family(request):
    return request.param


@pytest.fixture
def network(family):
    return network_of(family)


@pytest.fixture
def texts():
    drawn = np.random.default_rng(0).integers(3, V, (B, T))
    return np.where(np.arange(T) < np.asarray(LENGTHS)[:, None], drawn, 0).astype(np.int32)


@pytest.fixture
def rows():
    """Rows of one prompt [1, P, H]."""
    return jnp.asarray(np.random.default_rng(1).normal(size=(1, P, H)), jnp.float32)


@jax.jit
def logits(network, texts, effect):
    return network.decode(network.encode(texts, effect), TARGETS)


@jax.jit
def looks_at(network, texts, effect):
    """Every look with its split: (look's arrays, split, what attention gives)."""
    found = []
    for look in network.module().looks(texts, TARGETS, effect):
        found.append((look.groups, split(look), attend("float32", look.query, look.memories)))
    return found


def names(network, texts, effect):
    """(stack, layer) of every look, in order."""
    found = []
    jax.eval_shape(
        lambda: found.extend(
            (look.stack, look.layer) for look in network.module().looks(texts, TARGETS, effect)
        )
    )
    return found


def looked(network, texts, effect):
    """Every look."""
    arrays = jax.jit(
        lambda network, texts, effect: [
            look._replace(stack=None, layer=None)
            for look in network.module().looks(texts, TARGETS, effect)
        ]
    )(network, texts, effect)
    return [
        look._replace(stack=stack, layer=layer)
        for look, (stack, layer) in zip(arrays, names(network, texts, effect), strict=True)
    ]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def hidden_in(network, columns, layers=None, count=P):
    depth = network.config.stacks[0] + (len(network.config.stacks) > 1)
    hidden = np.zeros((depth, count), bool)
    chosen = range(depth) if layers is None else layers
    hidden[np.ix_(list(chosen), list(columns))] = True
    return jnp.asarray(hidden)


def around(rows):
    return Effect(before=rows, after=rows[:, :2] * 0.5)


def fronted(network, rows):
    config = network.config
    shape = (1, config.stacks[0], 2, config.kv_heads, 2, config.d_kv)
    return Effect(before=rows, keys_values=jnp.asarray(np.random.default_rng(2).normal(size=shape)))


@pytest.mark.parametrize("kind", ["rows", "around", "keys and values"])
def test_the_two_terms_make_up_what_attention_gives(network, texts, rows, kind):
    effect = {"rows": Effect(before=rows), "around": around(rows)}.get(kind) or fronted(
        network, rows
    )
    found = looks_at(network, texts, effect)
    assert len(found) == len(names(network, texts, effect)) >= 7
    for _, parts, whole in found:
        gate = parts.gate[..., None]
        close(gate * parts.prompt + (1 - gate) * parts.text, whole)


def test_what_attention_gives_is_what_the_layer_adds(texts, rows):
    """From one look, attention's terms and the rest of the layer give the queries of the next look."""
    network = network_of("T5")
    module, effect = network.module(), Effect(before=rows)
    looks = [look for look in looked(network, texts, effect) if look.stack == "read"]
    x = module._surrounded(jnp.asarray(texts), effect)[0]
    for layer, look, after in zip(module.encoder.layers(), looks, looks[1:], strict=False):
        parts = split(look)
        gate = parts.gate[..., None]
        seen = layer.attention.out(merge_heads(gate * parts.prompt + (1 - gate) * parts.text))
        x = x + seen
        x = x + layer.mlp(layer.pre_mlp_layer_norm(x), None)
        following = module.encoder.layers()[after.layer]
        close(following.attention.queries(following.pre_attention_layer_norm(x)), after.query)


def test_the_looks_are_those_of_the_decoder(texts, rows):
    network = network_of("decoder")
    module, effect = network.module(), Effect(before=rows)
    looks = [look for look in looked(network, texts, effect) if look.stack == "write"]
    read = module.encode(texts, effect)
    x = jnp.concatenate(
        [read.first[:, None], module.token_embedder(jnp.asarray(TARGETS[:, :-1]))], axis=1
    )
    for layer, look in zip(module.layers(), looks, strict=True):
        parts = split(look)
        gate = parts.gate[..., None]
        x = x + layer.out(merge_heads(gate * parts.prompt + (1 - gate) * parts.text))
        normed = layer.mlp_norm(x)
        x = x + layer.down(jax.nn.silu(layer.gate(normed)) * layer.up(normed))
    close(module.head(x), module.decode(read, jnp.asarray(TARGETS)))


def test_the_gate_is_the_share_of_weights_on_the_prompt(network, texts, rows):
    """By numpy, from the logits of one look."""
    look = looked(network, texts, Effect(before=rows))[0]
    query = np.asarray(look.query)
    weights, owned = [], []
    for memory, own in zip(look.memories, look.owned, strict=True):
        times = query.shape[1] // memory.keys.shape[1]
        keys = np.repeat(np.asarray(memory.keys), times, axis=1)
        keys = np.broadcast_to(keys, (len(query), *keys.shape[1:]))
        bias = 0.0 if memory.bias is None else np.asarray(memory.bias)
        weights.append(query @ keys.swapaxes(-1, -2) + bias)
        owned.append(np.broadcast_to(own, (len(query), own.shape[1])))
    exact = np.exp(np.concatenate(weights, -1).astype(np.float64))
    of_prompt = np.concatenate(owned, -1)[:, None, None]
    close(split(look).gate, (exact * of_prompt).sum(-1) / exact.sum(-1))


def test_a_prompt_twice_doubles_the_odds(network, texts, rows):
    """At fixed logits: the columns of the prompt once more."""
    looks = looked(network, texts, fronted(network, rows))
    look = next(look for look in looks if len(look.memories) > 1 and look.stack != "prompt")
    front, *others = look.memories
    of_front, *of_others = look.owned
    alone = [jnp.zeros_like(own) for own in of_others]  # the front's columns are the prompt here
    once = split(look._replace(owned=[of_front, *alone])).gate
    twice = split(
        look._replace(memories=[front, front, *others], owned=[of_front, of_front, *alone])
    ).gate
    close(twice / (1 - twice), 2 * once / (1 - once))


def test_without_all_columns_the_model_is_bare(network, texts, rows):
    """Distances stay, so that it does not matter where a text stands."""
    effect = Effect(before=rows, hidden=hidden_in(network, range(P)))
    found = logits(network, texts, effect)
    close(found, logits(network, texts, Effect()))
    assert np.abs(found - logits(network, texts, Effect(before=rows))).max() > 1e-3
    for _, parts, _ in looks_at(network, texts, effect)[-2:]:
        assert np.asarray(parts.gate).max() == 0.0


def test_hidden_keys_and_values_are_as_if_they_were_not_there(network, texts, rows):
    both = fronted(network, rows)
    front = both.keys_values
    alone = Effect(keys_values=front, hidden=hidden_in(network, range(2), count=2))
    close(logits(network, texts, alone), logits(network, texts, Effect()))
    all_hidden = hidden_in(network, range(2 + P), count=2 + P)
    hidden = Effect(before=rows, keys_values=front, hidden=all_hidden)
    close(logits(network, texts, hidden), logits(network, texts, Effect()))


def test_writing_does_not_see_hidden_columns(network, texts, rows):
    def written(effect):
        return np.asarray(generate(network, network.encode(texts, effect), length=4, eos=1))

    hidden = Effect(before=rows, hidden=hidden_in(network, range(P)))
    assert (written(hidden) == written(Effect())).all()
    assert (written(Effect(before=rows)) != written(Effect())).any()


def test_hiding_the_first_row_is_removing_it(network, texts, rows):
    hidden = Effect(before=rows, hidden=hidden_in(network, [0]))
    close(logits(network, texts, hidden), logits(network, texts, Effect(before=rows[:, 1:])))


@pytest.mark.parametrize("row", range(P))
def test_hiding_a_row_is_removing_it_where_places_do_not_count(texts, rows, row):
    network = network_of("T5", biased=False)
    hidden = Effect(before=rows, hidden=hidden_in(network, [row]))
    removed = Effect(before=jnp.delete(rows, row, axis=1))
    close(logits(network, texts, hidden), logits(network, texts, removed))


def test_from_a_layer_upward_the_layers_below_are_as_they_were(network, texts, rows):
    depth = network.config.stacks[0]
    plain = looks_at(network, texts, Effect(before=rows))
    hidden = Effect(before=rows, hidden=hidden_in(network, range(P), range(1, depth)))
    stacks = names(network, texts, hidden)
    for (stack, layer), (_, ours, _), (_, theirs, _) in zip(
        stacks, looks_at(network, texts, hidden), plain, strict=True
    ):
        if layer == 0 and stack == "read":
            close(ours.gate, theirs.gate)
            assert np.asarray(ours.gate).max() > 0.01
        elif stack == "read":
            text = np.asarray(ours.gate)[:, :, -T:]
            assert text.max() == 0.0


def test_the_answer_reads_no_hidden_rows_of_an_encoder(texts, rows):
    """Hidden from the decoder alone: the encoder's output is the same, its rows are masked."""
    network = network_of("T5")
    hidden = Effect(before=rows, hidden=hidden_in(network, range(P), [3]))
    plain, ours = network.encode(texts, Effect(before=rows)), network.encode(texts, hidden)
    close(ours.output, plain.output)
    assert not ours.mask[:, :P].any()
    assert (ours.mask[:, P:] == plain.mask[:, P:]).all()


def test_sums_count_every_query_once(family, network, texts, rows):
    effect, real = around(rows), np.asarray([True, True, True, False])
    found = gates(network, effect, texts, TARGETS, real)
    tokens, written = sum(LENGTHS[:3]), int((TARGETS[:3] > 0).sum())
    queries = {stack: np.asarray(every[0].queries).tolist() for stack, every in found.items()}
    if family == "T5":  # TEXT, PROMPT
        assert queries == {
            "read": [tokens, 3 * (P + 2)],
            "write": [written, 0],
            "cross": [written, 0],
        }
    else:  # the last token, and the last row behind it, write
        assert queries == {"prompt": [0, P], "read": [tokens, 3], "write": [written, 0]}
        assert np.asarray(found["prompt"][0].gate)[1] == pytest.approx(P)
    for every in found.values():
        for gate in every:
            assert (np.asarray(gate.gate) <= np.asarray(gate.queries)[:, None] + 1e-4).all()


def test_groups_mark_text_and_prompt(texts, rows):
    network = network_of("T5")
    look = looked(network, texts, around(rows))[0]
    expected = [[PROMPT] * P + [TEXT] * n + [PROMPT] * 2 + [0] * (T - n) for n in LENGTHS]
    assert np.asarray(look.groups).tolist() == expected


def test_unseen_rows_have_no_share_in_the_text(network, texts, rows):
    among = "causal"
    effect = Effect(before=rows, visible=Visibility(among, text=False, seen=False))
    for (stack, _), (groups, parts, _) in zip(
        names(network, texts, effect), looks_at(network, texts, effect), strict=True
    ):
        if stack == "read":
            gate = np.broadcast_to(groups[:, None] == TEXT, parts.gate.shape) * parts.gate
            assert gate.max() == 0.0
