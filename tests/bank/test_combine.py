"""Averages and sums of prompts: by hand, by properties, and what makes no sense refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bank.combine import Parts, combined_entry, norms, sum_of_changes, weighted_average
from bank.entry import Prompts
from bank.errors import BankError
from bank.expression import parse
from bank.nearest import search
from bank.recipes import recipe_warnings

ONES, TWOS = np.full((2, 3), 1.0, np.float32), np.full((2, 3), 2.0, np.float32)


def test_weights_are_shares_of_their_sum():
    mixed = weighted_average([ONES, TWOS], [0.2, 0.6])
    assert mixed.dtype == np.float32
    assert mixed == pytest.approx(np.full((2, 3), 1.75))
    assert weighted_average([ONES, TWOS], [1, 3]) == pytest.approx(mixed)


def test_one_prompt_and_zero_weights_keep_the_bits():
    prompt = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    assert weighted_average([prompt], [0.3]).tobytes() == prompt.tobytes()
    assert weighted_average([prompt, prompt * 7], [2.0, 0.0]).tobytes() == prompt.tobytes()


@pytest.mark.parametrize("weights", [[0, 0], [0.5, -0.5], [-1, -2], [2, -1], [1, np.nan]])
def test_weights_without_meaning_are_refused(weights):
    with pytest.raises(BankError, match="weights of zero or more with a sum above zero, found"):
        weighted_average([ONES, TWOS], weights)


@pytest.mark.parametrize(
    "prompts, weights", [([ONES, TWOS], [1.0]), (ONES, [1.0, 1.0]), (np.zeros((0, 2, 3)), [])]
)
def test_shapes_are_checked(prompts, weights):
    with pytest.raises(BankError, match=r"expected K prompts \[K, P, H\] and K weights"):
        weighted_average(prompts, weights)


def test_norms_by_hand():
    assert norms(np.array([[3.0, 4.0], [0.0, 1.0]])) == pytest.approx([5.0, 1.0])
    with pytest.raises(BankError, match=r"prompt \[P, H\], found shape \(3,\)"):
        norms(np.ones(3))


def near(scale, seed=0):
    """A prompt [2, 3] of this scale."""
    return (scale * np.random.default_rng(seed).normal(size=(2, 3))).astype(np.float32)


def test_weight_one_from_its_own_init_is_the_prompt_bit_for_bit():
    init, prompt = near(1.0), near(1e-12, 1)  # the change alone would have lost the prompt's digits
    prompt[0, 0] = -0.0
    for match in (False, True):
        assert sum_of_changes([prompt], [init], [1], init, match).tobytes() == prompt.tobytes()


@pytest.mark.parametrize("match", [False, True])
def test_the_order_of_terms_leaves_no_trace(match):
    large, init = (
        near(1e20),
        near(1e20, 9),
    )  # they cancel, with the digits of what they were added to
    prompts = [large, 2 * large, near(1, 1), near(3, 2)]
    inits, weights = [init, 2 * init, near(1, 3), near(1, 4)], [2, -1, 0.1, 0.7]
    first = sum_of_changes(prompts, inits, weights, inits[3], match)
    for order in itertools.permutations(range(4)):
        turned = ([of[n] for n in order] for of in (prompts, inits, weights))
        assert sum_of_changes(*turned, inits[3], match).tobytes() == first.tobytes()


def test_sums_of_changes_equal_the_obvious_sum():
    prompts, inits, base = (
        [near(1, n) for n in range(3)],
        [near(1, 5 + n) for n in range(3)],
        near(2, 8),
    )
    slow = base.astype(np.float64)
    for weight, prompt, init in zip((1, -0.5, 0.25), prompts, inits, strict=True):
        slow = slow + weight * (prompt.astype(np.float64) - init)
    assert sum_of_changes(prompts, inits, (1, -0.5, 0.25), base) == pytest.approx(slow, rel=1e-5)


def test_a_prompt_without_its_change_is_its_init():
    init, prompt = near(1.0), near(1.0, 1)
    assert sum_of_changes([prompt, prompt], [init, init], [1, -1], init).tobytes() == init.tobytes()


def test_a_mean_of_rows_of_one_norm_is_shorter_by_their_cosine_unless_norms_are_matched():
    a, b = np.array([[1.0, 0.0, 0.0]]), np.array([[0.5, 0.75**0.5, 0.0]])  # cosine 0.5
    zero = np.zeros((1, 3))
    plain = sum_of_changes([a, b], [zero, zero], [0.5, 0.5], zero)
    matched = sum_of_changes([a, b], [zero, zero], [0.3, 0.3], zero, True)
    assert norms(plain) == pytest.approx([0.75**0.5], rel=1e-5)
    assert norms(matched) == pytest.approx([1.0], rel=1e-5)
    assert plain / norms(plain)[:, None] == pytest.approx(matched, rel=1e-5)


@pytest.fixture
def started(bank, entry_of):
    """Entries a, b and c of one init, "far" of another, and "foreign", whose init is not known."""
    init = near(1.0)
    for place, task in enumerate(("a", "b", "c", "far", "foreign"), start=1):
        start = {"far": near(1.0, 30), "foreign": None}.get(task, init)
        kind = "imported" if start is None else "source"
        prompts = Prompts(start, near(1, place), near(1, 10 + place))
        bank.add(
            entry_of(
                task,
                kind=kind,
                family="toy",
                recipe={"init": "vocab", "prompt_length": 2},
                task_facts={"inputs": "{text}", "labels": ("no", "yes")},
            ),
            prompts,
        )
    return bank


def test_a_bank_combines_key_and_value_and_keeps_the_init(started):
    entry, prompts = started.combine("a - b + 0.5*c", name="analogy")
    own = {task: started.prompts(started.get(task)) for task in "abc"}
    for view in ("key", "value"):
        a, b, c = (getattr(own[task], view) for task in "abc")
        expected = a - b + 0.5 * c + 0.5 * own["a"].init
        assert getattr(prompts, view) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert np.array_equal(prompts.init, own["a"].init)
    assert (entry.kind, entry.task, entry.members) == ("combination", "analogy", ("a", "b", "c"))
    assert (entry.family, entry.key_step) == ("toy", 100)
    assert entry.task_facts == {}  # what it answers is of several tasks
    assert entry.recipe["init"] == "vocab" and entry.recipe["prompt_length"] == 2
    assert started.add((entry, prompts)) == [entry.id]
    assert started.add(started.combine("0.5*c + a - b", name="analogy")) == []  # the same entry
    assert started.combine("a + b")[0].task == "a + b"
    again, same = started.combine("analogy - c")  # combinations are entries like others
    assert again.members == ("a", "b", "c") and same.value.shape == (2, 3)


def test_a_search_leaves_out_combinations_of_the_target(started):
    started.add(started.combine("a + b", name="ab"))
    started.add(started.combine("b + c", name="bc"))
    hits = search(started, near(1.0, 50), k=9, exclude_tasks=("a",)).hits
    assert {hit.task for hit in hits} == {"b", "c", "far", "foreign", "bc"}


def test_a_comma_puts_prompts_one_behind_the_other(started):
    entry, prompts = started.combine("a - b, foreign, c")
    parts = [started.combine(text)[1] for text in ("a - b", "foreign", "c")]
    assert np.array_equal(prompts.value, np.concatenate([each.value for each in parts]))
    assert np.array_equal(prompts.key, np.concatenate([each.key for each in parts]))
    assert prompts.init is None and entry.recipe["prompt_length"] == 6
    assert entry.members == ("a", "b", "c", "foreign")
    with pytest.raises(BankError, match="expected prompts of P=2 tokens and width H=3, found P=6"):
        started.add(entry, prompts)


def test_inits_decide_where_a_sum_starts(started):
    with pytest.raises(
        BankError, match="started from one init, found several among a, far.*--base ENTRY"
    ):
        started.combine("a + far")
    moved = started.combine("a + far", base="far")[1]
    a, far = (started.prompts(started.get(task)) for task in ("a", "far"))
    assert moved.value == pytest.approx(far.value + a.value - a.init, rel=1e-5, abs=1e-6)
    assert np.array_equal(moved.init, far.init)
    with pytest.raises(BankError, match="learned since their init, which is not known of foreign"):
        started.combine("a + foreign")
    with pytest.raises(BankError, match="whose init is known to start from, found foreign-s0"):
        started.combine("a + b", base="foreign")


def test_every_unknown_name_is_said(started):
    with pytest.raises(BankError) as error:
        started.combine("a + fart - nothing")
    assert 'no entry "fart"' in error.value.message and 'no entry "nothing"' in error.value.message
    assert 'Did you mean "far"?' in error.value.message and "spot bank list" in error.value.hint
    with pytest.raises(BankError, match='no entry "a-b" in .*a space in front of it'):
        started.combine("a-b")


def parts_of(bank, *entries, shapes=((2, 3), (2, 3))):
    """The parts of "x + y", which are these entries, whose arrays are random."""
    arrays = [np.ones(shape, np.float32) for shape in shapes]
    items = {
        name: (entry, Prompts(array, array + 1, array + 2))
        for name, entry, array in zip("xy", entries, arrays, strict=True)
    }
    return Parts(parse("x + y"), items)


def test_prompts_that_do_not_mix_are_refused_with_the_reason(bank, entry_of):
    other = entry_of("b", recipe={"prompt_kind": "suffix"})
    with pytest.raises(BankError, match="a-s0-.* is a prefix prompt, b-s0-.* a suffix prompt"):
        parts_of(bank, entry_of("a", recipe={}), other)
    with pytest.raises(
        BankError, match="of tiny, b-s0-.* of tiny .fp-b.: prompts of different models"
    ):
        parts_of(bank, entry_of("a"), entry_of("b", backbone="fp-b"))
    with pytest.raises(BankError, match="length and width in a sum, found x 2 x 3, y 4 x 3"):
        parts_of(bank, entry_of("a"), entry_of("b"), shapes=((2, 3), (4, 3)))
    layered = entry_of("a", recipe={"prompt_kind": "layers"})
    named = Prompts(ONES, ONES, TWOS, {"layers": np.ones((2, 2, 3), np.float32)})
    with pytest.raises(
        BankError, match="their rows alone, a-s0-.* is a layers prompt with other arrays"
    ):
        Parts(parse("x"), {"x": (layered, named)})


def test_recipes_share_what_they_say_alike(bank, entry_of):
    first = entry_of("a", recipe={"init": "vocab", "steps": 3}, key_step=5)
    other = entry_of("b", recipe={"init": "vocab", "steps": 4}, key_step=6, seed=2, family="toy")
    entry, _ = combined_entry(parts_of(bank, first, other), "ab")
    assert set(entry.recipe) == {"init", "prompt_length", "combination"}
    assert (entry.key_step, entry.family, entry.seed) == (None, "", 0)
    assert (
        recipe_warnings(
            first, [entry_of("c", recipe={**first.recipe, "combination": {}}, key_step=5)]
        )
        == []
    )
