"""Prompts of all kinds and several lengths in one batch: every row as `Model.score` and
`Model.generate` answer it with its prompt alone.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from bank.entry import Backbone
from spot.errors import SpotError
from spot.models.model import Model
from spot.models.padding import FEW_BUCKETS
from spot.models.weights.build import build
from spot.prompts.kind import Start
from spot.prompts.kinds import KINDS, find_kind
from spot.prompts.prompt import SoftPrompt
from spot.serving import prompt_set
from spot.serving.prompt_set import PromptSet
from spot.tasks.examples import Ragged
from tests.prompts.test_kinds import SMALL
from tests.toys import random_arrays, tiny_config, tiny_decoder

H = 16
CONFIGS = {
    "T5": tiny_config(vocab_size=192, encoder_layers=2),
    "decoder": tiny_decoder(vocab_size=192),
}
LABELS = ([[5, 1], [6, 7, 1]], [[9, 1], [8, 1], [4, 11, 1]])


class Words:
    """A vocabulary whose text is its ids."""

    eos = 1

    def decode(self, ids):
        return " ".join(str(each) for each in ids if each)


@functools.cache
def model_of(family):
    config = CONFIGS[family]
    network = build(config, random_arrays(config, seed=4), "float32", "float32")
    return Model(Backbone(family, "toy"), Words(), "float32", lambda: config, lambda: network)


@functools.cache
def prompts_of(family):
    """Two prompts of every kind that works on the family, those of every other kind of two lengths, and the
    bare model.
    """
    model, rng = model_of(family), np.random.default_rng(0)
    made = [None, rng.normal(size=(7, H)).astype(np.float32)]
    for number, name in enumerate(KINDS):
        kind = find_kind(SMALL.get(name, name))
        for length in (3, 3 + 2 * (number % 2)):
            try:
                kind.check(model.config)
            except SpotError:
                continue
            rows = rng.normal(size=(length, H)).astype(np.float32)
            others = rng.normal(size=(2, length, H)).astype(np.float32)
            start = Start.on(model, rows, number, lambda count, others=others: others[:count])
            arrays = {
                key: array + 0.3 * rng.normal(size=array.shape).astype(np.float32)
                if kind.rates.get(key, 1)
                else array
                for key, array in kind.make(start).items()
            }
            made.append(SoftPrompt(kind, arrays))
    return made


def texts_for(count, seed=1):
    rng = np.random.default_rng(seed)
    return Ragged.of([rng.integers(3, 192, 1 + n % 6).tolist() + [1] for n in range(count)])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(params=list(CONFIGS))
def family(request):
    return request.param


def test_every_row_is_scored_as_with_its_prompt_alone(family):
    model, prompts = model_of(family), prompts_of(family)
    rng = np.random.default_rng(2)
    owner = rng.permutation(np.repeat(np.arange(len(prompts)), 2))
    inputs, labels = texts_for(len(owner)), [LABELS[number % 2] for number in owner]
    found = PromptSet(model, prompts).score(owner, inputs, labels)
    assert [len(each) for each in found] == [len(words) for words in labels]
    for number, prompt in enumerate(prompts):
        rows = np.flatnonzero(owner == number)
        alone = model.score(Ragged.of([inputs[row] for row in rows]), labels[rows[0]], prompt)
        close(np.stack([found[row] for row in rows]), alone)
    bare = PromptSet(model, [None]).score([0] * len(owner), inputs, labels)
    prompted = owner > 0
    apart = [np.abs(ours - theirs).max() for ours, theirs in zip(found, bare, strict=True)]
    assert min(np.asarray(apart)[prompted]) > 1e-3  # no prompt is lost on the way


def test_every_row_is_answered_as_with_its_prompt_alone(family):
    model, prompts = model_of(family), prompts_of(family)[:8]
    owner = np.tile(np.arange(len(prompts)), 2)
    inputs, lengths = texts_for(len(owner)), [3 + number % 2 for number in range(len(owner))]
    found = PromptSet(model, prompts).generate(owner, inputs, lengths)
    for row, number in enumerate(owner):
        alone = model.generate(Ragged.of([inputs[row]]), lengths[row], prompts[number])
        assert found[row] == alone[0]
    assert len(set(found)) > 2


def test_answers_follow_their_rows(family):
    prompts = prompts_of(family)
    some = PromptSet(model_of(family), prompts[:6])
    owner, inputs = np.arange(12) % 6, texts_for(12)
    labels = [LABELS[0]] * 12
    order = np.random.default_rng(5).permutation(12)
    found = some.score(owner, inputs, labels)
    shuffled = some.score(owner[order], Ragged.of([inputs[row] for row in order]), labels)
    close(np.stack(shuffled), np.stack(found)[order])


def test_a_longer_prompt_beside_them_changes_nothing(family):
    rng = np.random.default_rng(3)
    short, long = (rng.normal(size=(count, H)).astype(np.float32) for count in (3, 21))
    some = PromptSet(model_of(family), [short, long])
    inputs, labels = texts_for(4), [LABELS[0]] * 4
    alone = some.score([0] * 4, inputs, labels)
    beside = some.score([0, 1, 0, 1], inputs, labels)
    close(beside[0], alone[0])
    close(beside[2], alone[2])


def test_kinds_of_rows_share_a_pass(monkeypatch, family):
    """All that stand in front of every text as they are take one pass, on a decoder of every kind."""
    names = ["prefix", "low-rank"] + (["every-layer", "keys-values"] if family == "decoder" else [])
    own = [p for p in prompts_of(family) if p is None or getattr(p, "kind", None) is None]
    own += [p for p in prompts_of(family) if isinstance(p, SoftPrompt) and p.kind.name in names]
    passes = []
    encode = prompt_set.encode
    monkeypatch.setattr(prompt_set, "encode", lambda *args: passes.append(args[1]) or encode(*args))
    rows = prompt_set.ROWS  # a full pass is not divided
    owner = np.arange(rows) % len(own)
    PromptSet(model_of(family), own).score(owner, texts_for(rows), [LABELS[0]] * rows)
    assert 5 < len(own) <= rows and len(passes) == 1


def test_a_decoder_reads_a_prompt_once(monkeypatch):
    model, read = model_of("decoder"), []
    front = prompt_set.front
    monkeypatch.setattr(prompt_set, "front", lambda *args: read.append(1) or front(*args))
    some = PromptSet(model, prompts_of("decoder")[1:3])
    for _ in range(3):
        some.score([0, 1], texts_for(2), [LABELS[0]] * 2)
    assert len(read) == 2
    monkeypatch.setattr(prompt_set, "CACHED", 1)
    some.score([0, 1, 0], texts_for(3), [LABELS[0]] * 3)
    assert len(some._fronts) <= 2


def test_a_prompt_of_another_width_is_refused(family):
    with pytest.raises(SpotError, match=r"expected a prompt \[P, 16\]"):
        PromptSet(model_of(family), [np.zeros((3, 8), np.float32)])


def test_a_text_beyond_the_context_is_refused():
    some = PromptSet(model_of("decoder"), [np.zeros((30, H), np.float32), None])
    inputs = Ragged.of([[5] * 40])
    with pytest.raises(SpotError, match="expected at most 64 tokens"):
        some.score([0], inputs, [LABELS[0]])
    with pytest.raises(SpotError, match="expected at most 64 tokens"):
        some.check(0, inputs, 4)
    some.check(1, inputs, 4)
    assert len(some.score([1], inputs, [LABELS[0]])) == 1


def test_texts_are_divided_as_no_other_division_is_cheaper():
    """Beside every division of a few texts, by its cost as it is written in words."""
    rng = np.random.default_rng(8)

    def cost(part, beside):
        width = next(size for size in FEW_BUCKETS if size >= part[-1])
        rows = next(count for count in prompt_set.ROW_COUNTS if count >= len(part))
        return rows * (width + beside) + prompt_set.PASS

    for _ in range(40):
        lengths, beside = (
            np.sort(rng.integers(1, 300, rng.integers(1, 9))),
            int(rng.integers(0, 50)),
        )
        found = prompt_set.parts(lengths, beside)
        assert np.concatenate([lengths[part] for part in found]).tolist() == lengths.tolist()
        every = []
        for cuts in range(1 << (len(lengths) - 1)):
            ends = [n + 1 for n in range(len(lengths) - 1) if cuts >> n & 1]
            every.append(sum(cost(part, beside) for part in np.split(lengths, ends)))
        assert sum(cost(lengths[part], beside) for part in found) == min(every)


def test_short_texts_are_not_read_as_long_ones(monkeypatch, family):
    model, read = model_of(family), []
    encode = prompt_set.encode
    monkeypatch.setattr(
        prompt_set, "encode", lambda *args: read.append(args[2].shape) or encode(*args)
    )
    rows = [[5, 6, 1]] * 16 + [[7] * (60 if family == "T5" else 40) + [1]]
    found = PromptSet(model, [np.ones((5, H), np.float32)]).score(
        [0] * 17, Ragged.of(rows), [LABELS[0]] * 17
    )
    assert sorted(read) == [(1, 64), (16, 32)]
    assert all(np.array_equal(each, found[0]) for each in found[:16])
    assert np.abs(found[0] - found[16]).max() > 1e-3


@pytest.mark.parametrize("most", [2, 33, 100])
def test_no_pass_has_more_rows_than_it_may(most):
    found = prompt_set.parts(np.full(most, 20))
    assert sum(part.stop - part.start for part in found) == most
    assert all(0 < part.stop - part.start <= prompt_set.ROWS for part in found)
    assert len(found) == -(-most // prompt_set.ROWS)


def test_numbers_of_words_of_one_token_share_a_pass(monkeypatch, family):
    model, read = model_of(family), []
    encode = prompt_set.encode
    monkeypatch.setattr(prompt_set, "encode", lambda *args: read.append(1) or encode(*args))
    words = [[[5], [9]], [[6], [7], [8], [9], [11]], [[12]]]
    prompts, inputs = prompts_of(family)[1:3], texts_for(8)
    owner, labels = [0, 1, 0, 1, 1, 0, 0, 1], [words[row % 3] for row in range(8)]
    found = PromptSet(model, prompts).score(owner, inputs, labels)
    assert len(read) == 1
    for row in range(8):
        (alone,) = model.score(Ragged.of([inputs[row]]), labels[row], prompts[owner[row]])
        close(found[row], alone)


def test_programs_are_few(family):
    """A batch of other owners and of other prompts of the same lengths compiles nothing."""
    some = PromptSet(model_of(family), [np.ones((n, H), np.float32) for n in (5, 6, 7, 8)])
    inputs, labels = texts_for(4), [LABELS[0]] * 4
    some.score([0, 1, 2, 3], inputs, labels)
    before = prompt_set.encode._cache_size()
    some.score([3, 3, 1, 0], inputs, labels)
    some.score([2, 1, 0, 3], texts_for(4, seed=9), labels)
    assert prompt_set.encode._cache_size() == before


def test_a_batch_of_one_prompt_and_of_many_run_one_program(family):
    some = PromptSet(model_of(family), [np.full((5, H), n, np.float32) for n in (1, 2, 3, 4)])
    inputs, labels = texts_for(4), [LABELS[0]] * 4
    some.score([0, 1, 2, 3], inputs, labels)
    before = prompt_set.encode._cache_size()
    some.score([2, 2, 2, 2], inputs, labels)
    some.score([0, 1, 1, 3], inputs, labels)
    assert prompt_set.encode._cache_size() == before
