"""Recipes: what entries record of them, and that entries give them back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from bank.entry import Backbone, Entry
from spot.config import load_config
from spot.errors import SpotError
from spot.models.defaults import ModelDefaults
from spot.prompts.kinds import KINDS
from spot.prompts.settings import PromptSettings
from spot.training.recipe import (
    Recipe,
    RowSettings,
    TrainSettings,
    recipe_of_entries,
)

WORDS = (
    "opinion conclusion message query subject grammar term choice search mood evidence version "
    "reading field form meaning decision spot truth detail"
)
# What entries of the embedded model held before there were kinds of prompts.
STORED = {
    "init": f"words:{WORDS}",
    "prompt_length": 20,
    "optimizer": "adafactor",
    "learning_rate": None,
    "weight_decay": 1e-05,
    "warmup_steps": 10,
    "batch_size": 16,
    "dropout": None,
    "precision": "bfloat16",
    "input_length": 128,
    "target_length": 16,
    "key_step": 60,
    "budget": {"steps": 80, "check_every": 40, "patience": None, "validation_examples": 128},
}
INITS = [
    {"init": "vocab"},
    {"init": "random"},
    {"init": "labels"},
    {"init": "text", "text": "is it: true, then random?"},
    {"init": "words", "text": "one two"},
    {"init": "entry:toy-s0-12345678"},
    {"init": "file:some/where.npy"},
    {"init": "nearest:some/where.npy"},
]


def entry(recipe: dict, task: str = "toy") -> Entry:
    return Entry(
        id=task, kind="source", task=task, members=(), family="", seed=0,
        backbone=Backbone("m", "f"), recipe=recipe, data="",
    )  # fmt: skip


def test_the_facts_of_the_default_recipe_are_those_that_stored_entries_hold():
    model = SimpleNamespace(defaults=ModelDefaults("words", WORDS))
    facts = Recipe(steps=80, check_every=40, patience=0).on(model).entry_facts("bfloat16", {})
    assert facts == STORED and list(facts) == list(STORED)
    query = {name: value for name, value in STORED.items() if name != "budget"}
    assert Recipe().on(model).query_facts("bfloat16", {}) == query


def test_an_entry_without_patience_gives_a_recipe_without():
    for budget, patience in (({"patience": None}, 0), ({}, 0), ({"patience": 3}, 3)):
        stored = entry({**STORED, "budget": {**STORED["budget"], **budget}})
        assert recipe_of_entries([stored]).patience == patience


def test_only_what_differs_from_older_entries_is_named_beside_them():
    plain = Recipe(init="vocab")
    wording = {"template": "flan", "shots": 2, "text": "Say it."}
    assert plain.key_facts("float32", wording).items() >= wording.items()
    assert plain.replace(kind="suffix").key_facts("float32", {}) == {
        **plain.key_facts("float32", {}), "prompt_kind": "suffix",
    }  # fmt: skip
    assert plain.replace(loss="perceptron:normalise=length,margin=0.20").key_facts("float32", {}) == {
        **plain.key_facts("float32", {}), "loss": "perceptron:margin=0.2",
    }  # fmt: skip


@pytest.mark.parametrize("filler", ["vocab", "random"])
@pytest.mark.parametrize("start", INITS, ids=[start["init"][:6] for start in INITS])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_entries_give_their_recipe_back(kind, start, filler):
    recipe = Recipe(
        **start, kind=kind, filler=filler, length=7, optimizer="adamw", learning_rate=0.2,
        weight_decay=0.0, warmup_steps=3, batch_size=5, dropout=0.1, steps=9, key_step=4,
        check_every=2, patience=3, input_length=30, target_length=6, validation_examples=None,
    )  # fmt: skip
    if start["init"] not in ("text", "words", "labels"):
        recipe = recipe.replace(filler="vocab")  # it is of no use there, and not recorded
    wording = {"text": "Of the task.", "shots": 2}
    assert recipe_of_entries([entry(recipe.entry_facts("float32", wording))]) == recipe


def test_the_recipe_of_most_entries_counts_and_doubtful_ones_are_passed_over():
    common, rare = Recipe(init="vocab", steps=70), Recipe(init="vocab", steps=90)
    facts = [recipe.entry_facts("float32", {}) for recipe in (rare, common, common)]
    doubtful = [{}, {"init": 3}, {"init": "vocab", "budget": 7}, {**facts[0], "batch_size": "x"}]
    assert recipe_of_entries([entry(each) for each in [*doubtful, *facts]]) == common
    with pytest.raises(
        SpotError, match="entries that record how their keys were trained"
    ) as caught:
        recipe_of_entries([entry(each) for each in doubtful])
    assert "recipe=spot.Recipe(" in caught.value.hint


def test_an_entry_of_a_key_after_its_last_step_is_passed_over():
    facts = {**Recipe(init="vocab").entry_facts("float32", {}), "key_step": 500}
    with pytest.raises(SpotError, match="found none"):
        recipe_of_entries([entry(facts)])


def test_a_recipe_takes_the_start_of_the_model_only_where_it_has_none():
    model = SimpleNamespace(defaults=ModelDefaults("words", "a b"))
    assert Recipe().on(model) == Recipe(init="words", text="a b")
    assert Recipe(init="random").on(model) == Recipe(init="random")
    assert Recipe(text="c").on(model) == Recipe(init="vocab", text="c")
    once = Recipe().on(model)
    assert once.on(SimpleNamespace(defaults=ModelDefaults())) == once


def test_three_groups_of_settings_make_a_recipe():
    class More(TrainSettings):
        slots: int = 4
        length: int = 99  # of equal name, and no setting of a prompt

    recipe = Recipe.of(PromptSettings(length=5), More(steps=70), RowSettings(train_examples=9))
    assert recipe == Recipe(length=5, steps=70, train_examples=9)
    unset = Recipe.of(PromptSettings(), TrainSettings(), RowSettings())
    assert unset == Recipe() and unset.model_fields_set == set()


def test_what_is_not_given_is_the_models_own():
    own = ModelDefaults(
        "text", "c d", length=5, learning_rate=0.01, batch_size=2, warmup_steps=0, steps=9, key_step=6,
        check_every=3,
    )  # fmt: skip
    model = SimpleNamespace(defaults=own)
    assert Recipe().on(model) == Recipe(
        init="text", text="c d", length=5, learning_rate=0.01, batch_size=2, warmup_steps=0, steps=9,
        key_step=6, check_every=3,
    )  # fmt: skip
    given = Recipe(length=20, batch_size=16, steps=80, learning_rate=None)  # the general defaults
    assert given.on(model) == given.replace(
        init="text", text="c d", key_step=6, check_every=3, warmup_steps=0
    )
    assert Recipe(length=7).replace(optimizer="adamw").on(model).batch_size == 2
    once = Recipe().on(model)
    assert once.on(SimpleNamespace(defaults=ModelDefaults(length=3, steps=7, key_step=7))) == once
    assert Recipe().on(SimpleNamespace(defaults=ModelDefaults())) == Recipe(init="vocab")


def test_a_key_after_the_last_step_is_refused():
    with pytest.raises(SpotError, match=r"key_step \(81\) must not be after steps \(80\)"):
        Recipe(key_step=81, steps=80)
    model = SimpleNamespace(defaults=ModelDefaults(steps=70))
    with pytest.raises(SpotError, match=r"key_step \(81\) must not be after steps \(70\)"):
        Recipe(key_step=81).on(model)
    with pytest.raises(SpotError, match=r"key_step \(60\) must not be after steps \(59\)"):
        Recipe(key_step=60).replace(steps=59)
    assert Recipe(key_step=80, steps=80).key_step == 80


def test_a_key_that_was_not_given_is_no_later_than_the_last_step():
    for own in (ModelDefaults(), ModelDefaults(key_step=500, steps=900)):
        model = SimpleNamespace(defaults=own)
        assert Recipe(steps=9).on(model).key_step == 9
        assert Recipe(steps=1000).on(model).key_step == (own.key_step or 60)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"steps": 0}, "greater than or equal to 1"),
        ({"steps": True}, "type=flag"),
        ({"patience": -1}, "greater than or equal to 0"),
        ({"stepz": 4}, "Extra inputs are not permitted"),
        ({"learning_rate": float("nan")}, "finite number"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"dropout": 1.0}, "less than 1"),
        ({"optimizer": "sgd"}, "'adafactor' or 'adamw'"),
        ({"filler": "zeros"}, "'vocab' or 'random'"),
        ({"input_length": 1}, "greater than or equal to 2"),
        ({"length": 10**9}, "less than or equal to 4096"),
        ({"batch_size": 10**9}, "less than or equal to 65536"),
        ({"steps": 10**12}, "less than or equal to 10000000"),
        ({"key_step": 10**12}, "less than or equal to 10000000"),
        ({"warmup_steps": 10**400}, "less than or equal to 10000000"),
        ({"early_checks": (0, 10**12)}, "less than or equal to 10000000"),
        ({"target_length": 10**9}, "less than or equal to 4096"),
        ({"input_length": 10**9}, "less than or equal to 131072"),
    ],
)
def test_values_out_of_range_are_refused(values, fault):
    with pytest.raises(ValidationError, match=fault):
        Recipe(**values)
    with pytest.raises(ValidationError, match=fault):
        Recipe().replace(**values)


def test_more_rows_than_memory_are_refused():
    Recipe(steps=262_144, batch_size=128)  # the paper's steps
    with pytest.raises(SpotError, match="at most 67,108,864 rows, found 10,000,000 steps of 16"):
        Recipe(steps=10_000_000)
    with pytest.raises(SpotError, match="found 2,000 steps of 65,536"):
        Recipe(batch_size=65_536).replace(steps=2000)


@pytest.mark.parametrize(
    "assignment",
    [
        "prompt.length=1000000000",
        "train.batch_size=1000000000",
        "train.steps=1000000000000",
        "bank.steps=1000000000000",
        "transfer.steps=1000000000000",
        "train.key_step=1000000000000",
        "data.input_length=1000000000000",
        "data.target_length=1000000000000",
    ],
)
def test_settings_out_of_all_proportion_are_a_sentence(assignment):
    key, _, value = assignment.partition("=")
    with pytest.raises(SpotError, match=f"{key}.*expected a number .*, found {value.strip('[]')}"):
        load_config(None, [assignment])


def test_a_recipe_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().steps = 5
