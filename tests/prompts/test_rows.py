"""Rows in front of a text and behind it against slow versions that write prompt, text and answer one
behind the other.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.weights.build import build
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import SoftPrompts, stack
from spot.training.step import row_losses
from tests.models import numpy_decoder, numpy_t5
from tests.prompts.passes import TARGETS, TEXTS, batch, decoded, padded, written
from tests.toys import random_arrays, tiny_config, tiny_decoder

S, P, H = 2, 3, 16
ROWS = len(TEXTS) // S
KINDS = ("prefix", "suffix")
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
    return Case(find_kind(kind), config, arrays, build(config, arrays, "float32", "float32"))


@pytest.fixture(params=[(kind, family) for kind in KINDS for family in CONFIGS], ids="-".join)
def case(request):
    return case_of(*request.param)


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(S, P, H)).astype(np.float32)


def test_logits_are_those_of_the_slow_version(case, rows):
    logits = decoded(case.network, padded(TEXTS), case.prompts(rows), padded(TARGETS))
    for row, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        slow = case.logits(rows[row // ROWS], text, target)
        np.testing.assert_allclose(logits[row, : len(target)], slow, rtol=1e-4, atol=1e-4)


def test_greedy_answers_are_those_of_the_slow_version(case, rows):
    answers = written(case.network, padded(TEXTS), case.prompts(rows), 5)
    slow = [case.greedy(rows[row // ROWS], text, 5) for row, text in enumerate(TEXTS)]
    np.testing.assert_array_equal(answers, slow)


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
