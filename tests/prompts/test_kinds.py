"""The checks that every kind of prompt passes on every family of models. A kind that the table gains is
checked without a line here; `SMALL` makes its arrays small, where they would not be.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bank.entry import Backbone
from spot.config import TrainSettings
from spot.errors import SpotError
from spot.models.effect import Effect
from spot.models.layers import RowKeys
from spot.models.model import Model
from spot.models.weights.build import build, to_arrays
from spot.prompts.files import read_prompt, write_prompt
from spot.prompts.kind import Start
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prompt import SoftPrompt, as_prompt
from spot.prompts.stacked import SoftPrompts, stack, unstack
from spot.training.batches import Source
from spot.training.parts import by_length, layout
from spot.training.prompt_tuning import PromptLearner, train_prompts
from spot.training.slots import Reporter, Slot
from spot.training.step import batch_losses, init_state, row_losses, slot_losses, train_step
from tests.conftest import bound_memory
from tests.prompts.passes import TARGETS, TEXTS, batch, decoded, padded, written
from tests.toys import random_arrays, tiny_config, tiny_decoder, toy_data

S, P, H = 2, 4, 16
ROWS = len(TEXTS) // S
CONFIGS = {
    "T5": tiny_config(vocab_size=192, encoder_layers=2),
    "decoder": tiny_decoder(vocab_size=192),
}
SMALL = {
    "map": "map:width=4",
    "dept": "dept:texts=5,width=3",
    "generator": "generator:width=4",
    "pool": "pool:size=3,top=2",
    "attempt": "attempt:sources=2,width=4",
    "mlp": "mlp:width=6",
    "lstm": "lstm:width=4",
}
NAMES = [SMALL.get(name, name) for name in KINDS]
MORE = [
    ("every-layer:change=add", "decoder"),
    ("keys-values:rows=2,sink=1", "T5"),
    ("keys-values:rows=2,sink=1", "decoder"),
]


@dataclass(frozen=True)
class Case:
    """A kind on a model of a family."""

    kind: Any
    model: Any

    @property
    def network(self):
        return self.model.network

    @property
    def config(self):
        return self.model.config

    def made(self, rows, seed=0):
        """A prompt [P, H] before training."""
        start = Start.on(self.model, rows, seed, others)
        return SoftPrompt(self.kind, self.kind.make(start))

    def stirred(self, rows, seed=0):
        """A prompt all of whose trained numbers have moved, so that each of them is felt."""
        prompt, rng = self.made(rows, seed), np.random.default_rng(seed)
        arrays = {
            name: array + 0.3 * rng.normal(size=array.shape).astype(np.float32)
            if self.kind.rates.get(name, 1)
            else array
            for name, array in prompt.arrays.items()
        }
        return SoftPrompt(self.kind, arrays)

    def prompts(self, rows, owner=None):
        """S stirred prompts [S, P, H] on the device."""
        return stack([self.stirred(each, seed) for seed, each in enumerate(rows)], owner)


def others(count):
    """Prompts of other tasks, for kinds that are made of them."""
    return np.random.default_rng(9).normal(size=(count, P, H)).astype(np.float32)


@functools.cache
def model_of(family):
    config = CONFIGS[family]
    network = build(config, random_arrays(config, seed=3), "float32", "float32")
    return Model(Backbone(family, "f"), None, "float32", lambda: config, lambda: network)


def refused(kind, family):
    """Whether the kind says that it cannot work on the family."""
    try:
        find_kind(kind).check(CONFIGS[family])
    except SpotError:
        return True
    return False


EVERY = [
    *((kind, family) for kind in NAMES for family in CONFIGS if not refused(kind, family)),
    *MORE,
]


@pytest.fixture(scope="module", params=EVERY, ids="-".join)
def case(request):
    """A case, whose tests run together."""
    kind, family = request.param
    yield Case(find_kind(kind), model_of(family))
    bound_memory()


# Where each family and each way to divide a batch once is enough.
each_once = pytest.mark.parametrize(
    "case", [("prefix", "T5"), ("suffix", "decoder")], ids="-".join, indirect=True
)


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(S, P, H)).astype(np.float32)


@jax.jit
def gradient(network, prompts, batch, random=None):
    def total(params):
        given = SoftPrompts(prompts.kind, params, prompts.owner)
        return slot_losses(network, given, batch, random)[0].sum()

    return jax.grad(total)(prompts.params)


# The forward pass.


def test_padding_changes_nothing(case, rows):
    prompts = case.prompts(rows)
    short = np.asarray(decoded(case.network, padded(TEXTS), prompts, padded(TARGETS)))
    long = decoded(case.network, padded(TEXTS, 12), prompts, padded(TARGETS, 5))
    real = padded(TARGETS) > 0
    np.testing.assert_allclose(np.asarray(long)[:, :3][real], short[real], rtol=1e-5, atol=1e-5)


def test_a_prompt_is_felt_in_training_scoring_and_decoding(case, rows):
    texts, targets, prompts = padded(TEXTS), padded(TARGETS), case.prompts(rows)
    for run in (
        lambda given: batch_losses(case.network, given, (texts, targets)),
        lambda given: decoded(case.network, texts, given, targets),
    ):
        assert np.abs(np.asarray(run(prompts) - run(None))).max() > 1e-2
    answers = [written(case.network, texts, given, 5) for given in (prompts, None)]
    assert (np.asarray(answers[0]) != np.asarray(answers[1])).any()


def test_what_is_written_is_what_is_scored_highest(case, rows):
    """Decoding token by token against one pass over the whole answer."""
    texts, prompts = padded(TEXTS), case.prompts(rows)
    answers = np.asarray(written(case.network, texts, prompts, 5))
    logits = np.asarray(decoded(case.network, texts, prompts, answers))
    for answer, each in zip(answers, logits, strict=True):
        length = int((answer > 0).sum())
        np.testing.assert_array_equal(each[:length].argmax(-1), answer[:length])


OWNERS = np.asarray([1, 0, 0, 1, 0, 1])


def test_rows_of_several_prompts_in_one_batch_are_as_in_batches_of_their_own(case, rows):
    """So neither the order of rows nor what else a batch holds changes anything."""
    order = np.argsort(OWNERS, kind="stable")  # each prompt's rows together
    texts, targets = batch()
    mixed = decoded(case.network, texts, case.prompts(rows, OWNERS), targets)
    apart = decoded(case.network, texts[order], case.prompts(rows), targets[order])
    np.testing.assert_allclose(mixed[order], apart, rtol=1e-5, atol=1e-5)
    mixed = written(case.network, texts, case.prompts(rows, OWNERS), 5)
    apart = written(case.network, texts[order], case.prompts(rows), 5)
    np.testing.assert_array_equal(mixed[order], apart)


def test_a_shuffled_batch_gives_each_prompt_the_gradient_of_the_sorted_one(case, rows):
    """With dropout, which is a matter of a prompt and its rows, not of where they stand."""
    network = case.network.with_dropout(0.3)
    keys = jax.random.split(jax.random.key(5), S)
    order = np.asarray([3, 0, 4, 1, 2, 5])  # rows of one prompt stay in their order
    owner = np.repeat(np.arange(S), ROWS)[order]
    place = np.tile(np.arange(ROWS), S)[order]
    shuffled = RowKeys(keys, jnp.asarray(owner), jnp.asarray(place))
    plain = gradient(network, case.prompts(rows), batch(), keys)
    mixed = gradient(network, case.prompts(rows, owner), batch(order), shuffled)
    for name, array in plain.items():
        trained = case.kind.rates.get(name, 1) > 0
        assert (np.abs(array).max() > 1e-5) == trained, name
        scale = np.abs(array).max() if trained else 1
        np.testing.assert_allclose(mixed[name] / scale, array / scale, rtol=0, atol=2e-5)
    other = gradient(network, case.prompts(rows), batch(), jax.random.split(jax.random.key(6), S))
    assert any(np.abs(other[name] - array).max() > 1e-3 for name, array in plain.items())


def test_the_gradient_is_that_of_finite_differences(case, rows):
    """In float64, along random directions through all trained arrays."""
    prompts = case.prompts(rows)
    trained = [name for name in prompts.params if case.kind.rates.get(name, 1)]
    rng = np.random.default_rng(2)
    with jax.enable_x64(True):
        network = case.network.with_parameters(
            jax.tree.map(lambda array: jnp.asarray(array, jnp.float64), case.network.parameters)
        )
        params = {name: jnp.asarray(array, jnp.float64) for name, array in prompts.params.items()}

        @jax.jit
        @jax.value_and_grad
        def total(params):
            return row_losses(network, SoftPrompts(case.kind, params), batch())[1].sum()

        found = total(params)[1]
        for _ in range(2):
            directions = {name: rng.normal(size=params[name].shape) for name in trained}
            ends = []
            for step in (1e-5, -1e-5):
                moved = {n: params[n] + step * each for n, each in directions.items()}
                ends.append(float(total({**params, **moved})[0]))
            slope = sum(float((found[n] * each).sum()) for n, each in directions.items())
            np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-3)


# Training.


SETTINGS = TrainSettings(warmup_steps=0)


def trained(case, rows, owner=None, order=None, steps=3, rate=0.0, learning_rate=0.05):
    network, kind = case.network.with_dropout(rate), case.kind
    params = stack([case.made(each, seed) for seed, each in enumerate(rows)]).params
    state = init_state(SETTINGS, params, jnp.full(len(rows), learning_rate))
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


@pytest.fixture(scope="module")
def make_slot(tiny_backbone):
    """A function that makes a slot that starts from a prompt."""
    source = Source("colour", (toy_data("colour", tiny_backbone.vocabulary),))

    def make(init, seed=0):
        return Slot("colour", source, seed, init, learning_rate=0.3)

    return make


class Stopped(Exception):
    """What a test stops a run with."""


class Stopper(Reporter):
    """Stops a run after a step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def advance(self, step, loss):
        if step == self.step:
            raise Stopped


def test_training_lowers_the_loss_changes_prompts_alone_and_goes_on_where_it_was_stopped(
    case, rows, make_slot, tmp_path
):
    slots = [make_slot(case.made(each, seed), seed) for seed, each in enumerate(rows)]
    changes = {"steps": 10, "check_every": 4, "key_step": 4, "batch_size": 4, "dropout": 0.1}
    recipe = SETTINGS.model_copy(update=changes)

    def run(folder, reporter=None):
        return train_prompts(case.model, slots, recipe, folder, validate=False, reporter=reporter)

    before = hashes(case.network)
    whole = run(tmp_path / "whole")
    assert hashes(case.network) == before and len(before) > 15
    with pytest.raises(Stopped):
        run(tmp_path / "stopped", Stopper(7))
    first = PromptLearner(case.model, slots[:1], recipe).batch(0)
    for found, expected in zip(run(tmp_path / "stopped"), whole, strict=True):
        for ours, theirs in ((found.key, expected.key), (found.last, expected.last)):
            assert sorted(ours.arrays) == sorted(case.kind.arrays)
            for name, array in ours.arrays.items():
                assert array.tobytes() == theirs.arrays[name].tobytes(), name
    for slot, result in zip(slots, whole, strict=True):
        for name, array in result.last.arrays.items():
            moved = np.abs(array - slot.init.arrays[name]).max()
            assert moved > 1e-4 if case.kind.rates.get(name, 1) else moved == 0, name
        losses = [
            np.asarray(batch_losses(case.network, prompt.stacked(), first)).mean()
            for prompt in (slot.init, result.last)
        ]
        assert losses[0] - losses[1] > 0.02


def test_the_loss_before_training_stands_beside_that_without_a_prompt(case, rows, make_slot):
    slots = [make_slot(case.stirred(rows[0]))]
    learner = PromptLearner(case.model, slots, SETTINGS.model_copy(update={"batch_size": 4}))
    (start,) = learner.start_losses()
    ((texts, targets),) = [learner.batch(0)]
    for given, found in ((stack([slots[0].init]), start.prompt), (None, start.promptless)):
        expected = np.asarray(batch_losses(case.network, given, (texts, targets))).mean()
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert start.uniform == math.log(192) and start.prompt != start.promptless


def test_texts_are_packed_only_where_the_kind_allows_it(case):
    packs = case.kind.packed and case.config is CONFIGS["decoder"]
    assert (layout(case.config, case.kind) is not by_length) == packs


def test_packed_texts_feel_the_prompt_as_single_ones_do(case, rows):
    if not (case.kind.packed and case.config is CONFIGS["decoder"]):
        pytest.skip("such texts are not packed")
    prompts = case.prompts(rows)
    whole = np.asarray(gradient_of(case, prompts, lambda each, slots: [each]))
    packed = np.asarray(gradient_of(case, prompts, layout(case.config, case.kind)))
    np.testing.assert_allclose(packed, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())


def gradient_of(case, prompts, divide):
    """The whole gradient of a batch that was divided in some way, one number after the other."""
    total = dict.fromkeys(prompts.params, 0.0)
    for part in divide(batch(), S):
        for name, array in gradient(case.network, prompts, part).items():
            total[name] = total[name] + array
    return jnp.concatenate([jnp.ravel(total[name]) for name in sorted(total)])


def test_packed_texts_take_no_rows_behind_them(rows):
    kind = find_kind("prefix")
    ((texts, _),) = layout(CONFIGS["decoder"], kind)((np.full((4, 6), 7), np.ones((4, 2))), 1)
    assert texts.ends.shape[1] > 1
    for effect in (Effect(after=rows[:1]), Effect(before=rows, owner=jnp.zeros(4, int))):
        with pytest.raises(ValueError, match="cannot be packed"):
            model_of("decoder").network.encode(texts, effect)


# Values.


def test_a_prompt_states_its_key_its_size_and_its_place_in_the_context(case, rows):
    prompt = case.made(rows[0])
    key = np.asarray(prompt)
    assert key.shape == (P, H) and key.dtype == np.float32 and np.isfinite(key).all()
    sizes = {name: array.size for name, array in prompt.arrays.items()}
    frozen = sum(size for name, size in sizes.items() if not case.kind.rates.get(name, 1))
    assert prompt.count == case.kind.count(P, case.config) == sum(sizes.values()) - frozen
    assert prompt.tokens == case.kind.before(P) + case.kind.after(P)
    assert set(case.kind.rates) <= set(case.kind.arrays) | {"sink"}
    assert prompt.misfit(case.config) == ""
    wider = dataclasses.replace(case.config, d_model=2 * H, d_kv=8)
    if not case.kind.is_rows:
        assert "expected [" in prompt.misfit(wider)


def test_a_prompt_is_a_function_of_rows_and_seed(case, rows):
    first, again, other = case.made(rows[0], 1), case.made(rows[0], 1), case.made(rows[0], 2)
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
        assert array.dtype == np.float32 and other.arrays[name].shape == array.shape


def test_a_prompt_that_was_written_and_read_has_the_same_loss(case, rows, tmp_path):
    prompt = case.stirred(rows[0])
    write_prompt(tmp_path / "p.safetensors", prompt)
    read = read_prompt(tmp_path / "p.safetensors")
    assert read.kind is case.kind
    before, after = (
        np.asarray(batch_losses(case.network, each.stacked(), batch())) for each in (prompt, read)
    )
    np.testing.assert_array_equal(after, before)


def test_stacked_prompts_come_apart_again(case, rows):
    prompts = [case.made(each, seed) for seed, each in enumerate(rows)]
    for before, after in zip(prompts, unstack(stack(prompts)), strict=True):
        assert after.kind is case.kind and sorted(after.arrays) == sorted(before.arrays)
        for name, array in before.arrays.items():
            np.testing.assert_array_equal(after.arrays[name], array)


def test_a_kind_that_does_the_same_as_rows_names_them(case, rows):
    if case.kind.plain is None:
        pytest.skip("no plain prompt does the same")
    prompt = case.stirred(rows[0])
    plain = stack([np.asarray(case.kind.plain(prompt.arrays))])
    found, expected = (
        decoded(case.network, padded(TEXTS), each, padded(TARGETS))
        for each in (prompt.stacked(), plain)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "family"),
    [(kind, family) for kind in NAMES for family in CONFIGS if refused(kind, family)],
)
def test_a_kind_that_cannot_work_on_a_model_says_so(kind, family, rows):
    with pytest.raises(SpotError) as caught:
        SoftPrompt.of(find_kind(kind), rows[0], model_of(family))
    assert "prompt.kind=" in caught.value.hint


def test_an_array_is_a_plain_prompt(rows):
    assert as_prompt(rows[0]).kind is find_kind("prefix")
    assert stack(list(rows)).kind is find_kind("prefix")
    assert as_prompt(prompt := SoftPrompt.of(find_kind("suffix"), rows[0])) is prompt


def test_a_kind_that_is_more_than_rows_needs_a_model(rows):
    with pytest.raises(SpotError, match="making it takes the model"):
        SoftPrompt.of(find_kind("every-layer"), rows[0])


def test_prompts_of_several_kinds_or_shapes_are_not_stacked(rows):
    prefix, suffix = (SoftPrompt.of(find_kind(name), rows[0]) for name in ("prefix", "suffix"))
    shorter = SoftPrompt.of(find_kind("prefix"), rows[0, :2])
    for other in (suffix, shorter):
        with pytest.raises(SpotError, match="expected prompts of one kind, length and width"):
            stack([prefix, other])


def test_an_unknown_kind_offers_the_nearest():
    with pytest.raises(SpotError, match='unknown prompt kind "sufix".*Did you mean "suffix"') as e:
        find_kind("sufix")
    assert "prefix, suffix" in e.value.hint
