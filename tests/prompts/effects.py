"""Prompts of any kind beside texts, and what they do to each row, without a network."""

from __future__ import annotations

import jax
import numpy as np

from spot.prompts.kind import Start
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import stack
from tests.toys import tiny_config

S, P, H, T = 2, 4, 16, 6
LENGTHS = (6, 3, 1, 4, 2, 5)  # real tokens of each text
MASK = np.arange(T) < np.asarray(LENGTHS)[:, None]
TEXTS = np.random.default_rng(8).normal(size=(len(LENGTHS), T, H)).astype(np.float32)
ROWS = np.random.default_rng(7).normal(size=(S, P, H)).astype(np.float32) * 3
OWNER = np.asarray([1, 0, 0, 1, 0, 1])


def start(rows=ROWS[0], seed=0, config=None):
    """A start with the rows, and other prompts drawn from the seed."""

    def sources(count):
        drawn = np.random.default_rng([seed, 5]).normal(size=(count, *np.shape(rows)))
        return drawn.astype(np.float32)

    return Start(np.asarray(rows, np.float32), config or tiny_config(), seed, None, None, sources)


def begun(kind, rows=ROWS[0], seed=0):
    """A prompt as it begins."""
    kind = find_kind(kind)
    return SoftPrompt(kind, kind.make(start(rows, seed)))


def moved(prompt, seed=0, by=0.3):
    """A prompt some way on: every trained array has changed, so that zeros are zeros no longer."""
    rng = np.random.default_rng([seed, 6])
    arrays = {
        name: (array + by * rng.normal(size=array.shape) * (prompt.kind.rates.get(name, 1) > 0))
        for name, array in prompt.arrays.items()
    }
    return SoftPrompt(prompt.kind, {name: each.astype(np.float32) for name, each in arrays.items()})


def trained(kind):
    """S prompts some way on."""
    return [moved(begun(kind, ROWS[seed], seed), seed) for seed in range(S)]


@jax.jit
def _rows(prompts, texts, mask):
    effect = prompts.effect(texts, mask)
    found = {"text": (texts if effect.text is None else effect.text) * mask[..., None]}
    for name in ("before", "after"):
        rows = getattr(effect, name)
        if rows is not None:
            found[name] = effect.to_rows(rows, len(texts))
    return found


def seen(prompts, texts=TEXTS, mask=MASK, owner=None):
    """What each text [B, T, H] gets: rows before [B, P, H] and after it, and its own real tokens."""
    found = _rows(stack(prompts, owner), texts, mask)
    return {name: np.asarray(array) for name, array in found.items()}


def same(found, expected):
    """Equal within 1e-5 of the largest number."""
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        scale = max(np.abs(array).max(initial=0), 1e-6)
        np.testing.assert_allclose(found[name] / scale, array / scale, rtol=0, atol=1e-5)
