"""Losses that compare label words: against slow versions on both families, and their gradients."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.weights.build import build
from spot.prompts.prompt import as_prompt
from spot.prompts.stacked import stack
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.training.batches import Source, TaskData, data_order, step_batch
from spot.training.choices import Candidates, Choices
from spot.training.evaluate import validate
from spot.training.losses import (
    LOSSES,
    Z_LOSS,
    check_loss,
    distillation,
    find_loss,
    label_cross_entropy,
    perceptron,
)
from spot.training.parts import by_length, layout, whole
from spot.training.prompt_tuning import PromptLearner, train_prompts
from spot.training.recipe import TrainSettings
from spot.training.slots import Slot
from spot.training.step import init_state, row_losses, train_step
from tests.models import numpy_decoder, numpy_t5
from tests.toys import definition, random_arrays, tiny_config, tiny_decoder
from tests.training.conftest import SETTINGS

TEXTS = ((7, 8, 9, 10, 1), (11, 12, 1), (13, 1), (14, 15, 16, 1))
TWO = ((5, 2), (6, 7, 2))
THREE = ((8, 2), (9, 3, 4, 2), (4, 2))
WORDS = {"two": TWO, "three": THREE}
P, H = 3, 16
CONFIGS = {"T5": tiny_config(vocab_size=40), "decoder": tiny_decoder(vocab_size=40)}
NAMES = (
    "label-cross-entropy",
    "label-cross-entropy:normalise=sum",
    "perceptron:margin=0.5",
    "cross-entropy:distil=0.3,temperature=2",
    "perceptron:distil=0.3,normalise=sum",
)


@functools.cache
def model_of(family):
    arrays = random_arrays(CONFIGS[family], seed=3)
    return arrays, build(CONFIGS[family], arrays, "float32", "float32").with_dropout(0.0)


losses_of = jax.jit(row_losses, static_argnames="loss")


@pytest.fixture(params=list(CONFIGS))
def family(request):
    return request.param


def rows(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, P, H)).astype(np.float32)


def source(name):
    """A task whose rows are TEXTS, with the right classes 0, 1, … in turn."""
    words = WORDS[name]
    gold = [index % len(words) for index in range(len(TEXTS))]
    split = TokenizedSplit(
        inputs=Ragged.of(TEXTS),
        targets=Ragged.of([words[each] for each in gold]),
        labels=np.asarray(gold, np.int32),
        references=[None] * len(TEXTS),
        groups=[""] * len(TEXTS),
        target_texts=[""] * len(TEXTS),
    )
    task = definition(name, labels=tuple("abc"[: len(words)]))
    return TaskData(task, split, split, [list(word) for word in words])


def padded(rows, width=None):
    out = np.zeros((len(rows), width or max(map(len, rows))), np.int32)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


def slow_tokens(family, prompt, text, word):
    """(nats, log-normaliser) of each token of a word, in float64."""
    arrays, config = model_of(family)[0], CONFIGS[family]
    if family == "decoder":
        logits = numpy_decoder.logits(arrays, config, text, word, prompt)
    else:
        logits = numpy_t5.decode(
            arrays, config, numpy_t5.encode(arrays, config, text, prompt), word
        )
    normaliser = np.log(np.exp(logits).sum(1))
    return normaliser - logits[np.arange(len(word)), word], normaliser


def slow_loss(family, name, prompt, text, words, gold, teacher):
    """The loss of one row, and the nats of its right word, class by class and token by token."""
    loss, scores = find_loss(name), []
    for word in words:
        nats = slow_tokens(family, prompt, text, word)[0].sum()
        scores.append(-nats / (len(word) if loss.normalisation == "mean" else 1))
    if loss.form == "cross-entropy":
        nats, normaliser = slow_tokens(family, prompt, text, words[gold])
        lost = (nats + Z_LOSS * normaliser**2).sum()
    elif loss.form == "perceptron":
        wrong = max(score for index, score in enumerate(scores) if index != gold)
        lost = max(0.0, loss.options["margin"] + wrong - scores[gold])
    else:
        lost = np.log(sum(np.exp(score) for score in scores)) - scores[gold]
    if share := loss.options["distil"]:
        temperature = loss.options["temperature"]
        p, q = (soft(np.asarray(each) / temperature) for each in (teacher, scores))
        lost = (1 - share) * lost + share * temperature**2 * (p * np.log(p / q)).sum()
    return lost, slow_tokens(family, prompt, text, words[gold])[0].sum()


def soft(values):
    weights = np.exp(values - values.max())
    return weights / weights.sum()


def candidates(name):
    """The label words of slots on "two" and on "three" for a loss, and the teachers of both."""
    members = [source(each) for each in WORDS]
    rng = np.random.default_rng(4)
    teachers = [rng.normal(size=(len(TEXTS), len(each.labels))) for each in members]
    given = [(each,) if find_loss(name).taught else None for each in teachers]
    sources = [Source(each.definition.name, (each,)) for each in members]
    return sources, Candidates(sources, given), teachers


ORDERS = [np.stack([np.zeros(4, int), order], 1) for order in ([0, 1, 2, 3], [3, 1, 2, 0])]


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_that_of_the_slow_version(family, name):
    """Two slots whose tasks have other label words and other numbers of classes."""
    sources, words, teachers = candidates(name)
    prompts, choices = rows(2), words.step(ORDERS, 0, 4)
    assert choices.words.shape == (8, 3, 4)
    inputs, _ = step_batch(sources, ORDERS, 0, 4)
    lost, entropy = losses_of(
        model_of(family)[1], stack(list(prompts)), (inputs, choices), loss=find_loss(name)
    )
    for number in range(8):
        slot, row = number // 4, int(ORDERS[number // 4][number % 4, 1])
        member = sources[slot].members[0]
        slow = slow_loss(
            family, name, prompts[slot], TEXTS[row], member.labels, member.train.labels[row],
            teachers[slot][row],
        )  # fmt: skip
        np.testing.assert_allclose(lost[number], slow[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(entropy[number], slow[1], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES[:1] + NAMES[2:4])
def test_a_gradient_is_the_difference_quotient_of_the_slow_version(family, name):
    """Along a random direction, in float64."""
    prompt, direction = rows(1)[0], np.random.default_rng(8).normal(size=(P, H))
    teacher = np.asarray([0.2, -0.4, 0.1])
    text, gold = TEXTS[0], 1
    choices = Choices(padded(THREE)[None], np.asarray([gold], np.int32), np.float32(teacher)[None])

    @jax.jit
    def total(given):
        batch = (padded([text]), choices)
        return row_losses(model_of(family)[1], given[None], batch, loss=find_loss(name))[0].sum()

    def slow(step):
        moved = prompt + step * direction
        return slow_loss(family, name, moved, text, THREE, gold, teacher)[0]

    exact = (slow(1e-5) - slow(-1e-5)) / 2e-5
    assert abs(exact) > 1e-3
    found = (np.asarray(jax.grad(total)(jnp.asarray(prompt))) * direction).sum()
    np.testing.assert_allclose(found, exact, rtol=1e-3)


def test_the_perceptrons_gradient_is_that_of_two_scores():
    scores = jnp.asarray([[0.1, 0.7, 0.4], [3.0, 0.0, 1.0], [0.0, 0.2, 0.1], [2.0, 1.9, 1.0]])
    gold = jnp.asarray([0, 0, 1, 0])
    lost = perceptron(scores, gold, {"margin": 0.2})
    np.testing.assert_allclose(lost, [0.8, 0.0, 0.1, 0.1], rtol=1e-5)
    slopes = jax.grad(lambda given: perceptron(given, gold, {"margin": 0.2}).sum())(scores)
    assert slopes.tolist() == [[-1, 1, 0], [0, 0, 0], [0, -1, 1], [-1, 1, 0]]
    published = jnp.maximum(0.0, scores.max(1) - scores[jnp.arange(4), gold])
    np.testing.assert_allclose(perceptron(scores, gold, {"margin": 0.0}), published, atol=1e-7)


def test_a_class_that_a_task_lacks_changes_nothing():
    scores = jnp.asarray([[0.3, -0.2], [0.5, 0.9]])
    wide, gold = jnp.pad(scores, ((0, 0), (0, 2)), constant_values=-1e10), jnp.asarray([0, 1])
    for options, loss in (({}, label_cross_entropy), ({"margin": 0.3}, perceptron)):
        narrow = jax.value_and_grad(lambda s, loss=loss, o=options: loss(s, gold, o).sum())
        value, slope = narrow(scores)
        wider, slopes = narrow(wide)
        assert value == wider and not slopes[:, 2:].any()
        np.testing.assert_array_equal(slope, slopes[:, :2])
    teacher = jnp.pad(scores[::-1], ((0, 0), (0, 2)), constant_values=-1e10)
    np.testing.assert_array_equal(
        distillation(scores, scores[::-1], 2.0), distillation(wide, teacher, 2.0)
    )


def test_nothing_is_learned_from_a_teacher_that_scores_alike():
    scores = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)) * 4, jnp.float32)
    slopes = jax.grad(lambda given: distillation(given, scores, 2.0).sum())(scores)
    np.testing.assert_allclose(distillation(scores, scores, 2.0), 0, atol=1e-6)
    np.testing.assert_allclose(slopes, 0, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_hot_teacher_is_matched_in_squares(classes):
    """softmax(z/T) is (1 + z̃/T)/C for centred z̃, so T² KL is half the mean of (z̃ - z̃')²."""
    rng = np.random.default_rng(classes)
    student, teacher = (rng.normal(size=(4, classes)) for _ in range(2))
    apart = (teacher - teacher.mean(1, keepdims=True)) - (student - student.mean(1, keepdims=True))
    with jax.enable_x64(True):
        found = distillation(jnp.asarray(student), jnp.asarray(teacher), 1e4)
        np.testing.assert_allclose(found, (apart**2).mean(1) / 2, rtol=1e-3)


# In a step.


def settings(name, **changes):
    return TrainSettings(**{**SETTINGS.model_dump(), "loss": name, "weight_decay": 0.0, **changes})


def stepped(family, name, divide=by_length, dropout=0.0, slots=(0, 1), widths=None, steps=2):
    """The prompts and the losses after steps of these slots."""
    sources, _, teachers = candidates(name)
    chosen = [sources[slot] for slot in slots]
    taught = [(teachers[slot],) if find_loss(name).taught else None for slot in slots]
    words, orders = Candidates(chosen, taught), [ORDERS[slot] for slot in slots]
    inputs, targets = step_batch(chosen, orders, 0, 4)
    if widths:
        inputs, targets = (
            np.pad(array, ((0, 0), (0, width - array.shape[1])))
            for array, width in zip((inputs, targets), widths, strict=True)
        )
    state = init_state(
        settings(name), {"prompt": jnp.asarray(rows(2)[list(slots)])}, jnp.full(len(slots), 0.3)
    )
    keys = jnp.stack([jax.random.key(slot) for slot in slots])
    losses = []
    for number in range(steps):
        state, numbers = train_step(
            state, model_of(family)[1].with_dropout(dropout), (inputs, targets), keys,
            jnp.asarray(number), settings=settings(name), divide=divide,
            choices=words.step(orders, 0, 4),
        )  # fmt: skip
        losses.append(np.asarray(numbers["loss"]))
    return np.asarray(state.params["prompt"]), np.stack(losses)


@pytest.mark.parametrize(("family", "dropout"), [("T5", 0.3), ("decoder", 0.0)])
def test_parts_padding_and_neighbours_change_nothing(family, dropout):
    """The other slot has more classes and longer words."""
    name = "label-cross-entropy"
    together = stepped(family, name, whole, dropout)
    parts = stepped(family, name, functools.partial(by_length, part_rows=2), dropout)
    wide = stepped(family, name, whole, dropout, widths=(12, 6))
    alone = stepped(family, name, whole, dropout, slots=(0,))
    for other in (parts, wide):
        for ours, theirs in zip(together, other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(together[0][:1], alone[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(together[1][:, :1], alone[1], rtol=1e-5)


def test_packed_texts_have_the_losses_of_single_ones():
    divide = layout(CONFIGS["decoder"], as_prompt(rows(1)[0]).kind)
    for name in NAMES[3:]:
        packed, single = (stepped("decoder", name, each) for each in (divide, by_length))
        for ours, theirs in zip(packed, single, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_rows_of_unequal_slots_keep_their_words(family):
    """Rows that name their slot in any order, as many of one as of the other or not."""
    name = "perceptron:margin=0.5"
    sources, words, _ = candidates(name)
    inputs, targets = step_batch(sources, ORDERS, 0, 4)
    choices = words.step(ORDERS, 0, 4)

    def one_step(order, owner):
        batch = (inputs[order], targets[order])
        state = init_state(settings(name), {"prompt": jnp.asarray(rows(2))}, jnp.full(2, 0.3))
        return train_step(
            state, model_of(family)[1], batch, jax.random.split(jax.random.key(0), 2),
            jnp.asarray(0), settings=settings(name), owner=owner,
            choices=jax.tree.map(lambda array: array[order], choices),
        )[0].params["prompt"]  # fmt: skip

    straight = one_step(np.arange(8), np.repeat([0, 1], 4))
    mixed = np.random.default_rng(0).permutation(8)
    np.testing.assert_allclose(one_step(mixed, mixed // 4), straight, rtol=1e-5, atol=1e-5)
    fewer = np.asarray([4, 0, 1, 6, 2, 7, 5])
    np.testing.assert_allclose(one_step(fewer, fewer // 4)[1], straight[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("family", "decay"), [("T5", 1e-3), ("decoder", 0.0)])
def test_a_prompt_without_loss_stays_through_adafactor(family, decay):
    """All rows lead by more than the margin: nothing but weight decay moves the prompt."""
    sources, words, _ = candidates("perceptron")
    inputs, targets = step_batch(sources, ORDERS, 0, 4)
    choices = words.step(ORDERS, 0, 4)
    prompts = stack(list(rows(2)))
    network = model_of(family)[1]
    scores = losses_of(network, prompts, (inputs, choices), loss=find_loss("perceptron"))[0]
    lost = np.asarray(scores) > 0
    assert lost.any() and not lost.all()
    # The best of two classes is right where the other one is not.
    right = np.where(lost[:4], 1 - choices.gold[:4], choices.gold[:4]).astype(np.int32)
    settled = Choices(choices.words[:4], right)
    own = settings("perceptron", weight_decay=decay)
    start = jnp.asarray(rows(2)[:1])
    state = init_state(own, {"prompt": start}, jnp.full(1, 0.3))
    for number in range(2):
        state, numbers = train_step(
            state, network, (inputs[:4], targets[:4]), jax.random.split(jax.random.key(0), 1),
            jnp.asarray(number), settings=own, choices=settled,
        )  # fmt: skip
    assert numbers["loss"][0] > 0  # the cross entropy is reported, whatever is trained
    expected = np.asarray(start)
    for _ in range(2):
        expected = expected - np.float32(decay) * expected
    if decay == 0:
        np.testing.assert_array_equal(state.params["prompt"], expected)
    np.testing.assert_allclose(state.params["prompt"], expected, rtol=1e-6)


# In a run.


@pytest.fixture
def mixture(data):
    """A mixture of the two toy tasks, which share their label words, and one with three."""
    bird = data["bird"]
    more = TaskData(
        definition("more", labels=("no", "yes", "red")),
        bird.train,
        bird.validation,
        [*bird.labels, [9, 10, 11, 1]],
    )
    return Source("mixture", (data["colour"], more), (0.5, 0.5))


def slot(source, seed=0, **changes):
    init = np.random.default_rng([seed, 5]).normal(size=(P, 16)).astype(np.float32)
    return Slot(**{"name": source.name, "source": source, "seed": seed, "init": as_prompt(init),
                   "learning_rate": 0.3, **changes})  # fmt: skip


def test_rows_of_a_mixture_have_the_words_of_their_task(mixture):
    words = Candidates([mixture], [None])
    order = data_order([24, 24], mixture.rates, 0, 16)
    choices = words.step([order], 1, 8)
    for (member, row), own, gold in zip(order[8:], choices.words, choices.gold, strict=True):
        data = mixture.members[member]
        np.testing.assert_array_equal(own, padded([*data.labels, ()][:3], own.shape[1]))
        assert gold == data.train.labels[row]
        assert own[gold][own[gold] > 0].tolist() == data.train.targets[row].tolist()


def test_training_lowers_the_loss_and_foresees_its_memory(tiny_backbone, tmp_path, mixture):
    name = "perceptron:margin=1"
    own = settings(name, steps=12, batch_size=8, check_every=6)
    slots = [slot(mixture), slot(Source("colour", (mixture.members[0],)), 1)]
    trained = train_prompts(tiny_backbone, slots, own, tmp_path)
    assert not any(each.failed_step for each in trained)
    learner = PromptLearner(tiny_backbone, slots, own)
    need = learner.predict(free=1 << 40).need
    assert need.step > 0 and all(array.any() for array in learner.choices(0)[:1])

    def of_labels(prompt):
        words, order = Candidates([mixture], [None]), data_order([24, 24], mixture.rates, 3, 40)
        inputs, _ = step_batch([mixture], [order], 0, 40)
        batch = (inputs, words.step([order], 0, 40))
        return float(
            losses_of(
                tiny_backbone.network, stack([prompt]), batch, loss=find_loss(name)
            )[0].mean()
        )  # fmt: skip

    assert of_labels(trained[0].last) < of_labels(slots[0].init)
    assert validate(tiny_backbone, trained[0].last, mixture)[2] == 24


def test_answers_that_are_generated_are_refused(sources):
    free = slot(sources["animal"])
    check_loss(find_loss("cross-entropy"), [free])
    with pytest.raises(SpotError, match='task "animal": the loss perceptron compares label words'):
        check_loss(find_loss("perceptron"), [free])


def test_rows_without_a_class_are_refused(data):
    colour = data["colour"]
    labels = colour.train.labels.copy()
    labels[3] = -1
    split = TokenizedSplit(**{**vars(colour.train), "labels": labels})
    broken = TaskData(colour.definition, split, colour.validation, colour.labels)
    with pytest.raises(SpotError, match="expected a label in every training row.*none in row 4"):
        check_loss(find_loss("label-cross-entropy"), [slot(Source("colour", (broken,)))])


def test_a_loss_that_distils_wants_a_teacher(sources):
    with pytest.raises(SpotError, match="distils a teacher, and there is none"):
        check_loss(find_loss("cross-entropy:distil=0.5"), [slot(sources["colour"])])
    with pytest.raises(SpotError, match="expected a temperature with distil above 0"):
        find_loss("perceptron:temperature=2")


def test_every_loss_is_named_in_the_help_of_its_setting():
    help_text = TrainSettings.model_fields["loss"].description
    for name in LOSSES:
        assert find_loss(name).name == name and name in help_text
        assert find_loss(f"{name}:distil=0.00").name == name
