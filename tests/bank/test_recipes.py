"""Warnings about recipes: every difference is named, whichever side has it; the budget is not one."""

from __future__ import annotations

import pytest

from bank.recipes import recipe_warnings

RECIPE = {
    "init": "vocab",
    "prompt_length": 20,
    "optimizer": "adafactor",
    "learning_rate": 0.3,
    "weight_decay": 1e-5,
    "warmup_steps": 0,
    "batch_size": 32,
    "dropout": 0.1,
    "precision": "bfloat16",
    "input_length": 128,
    "target_length": 16,
    "key_step": 100,
    "budget": {"steps": 300, "patience": None},
}


def of(entry_of, task="t", **changes):
    """An entry with RECIPE, changed; a key whose change is None is left out."""
    recipe = {name: value for name, value in (RECIPE | changes).items() if value is not None}
    return entry_of(task, recipe=recipe, key_step=recipe.get("key_step"))


CHANGES = {
    "template": "gpt3",
    "templates": {"rte": "gpt3"},
    "text": "Read and decide.",
    "shots": 4,
    "shot_seed": 1,
    "list_labels": True,
    "target_length": 999,
    "input_length": 7,
    "prompt_length": 3,
    "prompt_kind": "suffix",
    "loss": "unlikelihood",
    "optimizer": "adamw",
    "learning_rate": 7.5,
    "init": "random",
    "precision": "float16",
    "key_step": 60,
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items(), ids=list(CHANGES))
def test_a_difference_is_named_whichever_side_has_it(entry_of, name, value):
    plain, changed = of(entry_of, "a"), of(entry_of, "b", **{name: value})
    for query, other in ((plain, changed), (changed, plain)):
        [warning] = recipe_warnings(query, [query, other])
        assert warning.startswith(f"{name} differs: query ")
        assert f"1 of 2 keys ({other.id}); their similarity is less comparable" in warning
        if name not in RECIPE:
            assert "not set" in warning


def test_equal_recipes_and_other_budgets_are_not_named(entry_of):
    longer = of(entry_of, "b", budget={"steps": 900, "patience": 3})
    without = of(entry_of, "c", budget=None)
    assert recipe_warnings(of(entry_of, "a"), [of(entry_of, "a"), longer, without]) == []
    assert recipe_warnings(without, [longer]) == []


def test_null_is_not_set(entry_of):
    null = entry_of("a", recipe=RECIPE | {"text": None})
    assert recipe_warnings(null, [of(entry_of, "b")]) == []


def test_values_are_compared_not_their_spelling(entry_of):
    query = of(entry_of, optimizer={"name": "adafactor", "decay": 0.8})
    equal = of(entry_of, "a", optimizer={"decay": 0.8, "name": "adafactor"})
    other = of(entry_of, "b", optimizer={"decay": 0.9, "name": "adafactor"})
    [warning] = recipe_warnings(query, [equal, other])
    assert warning.startswith("optimizer differs") and f"1 of 2 keys ({other.id})" in warning


def test_different_values_of_one_part_are_told_apart(entry_of):
    others = [of(entry_of, f"t{n}", shots=n // 2) for n in range(4)]
    warnings = recipe_warnings(of(entry_of, "q"), others)
    assert [warning.split(" keys")[0] for warning in warnings] == [
        "shots differs: query not set, 0 in 2 of 4",
        "shots differs: query not set, 1 in 2 of 4",
    ]


def test_prompts_of_unknown_recipe_share_one_sentence(entry_of):
    imported = [
        entry_of(
            f"i{n}", kind="imported", key_step=None, recipe={"prompt_length": 9, "sha256": "x"}
        )
        for n in range(5)
    ]
    bare = entry_of("bare", recipe={"note": "by hand"})
    known = of(entry_of, "t", shots=2)
    warnings = recipe_warnings(of(entry_of, "q"), [*imported, bare, known])
    assert len(warnings) == 2 and warnings[0].startswith("shots differs")
    assert warnings[1].startswith("the recipe of 6 of 7 keys is not known (i0-s0-")
    assert "and 3 more" in warnings[1]


def test_a_long_value_is_cut(entry_of):
    [warning] = recipe_warnings(of(entry_of, text="word " * 200), [of(entry_of, "a")])
    assert len(warning) < 250 and "…" in warning
