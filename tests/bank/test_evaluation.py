"""Evaluation of similarities: by hand, against scipy, and against published measurements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bank.entry import Prompts
from bank.errors import BankError
from bank.evaluation import evaluate, spearman
from bank.importing import import_folder
from bank.nearest import search
from bank.outcomes import Outcome


def outcome(source, target, score, **more):
    fields = {"strategy": "best", "seed": 0, "metric": "accuracy", "split": "test", **more}
    return Outcome(source, target, score=score, **fields)


def direction(degrees):
    """A prompt of one token in the plane, at this angle."""
    angle = np.deg2rad(degrees)
    key = np.array([[np.cos(angle), np.sin(angle)]], dtype=np.float32)
    return Prompts(np.zeros_like(key), key, key)


@pytest.fixture
def plane(bank, entry_of):
    """A target at 0 degrees and sources a … d at 10, 20, 40 and 80, the same number as id order."""
    angles = {"target": 0, "a": 10, "b": 20, "c": 40, "d": 80}
    bank.add_many([(entry_of(task), direction(angle)) for task, angle in angles.items()])
    return bank


def test_by_hand(plane):
    scores = {"a": 60.0, "b": 70.0, "c": 65.0, "d": 50.0, "target": 99.0, "random": 100.0}
    plane.add_outcomes([outcome(source, "target", score) for source, score in scores.items()])
    [found] = evaluate(plane, ["average"])
    [row] = found.rows
    assert (row.target, row.n, row.picked, row.best) == ("target", 4, "a", "b")
    assert (row.picked_score, row.best_score, row.regret) == (60.0, 70.0, 10.0)
    assert (row.top1, row.top3) == (False, True)
    assert row.spearman == pytest.approx(0.4)  # ranks 4 3 2 1 against 2 4 3 1: 1 - 6·6/60
    assert row.random_top1 == 0.25
    assert row.random_top3 == pytest.approx(0.75)
    assert row.random_regret == pytest.approx(70 - 61.25)
    assert (found.targets, found.top1, found.top3, found.mean_regret) == (1, 0.0, 1.0, 10.0)
    assert found.mean_spearman == row.spearman


def test_seeds_are_averaged_and_a_task_stands_for_all_its_entries(plane, entry_of):
    plane.add(entry_of("a", seed=1), direction(50))  # a is now on average farther than b
    plane.add_outcomes(
        [
            outcome("a", "target", 80.0),
            outcome("a", "target", 60.0, seed=1),
            outcome("b", "target", 69.0),
        ]
    )
    [row] = evaluate(plane, ["average"])[0].rows
    assert (row.picked, row.best, row.best_score, row.regret) == ("b", "a", 70.0, 1.0)


def test_outcomes_of_few_rows_weigh_little(plane):
    """a has 80 on 10 rows and 60 on 1000, b 65 on 1000: a is worth 60, for the most part."""
    plane.add_outcomes(
        [
            outcome("a", "target", 80.0, baseline=60.0, n=10, low=0.0, high=40.0),
            outcome("a", "target", 60.0, baseline=60.0, n=1000, low=-2.0, high=2.0, seed=1),
            outcome("b", "target", 65.0, baseline=60.0, n=1000, low=3.0, high=7.0),
        ]
    )
    [row] = evaluate(plane, ["average"])[0].rows
    assert (row.picked, row.best) == ("a", "b")
    assert row.picked_score == pytest.approx(60 + 20 / 101)


def test_targets_weigh_by_the_precision_of_their_outcomes(plane, entry_of):
    """Two targets of one pick each: the mean regret leans to the one measured on more rows."""
    plane.add(entry_of("other"), direction(5))
    for target, width in (("target", 1.0), ("other", 6.0)):
        plane.add_outcomes(
            outcome(
                source, target, score, baseline=60.0, n=1000,
                low=score - 60 - width, high=score - 60 + width,
            )
            for source, score in (("a", 60.0), ("b", 70.0 if target == "target" else 61.0))
        )  # fmt: skip
    [found] = evaluate(plane, ["average"])
    variances = np.array([(2 * 6.0 / 3.92) ** 2, (2 * 1.0 / 3.92) ** 2])  # other, target
    between = np.var([0.5, 5.0], ddof=1) - variances.mean()
    assert between > 1
    share = 1 / (variances + between)
    assert found.shares == pytest.approx(tuple(share / share.sum()))
    assert found.mean_regret == pytest.approx(share @ [1.0, 10.0] / share.sum())
    plane.add_outcomes([outcome("c", "other", 50.0)])
    assert evaluate(plane, ["average"])[0].shares == (0.5, 0.5)


def test_sources_may_be_ids(plane):
    a, b = plane.get("a").id, plane.get("b").id
    plane.add_outcomes([outcome(a, "target", 60.0), outcome(b, "target", 50.0)])
    [row] = evaluate(plane, ["per-token"])[0].rows
    assert (row.picked, row.top1, row.regret) == (a, True, 0.0)


def test_mixtures_that_hold_the_target_are_no_sources(plane, entry_of):
    plane.add(entry_of("mix", kind="mixture", members=("target", "a")), direction(1))
    plane.add_outcomes([outcome(name, "target", 50.0) for name in ("mix", "a", "b")])
    assert evaluate(plane, ["average"])[0].rows[0].n == 2


def test_a_query_is_the_targets_own_key_before_an_entry(plane, entry_of):
    plane.add(entry_of("target", kind="query"), direction(80))
    plane.add_outcomes([outcome(name, "target", 50.0) for name in ("a", "d")])
    assert evaluate(plane, ["average"])[0].rows[0].picked == "d"


def test_unlike_outcomes_are_not_mixed(plane):
    plane.add_outcomes(
        [outcome(name, "target", 50.0) for name in ("a", "b", "c")]
        + [outcome("a", "target", 90.0, split="validation")]
        + [outcome("d", "target", 90.0, strategy="average")]
    )
    [row] = evaluate(plane, ["average"])[0].rows
    assert (row.n, row.best_score, row.strategy, row.split) == (3, 50.0, "best", "test")
    assert row.spearman is None  # all scores are equal
    assert row.top1 and row.random_top1 == 1.0
    assert evaluate(plane, ["average"])[0].mean_spearman is None


def test_equal_similarities_are_ordered_by_name(bank, entry_of):
    names = [f"s{n:02}" for n in range(40)]
    bank.add_many([(entry_of(task), direction(5)) for task in ["t", *names]])
    bank.add_outcomes([outcome(name, "t", float(n)) for n, name in enumerate(names)])
    [row] = evaluate(bank, ["average"])[0].rows
    assert (row.picked, row.regret) == ("s00", 39.0)
    assert not row.top3


def test_centered_removes_the_mean_of_the_banks_keys_only(bank, entry_of):
    bank.add_many([(entry_of(task), direction(angle)) for task, angle in (("a", 10), ("b", 50))])
    bank.add(entry_of("q", kind="query"), direction(28))
    bank.add(entry_of("far", kind="query"), direction(-60))  # with it in the mean, b were nearer
    bank.add_outcomes([outcome("a", "q", 1.0), outcome("b", "q", 2.0)])
    [row] = evaluate(bank, ["centered"])[0].rows
    ranked = search(bank, direction(28), similarity="centered").hits
    assert row.picked.split("-")[0] == ranked[0].task == "a"
    bank.add(entry_of("farther", kind="query"), direction(-90))
    assert evaluate(bank, ["centered"])[0].rows == (row,)


def test_two_sources_are_always_among_three(plane):
    plane.add_outcomes([outcome("a", "target", 1.0), outcome("d", "target", 2.0)])
    [row] = evaluate(plane, ["average"])[0].rows
    assert row.top3 and row.random_top3 == 1.0


def test_errors(plane):
    with pytest.raises(BankError, match="outcomes of two or more sources for a target with a key"):
        evaluate(plane)
    plane.add_outcomes([outcome("a", "target", 1.0), outcome("a", "nowhere", 1.0)])
    with pytest.raises(BankError, match="found none"):
        evaluate(plane)
    with pytest.raises(BankError, match="expected a similarity out of"):
        evaluate(plane, ["cosine"])


def test_delta_needs_init_prompts(plane, entry_of):
    plane.add_outcomes([outcome("a", "target", 1.0), outcome("b", "target", 2.0)])
    plane.add(entry_of("x", kind="imported"), direction(3)._replace(init=None))
    with pytest.raises(BankError, match='"delta" needs'):
        evaluate(plane, ["delta"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=20))
def test_spearman_is_that_of_scipy(pairs):
    stats = pytest.importorskip("scipy.stats")
    x, y = zip(*pairs, strict=True)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert spearman(x, y) is None
    else:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


@pytest.mark.parametrize(
    "name, top1, regret",
    [("average", 0.65, 3.3), ("per-token", 0.47, 5.3), ("centered", 0.71, 3.0)],
)
def test_the_public_bank_of_t5_small_gives_its_known_figures(bank, shared_data, name, top1, regret):
    import_folder(bank, shared_data / "prompts" / "thunlp_t5_small")
    [found] = evaluate(bank, [name])
    assert found.targets == 17 and all(row.n == 16 for row in found.rows)
    assert found.top1 == pytest.approx(top1, abs=0.005)
    assert found.mean_regret == pytest.approx(regret, abs=0.05)
    assert found.random_top1 == pytest.approx(0.06, abs=0.005)
    assert found.random_regret == pytest.approx(16, abs=0.5)


def test_a_damaged_entry_is_named_and_hides_no_other(plane, caplog):
    scores = {"a": 60.0, "b": 70.0, "c": 65.0, "d": 50.0}
    plane.add_outcomes([outcome(source, "target", score) for source, score in scores.items()])
    victim = plane.get("b")
    path = plane.folder(victim) / "prompt.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    [row] = evaluate(plane, ["average"])[0].rows
    assert (row.n, row.picked, row.best) == (3, "a", "c")
    assert f"skipping the damaged entry {victim.id}" in caplog.text
