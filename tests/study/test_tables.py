"""Table 3 against a table worked out by hand and a slow version; gaps are refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.study.records import TransferRecord, complete_grid
from spot.study.tables import method_scores, to_json, to_markdown, transfer_table


def run(target, seed, test, *, strategy="best", validation=None, source=None, sim=None, k=None):
    return TransferRecord(
        target, seed, source, source, sim, test if validation is None else validation, test,
        strategy, k,
    )  # fmt: skip


# two targets, two seeds, three sources: (similarity, validation, test)
RUNS = {
    ("cb", 0): {"p": (0.9, 60, 61), "q": (0.8, 70, 69), "r": (0.1, 90, 80)},
    ("cb", 1): {"p": (0.2, 95, 90), "q": (0.7, 66, 64), "r": (0.6, 65, 99)},
    ("rte", 0): {"p": (0.5, 50, 52), "q": (0.5, 50, 58), "r": (0.4, 55, 54)},
    ("rte", 1): {"p": (0.3, 40, 41), "q": (0.2, 41, 43), "r": (0.1, 80, 70)},
}
BASELINES = {("cb", 0): 60.0, ("cb", 1): 70.0, ("rte", 0): 50.0, ("rte", 1): 45.0}


def records():
    runs = [run(t, s, value, strategy="none") for (t, s), value in BASELINES.items()]
    for (target, seed), sources in RUNS.items():
        for name, (sim, validation, test) in sources.items():
            runs.append(run(target, seed, test, validation=validation, source=name, sim=sim))
        runs.append(run(target, seed, 62.0 + seed, strategy="average", k=2))
        runs.append(run(target, seed, 64.0, strategy="mixture", k=3))
    return runs


def test_methods_by_hand():
    targets, seeds, methods = method_scores(records(), ks=[1, 2])
    assert (targets, seeds) == (("cb", "rte"), (0, 1))
    scores = {(m.method, m.k): m.test.tolist() for m in methods}
    assert scores == {
        ("no transfer", None): [[60, 70], [50, 45]],
        ("oracle", 3): [[80, 90], [54, 70]],  # chosen on validation: cb seed 1 gives 90, not 99
        ("best of top-k", 1): [[61, 64], [52, 41]],  # rte seed 0: a tie, "p" before "q"
        ("best of top-k", 2): [[69, 64], [52, 43]],
        ("top-k weighted average", 2): [[62, 63], [62, 63]],
        ("top-k mixture", 3): [[64, 64], [64, 64]],
    }


def test_table_by_hand():
    table = transfer_table(records(), ks=[1], similarity="per-token")
    rows = {row.method: row for row in table.rows}
    oracle = rows["oracle"]
    # gains: seed 0 (20 + 4) / 2 = 12, seed 1 (20 + 25) / 2 = 22.5
    assert oracle.gain.mean == pytest.approx(17.25)
    assert oracle.gain.spread == pytest.approx(np.std([12, 22.5], ddof=1))
    # error reductions: seed 0 (20/40 + 4/50) / 2, seed 1 (20/30 + 25/55) / 2
    seeds = [100 * (20 / 40 + 4 / 50) / 2, 100 * (20 / 30 + 25 / 55) / 2]
    assert oracle.relative.mean == pytest.approx(np.mean(seeds))
    assert oracle.relative.spread == pytest.approx(np.std(seeds, ddof=1))
    assert oracle.score.mean == pytest.approx((80 + 90 + 54 + 70) / 4)
    assert rows["no transfer"].gain is None
    assert rows["no transfer"].score.mean == pytest.approx(56.25)
    text = to_markdown(table)
    assert "| oracle | 3 | 17.2 (7.4) |" in text or "| oracle | 3 | 17.3 (7.4) |" in text
    assert "| no transfer | – | – | – | 56.2 (1.8) |" in text
    assert "2 targets and 2 seeds" in text and "per-token" in text and "on test" in text


def test_json_holds_the_same_numbers():
    table = transfer_table(records())
    content = json.loads(to_json(table))
    assert [row["method"] for row in content["rows"]] == [row.method for row in table.rows]
    for read, row in zip(content["rows"], table.rows, strict=True):
        assert read["score"] == {"mean": row.score.mean, "spread": row.score.spread}
    assert content["targets"] == ["cb", "rte"]


def test_the_papers_ks_as_far_as_there_are_sources():
    ks = [row.k for row in transfer_table(records()).rows if row.method == "best of top-k"]
    assert ks == [1, 3]


def test_one_seed_has_no_spread():
    table = transfer_table([record for record in records() if record.seed == 0])
    assert all(row.score.spread is None for row in table.rows)
    assert "| no transfer | – | – | – | 55.0 |" in to_markdown(table)


def test_a_perfect_baseline_is_named_and_left_out_of_one_column():
    data = [
        replace(r, test=100.0) if (r.target, r.seed, r.strategy) == ("cb", 0, "none") else r
        for r in records()
    ]
    table = transfer_table(data, ks=[1])
    assert table.undefined == (("cb", 0),)
    oracle = next(row for row in table.rows if row.method == "oracle")
    seeds = [100 * 4 / 50, 100 * (20 / 30 + 25 / 55) / 2]
    assert oracle.relative.mean == pytest.approx(np.mean(seeds))
    assert oracle.gain.mean == pytest.approx((-20 + 4 + 20 + 25) / 4)
    assert "baseline being perfect: cb (seed 0)" in to_markdown(table)
    json.loads(to_json(table))
    every = [replace(r, test=100.0) if r.strategy == "none" else r for r in records()]
    assert json.loads(to_json(transfer_table(every)))["rows"][1]["relative"]["mean"] is None


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10**6))
def test_record_order_is_irrelevant_and_equals_the_slow_version(shuffler, seed):
    rng = np.random.default_rng(seed)
    data = []
    for target in "ab":
        for s in range(3):
            data.append(run(target, s, float(rng.integers(20, 80)), strategy="none"))
            for source in "wxyz":
                v, t = rng.integers(0, 101, size=2)
                sim = float(rng.integers(0, 4))
                data.append(run(target, s, float(t), validation=float(v), source=source, sim=sim))
    table = transfer_table(data, ks=[1, 2, 4])
    for k, row in [(r.k, r) for r in table.rows if r.method == "best of top-k"]:
        total = 0.0
        for target in "ab":
            for s in range(3):
                mine = [r for r in data if (r.target, r.seed) == (target, s) and r.source]
                mine.sort(key=lambda r: r.source)
                mine.sort(key=lambda r: r.similarity, reverse=True)
                chosen = mine[0]
                for candidate in mine[1:k]:
                    if candidate.validation > chosen.validation:
                        chosen = candidate
                total += chosen.test
        assert row.score.mean == pytest.approx(total / 6)
    shuffler.shuffle(data)
    assert transfer_table(data, ks=[1, 2, 4]) == table


def test_oracle_runs_count_as_runs_from_one_source_and_doubles_count_once():
    doubled = [*records(), *(replace(r, strategy="oracle") for r in records() if r.source)]
    assert transfer_table(doubled) == transfer_table(records())


def test_without_oracle_each_seed_may_have_its_own_sources():
    data = [r for r in records() if (r.seed, r.source) not in [(0, "p"), (1, "q")]]
    table = transfer_table(data, ks=[1, 2], oracle=False)
    assert "oracle" not in [row.method for row in table.rows]
    with pytest.raises(SpotError, match='"cb", seed 0: the run from "p"'):
        transfer_table(data)
    with pytest.raises(SpotError, match='"rte", seed 1: 1 of 2 runs from one source'):
        transfer_table([r for r in data if (r.target, r.seed, r.source) != ("rte", 1, "p")],
                       ks=[1], oracle=False)  # fmt: skip


@pytest.mark.parametrize(
    ("dropped", "text"),
    [
        (("rte", 1, "none", None), 'missing: target "rte", seed 1: the run without transfer'),
        (("cb", 0, "best", "q"), 'missing: target "cb", seed 0: the run from "q"'),
        (("cb", 1, "average", None), 'missing: target "cb", seed 1: average of k=2'),
        (("rte", 0, "mixture", None), 'missing: target "rte", seed 0: mixture of k=3'),
    ],
)
def test_a_missing_run_is_named(dropped, text):
    rest = [r for r in records() if (r.target, r.seed, r.strategy, r.source) != dropped]
    assert len(rest) == len(records()) - 1
    with pytest.raises(SpotError, match=text) as caught:
        transfer_table(rest)
    assert "1 transfer records cannot be used" in caught.value.message


def test_a_source_that_failed_everywhere_is_missing_from_the_plan():
    rest = [r for r in records() if (r.target, r.source) != ("cb", "q")]
    planned = {"cb": ["p", "q", "r"], "rte": ["p", "q", "r"]}
    assert transfer_table(records(), planned=planned) == transfer_table(records())
    with pytest.raises(SpotError, match='"cb", seed 1: the run from "q"') as caught:
        transfer_table(rest, planned=planned)
    assert caught.value.message.count("missing:") == 2


@pytest.mark.parametrize("oracle", [True, False])
def test_a_target_without_any_source_is_refused(oracle):
    rest = [r for r in records() if not (r.target == "rte" and r.source)]
    with pytest.raises(SpotError, match='"rte".*from one source'):
        transfer_table(rest, oracle=oracle)


def test_all_gaps_are_listed_at_once():
    rest = [r for r in records() if not (r.seed == 1 and r.target == "cb")]
    with pytest.raises(SpotError) as caught:
        complete_grid(rest)
    assert caught.value.message.count("missing:") == 6


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"strategy": "bets"}, 'unknown strategy "bets". Did you mean "best"'),
        ({"test": math.nan}, "the test score is nan"),
        ({"validation": math.inf}, "the validation score is inf"),
        ({"source": None}, "must name it"),
        ({"similarity": None}, "the similarity is None"),
        ({"strategy": "average"}, "must give k"),
    ],
)
def test_a_record_that_says_too_little(change, text):
    bad = replace(run("cb", 0, 5.0, source="p", sim=0.9), **change)
    with pytest.raises(SpotError, match=text):
        complete_grid([*records(), bad])


def test_other_errors():
    with pytest.raises(SpotError, match="found none"):
        transfer_table([])
    with pytest.raises(SpotError, match="k between 1 and 3 .*found 0, 4"):
        transfer_table(records(), ks=[4, 0, 1])
    with pytest.raises(SpotError, match='different scores: target "cb", seed 0: the run from "p"'):
        transfer_table([*records(), run("cb", 0, 5.0, source="p", sim=0.9)])
    with pytest.raises(SpotError, match="at most 1.0, found"):
        transfer_table(records(), best=1.0)
