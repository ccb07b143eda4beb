"""Search against the slow formulas, its order, its errors and its warnings."""

from __future__ import annotations

import numpy as np
import pytest

from bank.entry import Prompts
from bank.errors import BankError
from bank.nearest import Hit, rerank, search, searchable
from bank.similarities import SIMILARITIES
from bank.store import Bank
from tests.bank import slow


def slow_scores(bank, query, name):
    """{id: score} by the slow formulas."""
    prompts = {entry.id: bank.prompts(entry) for entry in bank.entries()}
    return dict(zip(prompts, slow.scores(name, query, list(prompts.values())), strict=True))


@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_hits_are_those_of_the_slow_formula(filled, prompts_of, name, k):
    query = prompts_of(77)
    expected = sorted(slow_scores(filled, query, name).items(), key=lambda pair: -pair[1])
    for _ in range(2):
        result = search(filled, query, similarity=name, k=k)
        assert [hit.id for hit in result.hits] == [id for id, _ in expected[:k]]
        assert [hit.score for hit in result.hits] == pytest.approx(
            [score for _, score in expected[:k]], abs=1e-5
        )
        assert [hit.rank for hit in result.hits] == list(range(1, k + 1))
        assert (result.similarity, result.n, result.warnings) == (name, 7, ())


@pytest.mark.parametrize("name", SIMILARITIES)
def test_the_order_of_addition_does_not_matter(tmp_path, entry_of, prompts_of, name):
    items = [(entry_of(f"t{n}"), prompts_of(n)) for n in range(6)]
    results = []
    for turn, order in enumerate(([0, 1, 2, 3, 4, 5], [5, 2, 0, 4, 1, 3])):
        bank = Bank.create_or_open(tmp_path / str(turn))
        for place in order:
            bank.add(*items[place])
        results.append(search(bank, prompts_of(50), similarity=name, k=4))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["average", "per-token"])
def test_the_scale_of_query_and_keys_does_not_matter(bank, entry_of, prompts_of, name, tmp_path):
    scaled = Bank.create_or_open(tmp_path / "scaled")
    for n in range(5):
        bank.add(entry_of(f"t{n}"), prompts_of(n))
        scaled.add(entry_of(f"t{n}"), prompts_of(n, scale=10.0 ** (n - 2)))
    first = search(bank, prompts_of(9), similarity=name, k=5).hits
    second = search(scaled, prompts_of(9, scale=1e4), similarity=name, k=5).hits
    assert [hit.id for hit in first] == [hit.id for hit in second]
    assert [hit.score for hit in first] == pytest.approx([hit.score for hit in second], abs=1e-6)


@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize("equal", [3, 40])
def test_equal_keys_are_ordered_by_id_also_at_place_k(bank, entry_of, prompts_of, name, equal):
    near, far = prompts_of(1), prompts_of(2)
    bank.add_many([(entry_of(f"t{n}"), near) for n in range(equal)] + [(entry_of("far"), far)])
    ids = sorted(entry.id for entry in bank.entries() if entry.task != "far")
    for k in (1, 2, equal - 1, equal):
        hits = search(bank, near, similarity=name, k=k).hits
        assert [hit.id for hit in hits] == ids[:k]
        assert len({hit.score for hit in hits}) == 1


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_tasks_score_is_the_mean_over_pairs_of_seeds(bank, entry_of, prompts_of, name):
    for n in range(3):
        for seed in range(n + 1):
            scores = _scored(60.0 + 10 * (seed == 1)) if n else {}
            bank.add(entry_of(f"t{n}", seed=seed, scores=scores), prompts_of(10 * n + seed))
    queries = [prompts_of(50 + seed) for seed in range(2)]
    pairs = {}
    for query in queries:
        for id, score in slow_scores(bank, query, name).items():
            pairs.setdefault(id.split("-")[0], []).append(score)
    result = search(bank, queries, similarity=name, k=3)
    order = sorted(pairs, key=lambda task: -np.mean(pairs[task]))
    assert [hit.task for hit in result.hits] == order and result.n == 6
    for hit in result.hits:
        assert hit.score == pytest.approx(np.mean(pairs[hit.task]), abs=1e-5)
        assert hit.pairs == len(pairs[hit.task])
        assert hit.deviation == pytest.approx(np.std(pairs[hit.task], ddof=1), abs=1e-5)
        assert hit.seed == (0 if hit.task == "t0" else 1)  # the best on validation


def test_entries_of_another_recipe_are_no_seeds_of_one_task(bank, entry_of, prompts_of):
    bank.add(entry_of("t0"), prompts_of(0))
    bank.add(entry_of("t0", seed=1, recipe={"init": "random"}), prompts_of(1))
    hits = search(bank, prompts_of(0), k=2).hits
    assert [(hit.seed, hit.pairs, hit.deviation) for hit in hits] == [(0, 1, None), (1, 1, None)]


def test_a_search_without_a_query_is_refused(filled):
    with pytest.raises(BankError, match="a query of one seed or more, found none"):
        search(filled, [])


def test_more_than_there_are_gives_all_and_says_so(filled, prompts_of):
    result = search(filled, prompts_of(1), k=100)
    assert len(result.hits) == 7
    assert result.warnings == ("asked for k=100 of 7 tasks: all are listed",)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(filled, prompts_of, k):
    with pytest.raises(BankError, match=f"k of 1 or more, found {k}"):
        search(filled, prompts_of(1), k=k)


def test_an_empty_bank_is_an_error_with_a_hint(bank, prompts_of):
    with pytest.raises(BankError, match="has no entries to search") as caught:
        search(bank, prompts_of(1))
    assert "build-bank" in caught.value.hint


def test_names_of_similarities_are_checked(filled, prompts_of):
    with pytest.raises(BankError, match='Did you mean "centered"'):
        search(filled, prompts_of(1), similarity="centred")


@pytest.mark.parametrize(
    "key, message",
    [
        (np.full((4, 6), np.nan), "holds NaN, infinity"),
        (np.full((4, 6), np.inf), "holds NaN, infinity"),
        (np.zeros((4, 6)), "the query is all zero"),
        (np.ones((5, 6)), "P=4 tokens and width H=6, found P=5 and H=6"),
        (np.ones((4, 5)), "found P=4 and H=5"),
        (np.ones(6), r"floats \[P, H\], found shape \(6,\)"),
        (np.ones((4, 6), dtype=int), "of int64"),
    ],
)
def test_queries_that_cannot_be_searched_are_refused(filled, key, message):
    with pytest.raises(BankError, match=message):
        search(filled, key)


def test_a_query_of_another_backbone_is_refused(filled, prompts_of, entry_of):
    with pytest.raises(BankError, match="query does not fit .*fp-a.*fp-b"):
        search(filled, prompts_of(1), query_entry=entry_of("q", kind="query", backbone="fp-b"))


def test_a_query_without_direction_is_refused(filled, prompts_of):
    row = np.arange(1.0, 7.0)
    with pytest.raises(BankError, match='no direction under the similarity "average"'):
        search(filled, np.stack([row, -row, row, -row]), similarity="average")
    untrained = prompts_of(1)
    with pytest.raises(BankError, match='no direction under the similarity "delta"'):
        search(filled, untrained._replace(init=untrained.key), similarity="delta")


def test_delta_needs_every_init(filled, entry_of, prompts_of):
    with pytest.raises(BankError, match='"delta" needs'):
        search(filled, prompts_of(1).key, similarity="delta")
    filled.add(entry_of("late", kind="imported"), prompts_of(9)._replace(init=None))
    with pytest.raises(BankError, match='late-s0-.*"delta" needs'):
        search(filled, prompts_of(1), similarity="delta")


def test_centered_needs_two_keys(bank, entry_of, prompts_of):
    bank.add(entry_of(), prompts_of())
    with pytest.raises(BankError, match="needs two keys or more, found 1"):
        search(bank, prompts_of(1), similarity="centered")


def test_keys_without_direction_are_named(bank, entry_of, prompts_of):
    bank.add_many([(entry_of(f"t{n}"), prompts_of(n)) for n in range(2)])
    still = prompts_of(5)
    bank.add(entry_of("still"), still._replace(init=still.key))
    result = search(bank, prompts_of(1), similarity="delta", k=3)
    assert "no direction under delta, so similarity 0: still-s0-" in result.warnings[0]
    assert {hit.task: hit.score for hit in result.hits}["still"] == 0.0


def test_excluded_tasks_take_their_mixtures_with_them(filled, entry_of, prompts_of):
    mixture = entry_of("mix", kind="mixture", members=("t1", "t2"))
    filled.add_many([(mixture, prompts_of(30)), (entry_of("t1", seed=1), prompts_of(31))])
    everything = search(filled, prompts_of(1), k=8)
    kept = search(filled, prompts_of(1), k=6, exclude_tasks=["t1"])
    assert (everything.n, kept.n) == (9, 6)
    assert "t1" in [hit.task for hit in everything.hits]
    assert not {"t1", "mix"} & {hit.task for hit in kept.hits}
    left = [hit.id for hit in everything.hits if hit.task not in ("t1", "mix")]
    assert [hit.id for hit in kept.hits] == left
    with pytest.raises(BankError, match="left to search: 9 excluded, 0 damaged"):
        search(filled, prompts_of(1), exclude_tasks=[f"t{n}" for n in range(7)])


def test_differences_of_recipe_are_warnings_that_name_them(filled, entry_of, prompts_of):
    same = entry_of("q", kind="query")
    assert search(filled, prompts_of(1), query_entry=same).warnings == ()
    other = entry_of(
        "q",
        kind="query",
        key_step=200,
        recipe={"init": "vocab", "learning_rate": 0.5, "batch_size": 8, "list_labels": True},
    )
    warnings = search(filled, prompts_of(1), query_entry=other).warnings
    assert [warning.split(" differs")[0] for warning in warnings] == [
        "key_step", "learning_rate", "batch_size", "list_labels",
    ]  # fmt: skip
    assert "query 200, 100 in 7 of 7 keys (t0-s0-" in warnings[0]
    assert "and 4 more" in warnings[0]
    assert "query 8, not set in 7 of 7 keys" in warnings[2]


def test_damaged_entries_are_named_and_passed_over(filled, prompts_of):
    first, second = filled.entries()[:2]
    (filled.folder(first) / "entry.json").write_text("{")
    path = filled.folder(second) / "prompt.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    for _ in range(2):
        result = search(filled, prompts_of(0), k=5)
        assert not {first.id, second.id} & {hit.id for hit in result.hits}
        assert [warning.split(" is damaged")[0] for warning in result.warnings] == [
            first.id, second.id,
        ]  # fmt: skip


def hits_of(*ids):
    return [Hit(rank, id, id, 0, "", "source", 1.0) for rank, id in enumerate(ids, start=1)]


def test_rerank_orders_by_loss_and_keeps_ties(caplog):
    order = rerank(hits_of("a", "b", "c"), {"a": 2.0, "b": 0.5, "c": 0.5})
    assert [(hit.rank, hit.id) for hit in order] == [(1, "b"), (2, "c"), (3, "a")]
    assert rerank([], {}) == ()


@pytest.mark.parametrize("losses", [{"a": 1.0}, {"a": 1.0, "b": float("nan")}])
def test_rerank_needs_a_finite_loss_for_every_hit(losses):
    with pytest.raises(BankError, match="finite loss for b, found"):
        rerank(hits_of("a", "b"), losses)


def test_a_query_may_be_prompts_or_an_array(filled, prompts_of):
    query = prompts_of(4)
    plain = search(filled, query.key.astype(np.float64))
    assert plain == search(filled, Prompts(None, query.key, None)) == search(filled, query)


def _scored(value, majority=50.0, n=100):
    return {"validation": {"metric": "accuracy", "value": value, "majority": majority, "n": n}}


def test_entries_that_learned_nothing_are_passed_over(bank, entry_of, prompts_of):
    good = [entry_of("t0", scores=_scored(80.0)), entry_of("t1"), entry_of("t2", scores={})]
    weak = [entry_of("t3", scores=_scored(51.0)), entry_of("t4", scores=_scored(40.0))]
    for number, entry in enumerate((*good, *weak)):
        bank.add(entry, prompts_of(number))
    query = prompts_of(4)  # the key of t4 itself
    found = search(bank, query, k=3)
    assert {hit.id for hit in found.hits} == {entry.id for entry in good} and found.n == 3
    (warning,) = found.warnings
    assert warning.startswith("skipped, since no better than the majority label: ")
    assert all(entry.id in warning for entry in weak) and "search.unlearned=true" in warning
    everything = search(bank, query, k=5, unlearned=True)
    assert everything.hits[0].id == weak[1].id and everything.n == 5
    assert [warning.split(" ")[0] for warning in everything.warnings] == [
        hit.id for hit in everything.hits if hit.id in {entry.id for entry in weak}
    ]


def test_where_nothing_was_learned_everything_is_compared(bank, entry_of, prompts_of):
    weak = [entry_of(f"t{number}", scores=_scored(51.0)) for number in range(3)]
    for number, entry in enumerate(weak):
        bank.add(entry, prompts_of(number))
    found = search(bank, prompts_of(9), k=2, exclude_tasks=["t1"])
    assert {hit.task for hit in found.hits} == {"t0", "t2"} and found.n == 2
    assert len(found.warnings) == 2 and all("has not learned" in one for one in found.warnings)


def test_what_a_search_compares(entry_of):
    entries = [entry_of("t0", scores=_scored(80.0)), entry_of("t1", scores=_scored(51.0))]
    assert searchable(entries) == ([entries[0]], [entries[1].id])
    assert searchable(entries, ["t0"]) == ([entries[1]], [])
    assert searchable(entries, ["t1"]) == ([entries[0]], [])
    assert searchable(entries, unlearned=True) == (entries, [])


@pytest.mark.parametrize(
    ("scores", "doubted"),
    [
        (_scored(50.0), True), (_scored(59.9), True), (_scored(60.0), False),
        (_scored(92.0, 88.0), True), (_scored(95.0, 88.0), False),
        (_scored(55.0, n=1000), False), (_scored(55.0, None), False), ({}, False),
    ],
)  # fmt: skip
def test_a_source_that_is_not_clearly_above_one_answer_for_all_is_doubted(
    bank, entry_of, prompts_of, scores, doubted
):
    entry = entry_of("t0", scores=scores)
    bank.add(entry, prompts_of(0))
    warnings = search(bank, prompts_of(1), k=1).warnings
    assert [warning.startswith(f"{entry.id} has not learned its task") for warning in warnings] == (
        [True] * doubted
    )


def test_a_score_that_is_null_is_not_known(bank, entry_of, prompts_of):
    scores = {"validation": {"value": None, "majority": None, "n": None}}
    known = {"validation": {"value": 1.0, "n": 9}}
    for seed, of_seed in ((0, scores), (1, known)):
        bank.add(entry_of("t0", seed=seed, scores=of_seed), prompts_of(seed))
    (hit,) = search(bank, prompts_of(9), k=1).hits
    assert hit.seed == 1 and hit.pairs == 2
