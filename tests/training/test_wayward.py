"""The pull to the start: its gradient, none of it, and all of it."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.effect import Effect
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stacked import SoftPrompts, stack
from spot.training.recipe import Recipe
from spot.training.runs import Runs
from spot.training.wayward import Anchor, anchored, check_kind, pull

S, P, H = 2, 3, 16


@pytest.mark.parametrize("kind", ["prefix", "suffix"])
def test_the_gradient_is_the_distance_to_the_start(kind):
    rng = np.random.default_rng(0)
    start, now = rng.normal(size=(2, S, P, H)).astype(np.float32)
    table = rng.normal(size=(50, H)).astype(np.float32) * 7
    before, after = (
        stack([SoftPrompt.of(find_kind(kind), each) for each in rows]) for rows in (start, now)
    )
    own = anchored(before, table, 0.3)
    counts = np.asarray([4, 7])
    (slopes,) = pull(after.kind, after.params, own, counts).values()
    size = np.mean([row @ row for row in table])
    by_hand = 2 * 0.3 * (now - start) / (P * size) * counts[:, None, None]
    np.testing.assert_allclose(slopes, by_hand, rtol=1e-5, atol=1e-9)
    assert not any(np.any(each) for each in pull(before.kind, before.params, own, counts).values())


def test_without_a_pull_training_is_the_plain_one(train, pair, monkeypatch):
    """Bit for bit, where nothing is computed and where a pull of nothing is."""
    from spot.training import prompt_tuning

    plain = train(pair)
    none = train(pair, wayward=0.0)
    real = prompt_tuning.train_step

    def with_nothing(state, *args, **options):
        nothing = Anchor(jnp.ones((S, P, H)), jnp.zeros(()))
        return real(state, *args, **{**options, "anchor": nothing})

    monkeypatch.setattr(prompt_tuning, "train_step", with_nothing)
    zero = train(pair)
    for ours, *others in zip(plain, none, zero, strict=True):
        for other in others:
            np.testing.assert_array_equal(ours.last.key, other.last.key)


def test_a_strong_pull_keeps_a_prompt_where_it_starts(train, pair):
    """Adafactor's steps are as long as the learning rate however strong a gradient is, so a prompt swings
    about its start by half a rate; with a rate that falls it comes to rest there.
    """

    def moved(gamma, **changes):
        done = train(pair, wayward=gamma, steps=30, check_every=30, **changes)
        return np.asarray([np.abs(each.last.key - each.slot.init.key).max() for each in done])

    free, held, pinned = moved(0.0), moved(1.0), moved(1e8)
    assert (free > 2 * held).all() and (held > pinned).all() and (pinned < 0.16).all()
    assert (moved(1e8, decay="linear") < 0.01 * free).all()


def test_kinds_without_rows_of_their_own_are_refused(pair):
    kind = find_kind("prefix")
    prompts = stack([slot.init for slot in pair])
    check_kind(prompts)
    hidden = dataclasses.replace(kind, name="hidden", effect=lambda *_: Effect())
    with pytest.raises(SpotError, match="hidden has no rows beside the text"):
        check_kind(SoftPrompts(hidden, prompts.params))


def test_a_pull_is_part_of_the_recipe_where_there_is_one(tiny_backbone, pair, monkeypatch):
    recipe = Recipe(init="vocab")
    pulled = recipe.replace(wayward=0.5)
    assert "wayward" not in recipe.key_facts("float32", {})
    assert pulled.key_facts("float32", {}) == {**recipe.key_facts("float32", {}), "wayward": 0.5}
    places = [
        Runs().prompts_place(tiny_backbone, pair, each, True)
        for each in (recipe, recipe.replace(wayward=0.0), pulled)
    ]
    assert places[0] == places[1] != places[2]
    read = {}
    monkeypatch.setattr(Runs, "place", lambda _runs, _stage, _name, given: read.update(given))
    Runs().prompts_place(tiny_backbone, pair, recipe, True)
    assert "wayward" not in read["recipe"]  # earlier releases' runs are found
    assert not any("teacher" in slot for slot in read["slots"])
