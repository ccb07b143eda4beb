"""What the order of a prompt's rows is worth, against rows that are moved by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.analysis.drops import Drop, resampled
from spot.analysis.order import (
    SHUFFLES,
    Tried,
    arrangements,
    by_norm,
    find,
    judged,
    reversed_order,
    rotated,
    shuffles,
)
from spot.analysis.picked import picked
from spot.errors import SpotError
from spot.prompts.prompt import SoftPrompt
from tests.analysis.mixed_cases import OTHER, mixed_case
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of

FAMILIES = pytest.mark.parametrize("family", CONFIGS)
KINDS = [
    ("prefix", "T5"), ("prefix", "decoder"), ("suffix", "T5"), ("suffix", "decoder"),
    ("around:after=2", "T5"), ("around:after=2", "decoder"), ("masked", "T5"),
    ("every-layer", "T5"), ("every-layer:change=add", "decoder"), ("keys-values", "T5"),
    ("keys-values", "decoder"),
]  # fmt: skip


@st.composite
def lengths_and_moves(draw):
    length = draw(st.integers(1, 40))
    return length, draw(st.integers(-90, 90)), draw(st.integers(0, 2**32 - 1))


@settings(deadline=None)
@given(lengths_and_moves())
def test_every_order_has_each_row_once(drawn):
    length, by, seed = drawn
    rows = np.random.default_rng(seed).normal(size=(length, 3))
    orders = [rotated(length, by), reversed_order(length), by_norm(rows)]
    orders += [each for several in arrangements(length, rows, seed).values() for each in several]
    for order in orders:
        assert sorted(order) == list(range(length))


@settings(deadline=None)
@given(lengths_and_moves())
def test_orders_move_rows_as_their_names_say(drawn):
    length, by, seed = drawn
    places = tuple(range(length))
    assert rotated(length, length) == rotated(length, 0) == places
    assert np.array_equal(rotated(length, by), np.roll(places, by))
    assert tuple(reversed_order(length)[place] for place in reversed_order(length)) == places
    norms = np.linalg.norm(rows := np.random.default_rng(seed).normal(size=(length, 3)), axis=1)
    assert (np.diff(norms[list(by_norm(rows))]) >= 0).all()


@pytest.mark.parametrize(
    ("length", "count"), [(1, 0), (2, 1), (3, 5), (4, SHUFFLES), (30, SHUFFLES)]
)
def test_shuffles_differ_from_each_other_and_from_the_order_as_it_was(length, count):
    orders = shuffles(length, SHUFFLES, seed=5)
    assert len(set(orders)) == len(orders) == count
    assert tuple(range(length)) not in orders
    assert orders == shuffles(length, SHUFFLES, seed=5)


def scored(case, prompt):
    return case.model.score(case.rows.inputs, case.labels, prompt)


@pytest.mark.parametrize(("kind", "family"), KINDS)
def test_the_order_as_it_was_changes_nothing(kind, family, tiny_folder):
    model = model_of(family, tiny_folder)
    case = mixed_case(model, prompt_of(model, kind))
    found = scored(case, picked(case.prompt, range(5)))
    assert np.array_equal(found, scored(case, case.prompt))
    apart = np.abs(found - scored(case, picked(case.prompt, range(5)[::-1]))).max()
    # In a decoder a key carries its place along: a set of them has no order.
    assert apart < 1e-5 if (kind, family) == ("keys-values", "decoder") else apart > 1e-4


@pytest.mark.parametrize(("kind", "family"), KINDS)
def test_an_order_is_that_of_the_prompts_arrays(kind, family, tiny_folder):
    """The rows are moved in the arrays, by hand."""
    model, order = model_of(family, tiny_folder), (3, 0, 4, 1, 2)
    prompt = prompt_of(model, kind)
    axes = {"layers": 1, "keys_values": 3, "start": 0}
    axes |= {prompt.kind.arrays[0]: 0} if prompt.kind.is_rows else {}
    arrays = {
        name: np.take(array, order, axes[name]) if name in axes else array
        for name, array in prompt.arrays.items()
    }
    moved = SoftPrompt(prompt.kind, arrays)
    case = mixed_case(model, prompt)
    np.testing.assert_allclose(
        scored(case, picked(prompt, order)), scored(case, moved), rtol=0, atol=1e-5
    )


def test_a_t5_without_positions_knows_no_order(tiny_folder):
    """A decoder always does: each row sees only those in front of it."""
    model = model_of("T5", tiny_folder, positions=False)
    case = mixed_case(model, prompt_of(model))
    as_it_is = scored(case, case.prompt)
    for several in arrangements(5, case.soft_rows, seed=1).values():
        for order in several:
            changed = scored(case, picked(case.prompt, order))
            np.testing.assert_allclose(changed, as_it_is, rtol=0, atol=1e-5)
    (table,) = find(case).tables
    assert all(line[3] == line[4] == line[5] == line[-1] == 0 for line in table.rows[1:])


@FAMILIES
def test_the_table_has_the_scores_of_prompts_made_by_hand(family, tiny_folder):
    model = model_of(family, tiny_folder)
    prompt, start = prompt_of(model), prompt_of(model, seed=1)
    case = mixed_case(model, prompt, start)
    finding = find(case)
    (table,) = finding.tables
    assert table.rows[0][:3] == ("prompt", "as it is", 100.0)
    lines = {line[:2]: dict(zip(table.columns, line, strict=True)) for line in table.rows}
    for name, each in (("prompt", prompt), ("start", start)):
        rows, untouched = np.asarray(each), case.evaluate(each)
        by_hand = {
            "reverse": rows[::-1],
            "halves swapped": np.roll(rows, 2, axis=0),
            "rotate by 1": np.roll(rows, 1, axis=0),
            "rotate by 4": np.roll(rows, 4, axis=0),
            "sort by norm": rows[np.argsort((rows**2).sum(1))],
        }
        for order, moved in by_hand.items():
            found, line = case.evaluate(moved), lines[name, order]
            assert line["score "] == pytest.approx(found.value)
            assert line["drop "] == pytest.approx(untouched.value - found.value)
            assert line["from "] <= line["drop "] <= line["to "]
            pairs = zip(found.predictions, untouched.predictions, strict=True)
            assert line["changed % "] == pytest.approx(100 * np.mean([a != b for a, b in pairs]))
        drawn = [
            case.evaluate(rows[list(order)]).value for order in shuffles(5, SHUFFLES, case.seed)
        ]
        line = lines[name, "10 shuffles"]
        assert line["score "] == pytest.approx(np.mean(drawn))
        assert line["deviation "] == pytest.approx(np.std(drawn, ddof=1))
        assert line["worst "] == pytest.approx(untouched.value - min(drawn))
    (bars,) = finding.charts
    assert bars.labels[:2] == ("reverse", "reverse, start") and len(bars.values) == 12


def test_a_prompt_of_one_row_and_one_without_rows_have_no_order(tiny_folder):
    model = model_of("T5", tiny_folder)
    with pytest.raises(
        SpotError, match="at least two rows, whose order can be changed, found 1 of"
    ):
        find(mixed_case(model, prompt_of(model, length=1)))
    with pytest.raises(SpotError, match="found 0 of a prompt of the kind decoder-"):
        find(mixed_case(model, prompt_of(model, "decoder-keys-values")))
    with pytest.raises(SpotError, match="rows beside keys and values has no one order"):
        find(mixed_case(model, prompt_of(model, "keys-values:rows=2")))
    with pytest.raises(SpotError, match="expected a task"):
        find(dataclasses.replace(mixed_case(model, prompt_of(model)), task=None))


def test_two_rows_have_one_other_order(tiny_folder):
    model = model_of("T5", tiny_folder)
    (table,) = find(mixed_case(model, prompt_of(model, length=2))).tables
    names = ["as it is", "reverse", "1 shuffle", "halves swapped", "sort by norm"]
    assert [line[1] for line in table.rows] == names
    assert table.rows[2][6] is None  # no deviation of one


def tried(case, *right):
    """A prompt that has so many rows right as it is, reversed, and shuffled."""
    words = [case.task.labels[label] for label in case.rows.labels]
    samples = [
        resampled(case, [[word if row < count else OTHER[word] for row, word in enumerate(words)]])
        for count in right
    ]
    return Tried("prompt", samples[0], {"reverse": samples[1], "shuffle": samples[2]}, {})


def test_notes_tell_what_the_rows_can_show(tiny_folder):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model), labels=["blue", "yes"] * 12)
    matters, worse = judged(case, tried(case, 24, 4, 14))
    assert matters.startswith("reverse costs 83.3 points (") and matters.endswith(
        "the order matters"
    )
    assert worse.startswith("reverse is worse than shuffles by 41.7 points (")
    same, alike = judged(case, tried(case, 24, 24, 24))
    assert same.startswith("no drop by reverse or shuffles can be told from 0 on 24 rows: ")
    assert alike.startswith("reverse cannot be told from shuffles")
    *_, better, helped = judged(case, tried(case, 20, 24, 20))
    assert better.startswith("reverse is better than shuffles by 16.7 points (")
    assert helped == "scores higher than the order that was learned: reverse"
    (nothing,) = judged(case, tried(case, 3, 3, 3))
    assert nothing.startswith("at chance: ") and nothing.endswith("another order could cost")
    assert Drop(-3.0, -5.0, -1.0).negative == (3.0, 1.0, 5.0)
    assert str(Drop(12.34, 8.06, 16.2)) == "12.3 points (8.1 to 16.2)"
