"""The checks that every kind of prompt passes on every family of models, against slow versions that
write prompt, text and answer one behind the other.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.config import TrainSettings
from spot.errors import SpotError
from spot.models.effect import Effect
from spot.models.layers import RowKeys
from spot.models.weights.build import build, to_arrays
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.prompts.stacked import SoftPrompts, stack, unstack
from spot.training.parts import by_length, layout
from spot.training.step import batch_losses, init_state, row_losses, slot_losses, train_step
from tests.models import numpy_decoder, numpy_t5
from tests.toys import random_arrays, tiny_config, tiny_decoder

TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13, 1), (14, 15, 16, 1), (17, 18, 1), (19, 20, 21, 22, 1))
TARGETS = ((5, 6, 2), (9, 2), (4, 3, 2), (8, 2), (3, 2), (6, 7, 2))
S, P, H = 2, 3, 16
ROWS = len(TEXTS) // S
CONFIGS = {
    "T5": tiny_config(vocab_size=40),
    "decoder": tiny_decoder(vocab_size=40),
}


@dataclass(frozen=True)
class Case:
    """A kind on a family: the network, and its slow version behind one prompt's rows [P, H]."""

    kind: object
    config: object
    arrays: dict
    network: object

    def logits(self, rows, text, target):
        around = {"prefix": (rows, ()), "suffix": ((), rows)}[self.kind.name]
        if "num_kv_heads" in self.config.to_json():
            return numpy_decoder.logits(self.arrays, self.config, text, target, *around)
        encoded = numpy_t5.encode(self.arrays, self.config, text, *around)
        return numpy_t5.decode(self.arrays, self.config, encoded, target)

    def greedy(self, rows, text, length):
        out = []
        while len(out) < length and 2 not in out:
            out.append(int(self.logits(rows, text, [*out, 0])[-1].argmax()))
        return out + [0] * (length - len(out))

    def loss(self, rows, text, target):
        logits = self.logits(rows, text, target)
        return (np.log(np.exp(logits).sum(1)) - logits[np.arange(len(target)), target]).sum()

    def prompts(self, rows, owner=None):
        return stack([SoftPrompt.of(self.kind, each) for each in rows], owner)


@functools.cache
def case_of(kind, family):
    config = CONFIGS[family]
    arrays = random_arrays(config, seed=3)
    return Case(KINDS[kind], config, arrays, build(config, arrays, "float32", "float32"))


@pytest.fixture(params=[(kind, family) for kind in KINDS for family in CONFIGS], ids="-".join)
def case(request):
    return case_of(*request.param)


# Where every kind and every family once is enough: what is compiled takes most of the time.
each_once = pytest.mark.parametrize(
    "case", [("prefix", "T5"), ("suffix", "decoder")], ids="-".join, indirect=True
)


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(S, P, H)).astype(np.float32)


def padded(rows, width=None):
    out = np.zeros((len(rows), width or max(map(len, rows))), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


@jax.jit
def decoded(network, texts, prompts, targets):
    return network.decode(network.encode(texts, prompts), targets)


@functools.partial(jax.jit, static_argnames="length")
def written(network, texts, prompts, length):
    return network.greedy(network.encode(texts, prompts), length, 2)


@jax.jit
def gradient(network, prompts, batch, random=None):
    def total(params):
        given = SoftPrompts(prompts.kind, params, prompts.owner)
        return slot_losses(network, given, batch, random)[0].sum()

    return jax.grad(total)(prompts.params)


def batch(order=None):
    texts, targets = padded(TEXTS), padded(TARGETS)
    return (texts, targets) if order is None else (texts[order], targets[order])


# The forward pass.


def test_logits_are_those_of_the_slow_version(case, rows):
    logits = decoded(case.network, padded(TEXTS), case.prompts(rows), padded(TARGETS))
    for row, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        slow = case.logits(rows[row // ROWS], text, target)
        np.testing.assert_allclose(logits[row, : len(target)], slow, rtol=1e-4, atol=1e-4)


def test_greedy_answers_are_those_of_the_slow_version(case, rows):
    answers = written(case.network, padded(TEXTS), case.prompts(rows), 5)
    slow = [case.greedy(rows[row // ROWS], text, 5) for row, text in enumerate(TEXTS)]
    np.testing.assert_array_equal(answers, slow)


def test_padding_changes_nothing(case, rows):
    prompts = case.prompts(rows)
    short = np.asarray(decoded(case.network, padded(TEXTS), prompts, padded(TARGETS)))
    long = decoded(case.network, padded(TEXTS, 12), prompts, padded(TARGETS, 5))
    real = padded(TARGETS) > 0
    np.testing.assert_allclose(np.asarray(long)[:, :3][real], short[real], rtol=1e-5, atol=1e-5)


def test_rows_that_are_embeddings_of_tokens_are_those_tokens_written_out(case):
    words = [30, 31, 32]
    prompts = case.prompts(np.asarray(case.network.embeddings)[words][None])
    prompted = np.asarray(decoded(case.network, padded(TEXTS), prompts, padded(TARGETS)))
    joined = {
        "prefix": [(*words, *text) for text in TEXTS],
        "suffix": [(*text, *words) for text in TEXTS],
    }[case.kind.name]
    plain = np.asarray(decoded(case.network, padded(joined), None, padded(TARGETS)))
    real = padded(TARGETS) > 0
    np.testing.assert_allclose(prompted[real], plain[real], rtol=1e-5, atol=1e-5)


def test_a_prompt_of_no_rows_is_no_prompt(case, rows):
    empty = case.prompts(rows[:, :0])
    without = decoded(case.network, padded(TEXTS), None, padded(TARGETS))
    found = decoded(case.network, padded(TEXTS), empty, padded(TARGETS))
    np.testing.assert_array_equal(found, without)


def test_a_prompt_is_felt_in_training_scoring_and_decoding(case, rows):
    texts, targets = padded(TEXTS), padded(TARGETS)
    for run in (
        lambda given: batch_losses(case.network, given, (texts, targets)),
        lambda given: decoded(case.network, texts, given, targets),
    ):
        assert np.abs(np.asarray(run(case.prompts(rows)) - run(None))).max() > 1e-2
    answers = [written(case.network, texts, given, 5) for given in (case.prompts(rows), None)]
    assert (np.asarray(answers[0]) != np.asarray(answers[1])).any()


# Rows that choose their prompt.


OWNERS = np.asarray([1, 0, 0, 1, 0, 1])


def test_rows_of_several_prompts_in_one_batch_are_as_in_batches_of_their_own(case, rows):
    order = np.argsort(OWNERS, kind="stable")  # each prompt's rows together
    texts, targets = batch()
    mixed = decoded(case.network, texts, case.prompts(rows, OWNERS), targets)
    apart = decoded(case.network, texts[order], case.prompts(rows), targets[order])
    np.testing.assert_allclose(mixed[order], apart, rtol=1e-5, atol=1e-5)
    mixed = written(case.network, texts, case.prompts(rows, OWNERS), 5)
    apart = written(case.network, texts[order], case.prompts(rows), 5)
    np.testing.assert_array_equal(mixed[order], apart)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@each_once
def test_a_shuffled_batch_gives_each_prompt_the_gradient_of_the_sorted_one(case, rows, rate):
    network = case.network.with_dropout(rate)
    keys = jax.random.split(jax.random.key(5), S)
    order = np.asarray([3, 0, 4, 1, 2, 5])  # rows of one prompt stay in their order
    owner = np.repeat(np.arange(S), ROWS)[order]
    place = np.tile(np.arange(ROWS), S)[order]
    shuffled = RowKeys(keys, jnp.asarray(owner), jnp.asarray(place))
    plain = gradient(network, case.prompts(rows), batch(), keys)
    mixed = gradient(network, case.prompts(rows, owner), batch(order), shuffled)
    for name, array in plain.items():
        assert np.abs(array).max() > 1e-3
        scale = np.abs(array).max()
        np.testing.assert_allclose(mixed[name] / scale, array / scale, rtol=0, atol=1e-5)
    if rate:
        other = gradient(case.network.with_dropout(0.0), case.prompts(rows), batch())
        assert any(np.abs(other[name] - array).max() > 1e-3 for name, array in plain.items())


def test_the_gradient_is_that_of_finite_differences(case, rows):
    """In float64, by the slow version, along random directions."""
    pairs = list(enumerate(zip(TEXTS, TARGETS, strict=True)))[:: ROWS - 1]

    def loss(rows):
        return sum(case.loss(rows[row // ROWS], *pair) for row, pair in pairs)

    chosen = [row for row, _ in pairs]
    owner = np.asarray(chosen) // ROWS

    @jax.jit
    def total(params):
        given = SoftPrompts(case.kind, params, jnp.asarray(owner))
        return row_losses(case.network, given, batch(chosen))[1].sum()

    (found,) = jax.grad(total)(case.prompts(rows).params).values()
    rng = np.random.default_rng(2)
    for _ in range(3):
        direction = rng.normal(size=rows.shape)
        step = 1e-5 * direction
        slope = (loss(rows.astype(np.float64) + step) - loss(rows - step)) / 2e-5
        np.testing.assert_allclose((found * direction).sum(), slope, rtol=1e-3)


# Training.


SETTINGS = TrainSettings(warmup_steps=0)


def trained(case, rows, owner=None, order=None, steps=3, rate=0.0, learning_rate=0.05):
    network, kind = case.network.with_dropout(rate), case.kind
    state = init_state(SETTINGS, case.prompts(rows).params, jnp.full(len(rows), learning_rate))
    keys = jnp.stack([jax.random.key(seed) for seed in range(len(rows))])
    losses = []
    for step in range(steps):
        state, numbers = train_step(
            state,
            network,
            batch(order),
            keys,
            jnp.asarray(step),
            settings=SETTINGS,
            kind=kind,
            divide=layout(case.config, kind),
            owner=owner,
        )
        losses.append(np.asarray(numbers["loss"]))
    return state, np.stack(losses)


def test_training_lowers_the_loss_and_changes_the_prompts_alone(case, rows):
    before = hashes(case.network)
    state, losses = trained(case, rows, steps=25, learning_rate=0.3)
    assert hashes(case.network) == before and len(before) > 15
    assert (losses[-1] < 0.9 * losses[0]).all() and bool(state.active.all())
    (array,) = state.params.values()
    assert (np.abs(np.asarray(array) - rows).max(axis=2) > 1e-3).all()


def hashes(network):
    arrays = to_arrays(network.parameters)
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("owners", "order", "rate"),
    [
        ((0, 0, 0, 1, 1, 1), (3, 0, 4, 1, 2, 5), 0.0),
        ((0, 0, 1, 1, 1, 1), (2, 0, 3, 1, 4, 5), 0.3),
    ],
    ids=["even", "uneven"],
)
@each_once
def test_prompts_that_take_turns_in_a_training_batch_are_trained_as_in_blocks(
    case, rows, owners, order, rate
):
    owners, order = np.asarray(owners), np.asarray(order)
    blocks, losses = trained(case, rows, owner=owners, rate=rate)
    mixed, others = trained(case, rows, owner=owners[order], order=order, rate=rate)
    np.testing.assert_array_equal(others, losses)
    for name, array in blocks.params.items():
        np.testing.assert_array_equal(mixed.params[name], array)


@each_once
def test_prompts_of_uneven_rows_are_trained_as_alone(case, rows):
    owner = np.asarray([0, 0, 1, 1, 1, 1])
    both, losses = trained(case, rows, owner=owner)
    for number in range(S):
        order = np.flatnonzero(owner == number)
        alone, own = trained(case, rows[number][None], order=order)
        np.testing.assert_allclose(losses[:, number], own[:, 0], rtol=1e-4)
        for name, array in alone.params.items():
            np.testing.assert_allclose(both.params[name][number], array[0], rtol=1e-3, atol=1e-4)


@each_once
def test_a_prompt_without_rows_stays_as_it_is_and_active(case, rows):
    state, losses = trained(case, rows, owner=np.ones(len(TEXTS), np.int64))
    (array,) = state.params.values()
    np.testing.assert_array_equal(array[0], rows[0])
    assert state.active.tolist() == [True, True] and (losses[:, 0] == 0).all()
    assert np.abs(array[1] - rows[1]).max() > 0.01


def test_texts_are_packed_only_where_the_kind_allows_it(case):
    packs = case.kind.name == "prefix" and case.config is CONFIGS["decoder"]
    assert (layout(case.config, case.kind) is not by_length) == packs


def test_packed_texts_take_no_rows_behind_them(rows):
    network, kind = case_of("suffix", "decoder").network, KINDS["prefix"]
    ((texts, _),) = layout(CONFIGS["decoder"], kind)((np.full((4, 6), 7), np.ones((4, 2))), 1)
    assert texts.ends.shape[1] > 1
    for effect in (Effect(after=rows[:1]), Effect(before=rows, owner=jnp.zeros(4, int))):
        with pytest.raises(ValueError, match="cannot be packed"):
            network.encode(texts, effect)


# Values.


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_prompt_states_its_key_its_size_and_its_place_in_the_context(kind, rows):
    prompt = SoftPrompt.of(kind, rows[0])
    np.testing.assert_array_equal(np.asarray(prompt), rows[0])
    assert prompt.count == kind.count(P, H) == P * H
    assert prompt.tokens == kind.before(P) + kind.after(P) == P
    np.testing.assert_array_equal(np.asarray(prompt, np.float64), rows[0].astype(np.float64))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_stacked_prompts_come_apart_again(kind, rows):
    prompts = [SoftPrompt.of(kind, each) for each in rows]
    for before, after in zip(prompts, unstack(stack(prompts)), strict=True):
        assert after.kind is kind and sorted(after.arrays) == sorted(before.arrays)
        for name, array in before.arrays.items():
            np.testing.assert_array_equal(after.arrays[name], array)


def test_an_array_is_a_plain_prompt(rows):
    assert as_prompt(rows[0]).kind is KINDS["prefix"]
    assert stack(list(rows)).kind is KINDS["prefix"]
    assert as_prompt(prompt := SoftPrompt.of(KINDS["suffix"], rows[0])) is prompt


def test_prompts_of_several_kinds_or_shapes_are_not_stacked(rows):
    prefix, suffix = (SoftPrompt.of(KINDS[name], rows[0]) for name in ("prefix", "suffix"))
    shorter = SoftPrompt.of(KINDS["prefix"], rows[0, :2])
    for other in (suffix, shorter):
        with pytest.raises(SpotError, match="expected prompts of one kind, length and width"):
            stack([prefix, other])


def test_an_unknown_kind_offers_the_nearest():
    with pytest.raises(SpotError, match='unknown prompt kind "sufix".*Did you mean "suffix"') as e:
        find_kind("sufix")
    assert "prefix, suffix" in e.value.hint
