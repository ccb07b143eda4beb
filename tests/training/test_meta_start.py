"""Learning a start into an entry: its key, its record, what is refused, and what is found again."""

from __future__ import annotations

import numpy as np
import pytest

import spot
from bank import Bank
from spot.errors import SpotError
from spot.training.build import train_source
from spot.training.meta.start import as_mixture

pytest_plugins = ("tests.lab",)

META = spot.MetaSettings(steps=3, tasks=2, inner_steps=2, support=8, check_every=2, inner_rate=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the runs of this file are."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def learn(lab, folder):
    """A function that learns a start from tasks joined by "+"; the rest changes the recipe."""

    def start(names="colour+bird", settings=META, seed=0, **recipe):
        at = lab.objects(runs=folder)
        tasks = as_mixture(at.task(names))
        return spot.learn_start(
            at.model, tasks, at.recipe.replace(**recipe), settings, seed, runs=at.runs
        )

    return start


def test_the_key_is_that_of_the_mixture(lab, learn):
    """As a build of a bank trains it, so that a search compares it with keys and queries."""
    start = learn()
    bank = Bank.open(lab.bank)
    (mixture,) = (entry for entry in bank.entries() if entry.kind == "mixture")
    prompts = bank.prompts(mixture)
    np.testing.assert_allclose(start.prompts.key, prompts.key, rtol=1e-5, atol=1e-5)
    assert (start.prompts.init == prompts.init).all()
    assert np.abs(start.prompts.key - prompts.init).max() > 0.1
    assert np.abs(start.prompts.value - prompts.value).max() > 0.1
    assert start.entry.key_step == mixture.key_step == 2


def test_the_entry_records_what_was_done(learn):
    start = learn()
    entry, best = start.entry, start.best
    assert (entry.kind, entry.task, entry.members) == ("meta", "colour+bird", ("colour", "bird"))
    assert entry.recipe["budget"]["meta"] == META.model_dump(exclude={"curve"})
    assert entry.scores["validation"]["value"] == round(best.score, 4)
    assert (entry.scores["validation"]["n"], entry.scores["validation"]["inner_steps"]) == (24, 2)
    assert entry.value_step == best.step
    assert [check.step for check in start.history] == [0, 2, 3]
    assert (np.asarray(start.prompt) == start.prompts.value).all()
    assert start.prompt.facts.recipe["budget"] == entry.recipe["budget"]


def test_a_bank_of_learned_starts_knows_the_recipe_of_its_keys(lab, learn):
    """Though a start has fewer steps than a key."""
    from spot.training.recipe import recipe_of_entries

    entry = learn(settings=META.model_copy(update={"steps": 1})).entry
    recipe = recipe_of_entries([entry])
    assert (recipe.key_step, recipe.length, recipe.batch_size) == (2, 4, 4)
    assert "steps" not in recipe.model_fields_set


def test_other_settings_seeds_and_tasks_are_other_entries(learn):
    first = learn()
    others = [
        learn(settings=META.model_copy(update={"inner_steps": 1})),
        learn(seed=1),
        learn("colour+place"),
    ]
    assert len({each.entry.id for each in (first, *others)}) == 4
    curve = learn(settings=META.model_copy(update={"curve": (0, 1)}))  # not read
    assert curve.entry.id == first.entry.id


def test_a_start_is_found_again(learn, no_training, monkeypatch):
    from spot.training import loop

    first = learn()
    monkeypatch.setattr(loop, "train", lambda *_, **__: pytest.fail("something was trained"))
    again = learn()
    assert again.entry == first.entry and (again.prompts.value == first.prompts.value).all()
    assert again.history == first.history


@pytest.mark.parametrize(
    ("names", "recipe", "message", "hint"),
    [
        ("colour", {}, "two tasks or more to learn a start from, found colour alone", "--tasks"),
        ("colour+bird", {"wayward": 0.1}, "train.wayward=0 to learn a start, found 0.1", "leave it"),
        ("colour+bird", {"train_examples": 1}, '"colour": expected at least two training rows', "r"),
    ],
)  # fmt: skip
def test_what_no_start_is_learned_from(learn, no_training, names, recipe, message, hint):
    with pytest.raises(SpotError, match=message) as caught:
        learn(names, **recipe)
    assert hint in caught.value.hint


def test_a_source_and_a_start_of_the_same_recipe_live_in_one_bank(lab, learn, tmp_path):
    start, at = learn(), lab.objects(runs=tmp_path / "runs")
    bank = Bank(tmp_path / "bank")
    bank.add(train_source(at.model, at.task("place"), at.recipe, runs=at.runs))
    bank.add_many([(start.entry, start.prompts)])
    assert {entry.kind for entry in bank.entries()} == {"source", "meta"}
    assert bank.damaged() == []
