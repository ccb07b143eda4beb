"""What holds for the effect of every kind that reaches a model by rows and texts, without a network."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from spot.prompts.kind import Start
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from tests.prompts.effects import MASK, OWNER, ROWS, TEXTS, H, P, S, begun, same, seen, trained
from tests.toys import tiny_config, tiny_decoder

CONFIGS = (tiny_config(), tiny_decoder())
KINDS = (
    "prefix",
    "around",
    "around:after=3",
    "masked",
    "map:width=5",
    "dept:texts=4,width=3",
    "generator:width=3",
    "pool:size=5,top=2",
    "attempt:sources=3,width=4",
    "low-rank",
    "low-rank:rank=2,shared=trained",
    "mlp:width=5",
    "lstm:width=3",
    "lstm:skip=0,width=3",
)
every = pytest.mark.parametrize("kind", KINDS)


@every
def test_rows_that_name_their_prompt_get_what_it_gives_alone(kind):
    prompts = trained(kind)
    alone = [seen([prompt]) for prompt in prompts]
    expected = {
        name: np.stack([alone[owner][name][row] for row, owner in enumerate(OWNER)])
        for name in alone[0]
    }
    same(seen(prompts, owner=OWNER), expected)
    order = np.argsort(OWNER, kind="stable")  # each prompt's rows together
    together = seen(prompts, TEXTS[order], MASK[order])
    same(together, {name: array[order] for name, array in expected.items()})


@every
def test_a_row_ignores_its_neighbours_and_its_padding(kind):
    prompts = trained(kind)[:1]
    whole = seen(prompts)
    for row in (1, 3):
        length = MASK[row].sum()
        alone = seen(prompts, TEXTS[row, None, :length], MASK[row, None, :length])
        cut = {name: array[row, None] for name, array in whole.items()}
        same(alone, {**cut, "text": cut["text"][:, :length]})
    noise = np.where(MASK[..., None], TEXTS, 1e3).astype(np.float32)
    same(seen(prompts, noise), whole)


@every
@pytest.mark.parametrize("config", CONFIGS, ids=["T5", "decoder"])
def test_the_numbers_that_are_trained_are_counted(kind, config):
    kind = find_kind(kind)
    for length in (P, 7):
        shapes = kind.shapes(length, config)
        trained = [shape for name, shape in shapes.items() if kind.rates.get(name, 1)]
        assert kind.count(length, config) == sum(int(np.prod(shape)) for shape in trained)
    prompt = begun(kind.name)
    assert prompt.count == kind.count(P, CONFIGS[0]) and not prompt.misfit(CONFIGS[0])
    assert set(kind.rates) <= set(kind.arrays)


@every
def test_the_key_has_a_row_of_the_models_width_for_each_token(kind):
    for prompt in trained(kind):
        assert prompt.key.shape == (P, H) and np.isfinite(prompt.key).all()
    effect = seen(trained(kind)[:1])
    rows = sum(array.shape[1] for name, array in effect.items() if name != "text")
    assert rows == prompt.tokens


@every
def test_the_seed_alone_decides_what_is_drawn(kind):
    one, again, other = begun(kind, seed=3), begun(kind, seed=3), begun(kind, seed=4)
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])
    drawn = [name for name in one.arrays if np.any(one.arrays[name] != other.arrays[name])]
    assert bool(drawn) == (kind in DRAWN)


RANK = ("low-rank", "low-rank:rank=2,shared=trained")
MADE = ("mlp:width=5", "lstm:width=3")
LIKE_ROWS = ("map:width=5", "dept:texts=4,width=3", "generator:width=3", *MADE, *RANK)
DRAWN = (
    *LIKE_ROWS[:5],
    *("pool:size=5,top=2", "attempt:sources=3,width=4", "lstm:skip=0,width=3", RANK[1]),
)


@pytest.mark.parametrize("kind", LIKE_ROWS)
def test_before_training_it_is_a_plain_prompt(kind):
    same(seen([begun(kind)]), seen([SoftPrompt.of(find_kind("prefix"), ROWS[0])]))


@every
def test_frozen_arrays_have_no_gradient_and_the_others_have_one(kind):
    kind = find_kind(kind)
    params = {
        name: np.stack([prompt.arrays[name] for prompt in trained(kind.name)])
        for name in kind.arrays
    }

    def total(params):
        effect = kind.effect(params, TEXTS, MASK, None)
        arrays = [effect.before, effect.after, effect.text]
        loss = sum((each**2).sum() for each in arrays if each is not None)
        if kind.penalty:
            loss = loss + kind.penalty(params, TEXTS, MASK, None).sum()
        return loss

    for name, slope in jax.jit(jax.grad(total))(params).items():
        assert bool(np.any(slope)) == bool(kind.rates.get(name, 1)), name
        assert np.isfinite(slope).all()


@every
def test_a_prompt_of_zeros_is_finite(kind):
    kind = find_kind(kind)
    made = kind.make(Start.of_sizes(CONFIGS[0], P))
    for array in seen([SoftPrompt(kind, made)] * S).values():
        assert np.isfinite(array).all()
