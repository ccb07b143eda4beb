"""A study's result: what is computed of it against sums by hand, its file, its gaps, and nulls."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spot.errors import SpotError
from spot.study.ranking import rank_quality
from spot.study.records import TransferRecord
from spot.study.result import Missing, Study, StudyRun, read_study, write_study
from spot.study.similarity import TaskSimilarity
from spot.training.slots import Check

SOURCES = ("p", "q", "r")
NEAR = {"p": 0.9, "q": 0.5, "r": 0.1}


def record(target, seed, score, source=None, near=None, strategy=None, k=None, task=None):
    strategy = strategy or ("oracle" if source else "none")
    return TransferRecord(target, seed, source, task or source, near, score, score, strategy, k)


def run(row: TransferRecord) -> StudyRun:
    checks = tuple(
        Check(step, row.validation - 10 + step, 1.0, {"accuracy": 1.0}, 4) for step in (0, 10)
    )
    return StudyRun(row, 0.3, 10, {"accuracy": row.test}, 8, None, checks, Path("runs/x"))


def study(scores, arms=(), near=NEAR, **more) -> Study:
    """Scores {(target, seed): (from scratch, from p, from q, from r, …)}, and records of arms."""
    rows = []
    for (target, seed), (scratch, *others) in scores.items():
        rows.append(record(target, seed, scratch))
        for (source, similarity), score in zip(near.items(), others, strict=True):
            rows.append(record(target, seed, score, source, similarity))
    targets = list(dict.fromkeys(target for target, _ in scores))
    given = {
        "model": "nano",
        "fingerprint": "ab",
        "similarity": "average",
        "ks": (1, 2),
        "metrics": dict.fromkeys(targets, "accuracy"),
        "runs": tuple(map(run, (*rows, *arms))),
        "orders": {"average": dict.fromkeys(targets, near)},
    }
    return Study(**{**given, **more})


SCORES = {
    ("a", 0): (50.0, 60.0, 70.0, 40.0),
    ("a", 1): (52.0, 58.0, 50.0, 66.0),
    ("b", 0): (80.0, 70.0, 85.0, 90.0),
    ("b", 1): (80.0, 84.0, 82.0, 78.0),
}


def test_methods_gains_and_error_reductions_by_hand():
    result = study(SCORES)
    gains = {name: gain.mean for name, gain in result.gains.items()}
    assert gains == {
        "oracle k=3": pytest.approx((20 + 14 + 10 + 4) / 4),
        "best of top-k k=1": pytest.approx((10 + 6 - 10 + 4) / 4),
        "best of top-k k=2": pytest.approx((20 + 6 + 5 + 4) / 4),
    }
    assert result.relative["oracle k=3"] == {
        "a": pytest.approx(100 * (20 / 50 + 14 / 48) / 2),
        "b": pytest.approx(100 * (10 / 20 + 4 / 20) / 2),
    }
    rows = {row.method: row for row in result.table.rows}
    means = result.relative["oracle k=3"].values()
    assert rows["oracle"].relative.mean == pytest.approx(np.mean(list(means)))
    assert result.best.name == "best of top-k k=2"


def test_popularity_and_chance_stand_beside_every_order():
    result = study(SCORES, orders={
        "average": {"a": NEAR, "b": NEAR},
        "half": {"a": NEAR},  # was not possible for b: no order of the study
    })  # fmt: skip
    assert list(result.by_order) == ["average", "popularity", "random"] == list(result.ranking)
    # a's sources by b's gains: p (-10 + 4) / 2, q (5 + 2) / 2, r (10 - 2) / 2; b's by a's: q before p
    popular = result.by_order["popularity"][1].test
    assert popular.tolist() == [[40.0, 66.0], [85.0, 82.0]]
    assert result.by_order["random"][1].test[0] == pytest.approx([170 / 3, 174 / 3])
    assert result.curves["random"][3].test.tolist() == [[70.0, 66.0], [90.0, 84.0]]
    assert set(result.curves["average"]) == {1, 2, 3}
    alone = study({key: value for key, value in SCORES.items() if key[0] == "a"})
    assert list(alone.by_order) == ["average", "random"]  # popularity needs another target


def test_a_target_without_a_run_is_left_out_and_named():
    whole = study(SCORES)
    gap = Missing("b", "the run from r, seed 1,", "no learning rate gave a finite loss", "lower it")
    runs = tuple(
        each
        for each in whole.runs
        if (each.record.target, each.record.seed, each.record.source) != ("b", 1, "r")
    )
    result = replace(whole, runs=runs, missing=(gap,))
    assert (result.complete, result.left_out) == (("a",), ("b",))
    assert result.table.targets == ("a",)
    assert result.gains["oracle k=3"].mean == pytest.approx((20 + 14) / 2)
    assert result.verdict.sentence.endswith("; without b, where runs are missing")
    assert result.verdict.numbers["left_out"] == ["b"]
    assert gap.sentence == (
        "b: the run from r, seed 1, is missing: no learning rate gave a finite loss"
    )
    assert result.summary()["missing"][0]["hint"] == "lower it"
    empty = replace(result, runs=tuple(each for each in runs if each.record.source != "r"))
    with pytest.raises(SpotError, match="no target of the study is complete: b: the run from r"):
        empty.table  # noqa: B018


def test_an_arm_that_a_target_lacks_is_over_the_others():
    arms = [record("a", seed, 64.0, strategy="average", k=2, task="p+q") for seed in (0, 1)]
    arms += [record("b", 0, 99.0, strategy="average", k=2, task="p+q")]  # seed 1 is missing
    result = study(SCORES, arms)
    name = "top-k weighted average k=2"
    assert result.gains[name].mean == pytest.approx((14 + 12) / 2)
    assert math.isinf(result.gains[name].low) is False  # over the seeds of one target
    assert result.significance[name].n == 1
    assert result.relative[name]["b"] is None
    (row,) = [row for row in result.table.rows if row.method == "top-k weighted average"]
    assert row.targets == 1 and row.score.mean == 64.0
    assert "oracle k=3" in result.gains  # which has both targets
    assert result.significance["oracle k=3"].n == 2


def test_generic_prompts_are_told_apart():
    def generic(task, score):
        return [
            record(target, seed, score, f"{task}-s0", strategy="generic", k=2, task=task)
            for target, seed in SCORES
        ]

    one = study(SCORES, generic("glue", 70.0))
    assert "generic (mixture) prompt k=2" in one.gains
    two = study(SCORES, [*generic("glue", 70.0), *generic("nli", 60.0)])
    assert two.gains["generic prompt glue k=2"].mean == pytest.approx(70 - 65.5)
    assert two.gains["generic prompt nli k=2"].mean == pytest.approx(60 - 65.5)


def test_the_re_ranked_source_is_the_best_by_the_estimate():
    estimates = {"zero-shot loss": {"a": {"p": -2.0, "q": -1.0}, "b": {"p": -1.0, "q": -1.0}}}
    result = study(SCORES, estimates=estimates)
    method = next(each for each in result.methods if each.method.startswith("re-ranked"))
    # q for a; of b's equals the nearest, p
    assert (method.k, method.test.tolist()) == (2, [[70.0, 50.0], [70.0, 84.0]])
    assert method.name == "re-ranked top-k by zero-shot loss k=2"


def test_correlations_by_target_are_scipys_with_holms_p():
    rng = np.random.default_rng(3)
    near = {f"s{number}": float(rng.normal()) for number in range(9)}
    scores = {
        (target, seed): (50.0, *rng.uniform(20, 80, size=9)) for target in "abc" for seed in (0, 1)
    }
    result = study(scores, near=near)
    targets = result.ranking["average"].targets
    raw = []
    for quality in targets:
        gains = np.mean([scores[quality.target, seed][1:] for seed in (0, 1)], axis=0) - 50
        theirs = stats.pearsonr(list(near.values()), gains)
        bounds = theirs.confidence_interval()
        found = quality.correlation
        assert (found.pearson, found.pearson_p) == pytest.approx(theirs)
        assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high))
        assert found.spearman == pytest.approx(stats.spearmanr(list(near.values()), gains)[0])
        raw.append(theirs.pvalue)
    by_size = sorted(range(3), key=lambda place: raw[place])
    stepped = np.maximum.accumulate([min(1.0, raw[p] * (3 - i)) for i, p in enumerate(by_size)])
    for place, value in zip(by_size, stepped, strict=True):
        assert targets[place].adjusted_p == pytest.approx(value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("near", [NEAR, dict.fromkeys(SOURCES, 0.5)])
@pytest.mark.parametrize("score", [0.0, 50.0, 100.0])
def test_equal_scores_everywhere_are_undefined_not_errors(score, near):
    result = study(dict.fromkeys(SCORES, (score,) * 4), near=near)
    for quality in (*result.ranking.values(), *result.ranking["average"].targets):
        assert getattr(quality, "pearson", None) is None
        assert getattr(quality, "correlation", None) is None
    assert all((gain.mean, gain.low, gain.high) == (0, 0, 0) for gain in result.gains.values())
    assert all(test.p == 1 for test in result.significance.values())
    wanted = None if score == 100 else 0.0
    assert result.relative["oracle k=3"] == {"a": wanted, "b": wanted}
    assert result.verdict.kind == "no difference"
    json.dumps(result.to_json(), allow_nan=False)


def test_a_target_without_sources_is_incomplete_where_others_have_some():
    own = study(SCORES)
    rows = tuple(each for each in own.runs if each.record.target == "a" or not each.record.source)
    result = replace(own, runs=rows, orders={"average": {"a": NEAR, "b": {}}})
    assert (result.complete, result.left_out) == (("a",), ("b",))
    rows = tuple(each for each in own.runs if not each.record.source)
    alone = replace(own, runs=rows, orders={"average": {"a": {}, "b": {}}})  # mixtures alone
    assert (alone.complete, alone.gains, alone.usable_ks) == (("a", "b"), {}, [])


def test_one_source_and_one_target():
    result = study({("a", 0): (50.0, 60.0)}, near={"p": 0.9}, ks=(1,))
    gain = result.gains["oracle k=1"]
    assert (gain.mean, gain.signed) == (10.0, "+10.0 (no interval)")
    assert result.verdict.kind == "unknown"
    assert result.verdict.sentence == (
        "1 target and 1 seed cannot show a difference: transfer from the nearest source +10.0 points"
    )
    quality = result.ranking["average"]
    assert (quality.pearson, quality.ndcg, quality.regret) == (None, None, {1: 0.0})
    assert result.summary()["gains"]["oracle k=1"]["low"] is None


def test_a_study_comes_back_from_its_file(tmp_path):
    arms = [record(t, s, 70.0, strategy="average", k=2, task="p+q") for t, s in SCORES]
    made = study(
        SCORES,
        arms,
        estimates={"zero-shot loss": {"a": NEAR, "b": NEAR}},
        missing=(Missing("a", "the mixture of 2", "no rows"),),
        tfidf={"a": 61.0},
        tasks=TaskSimilarity(("p", "q"), np.eye(2), "average", (1, 2)),
        families={"p": "nli"},
        prompts={"a": Path("runs/a.safetensors")},
    )
    written = write_study(made, tmp_path)
    read = read_study(tmp_path)
    assert read.to_json() == made.to_json() == read_study(tmp_path / "study.json").to_json()
    assert read.folder == written.folder == tmp_path
    assert read.runs[0].history == made.runs[0].history
    assert read.records == made.records and read.table == made.table
    assert read.tasks.entries == (1, 2) and read.prompts == made.prompts
    file = tmp_path / "study.json"
    file.write_text(file.read_text().replace('"validation": 60.0', '"validation": 61.0', 1))
    with pytest.raises(SpotError, match="does not match its own checksum: it was changed"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "expected the result of a study, found no"),
        ("{", "expected the result of a study"),
        ('{"format": 99}', "of format 1, found 99"),
        ("[1]", "of format 1, found null"),
        ('{"format": 1, "model": "nano"}', "does not match its own checksum"),
    ],
)
def test_a_file_that_is_no_study_is_a_sentence(tmp_path, content, text):
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with pytest.raises(SpotError, match=text):
        read_study(tmp_path)


def null_study(rng, targets=7, seeds=2, sources=8) -> Study:
    """No source helps and no similarity knows: every score is its target's plus noise of its own."""
    near = {f"s{number}": float(rng.normal()) for number in range(sources)}
    scores = {
        (f"t{target}", seed): tuple(50 + 3 * rng.normal(size=sources + 1))
        for target in range(targets)
        for seed in range(seeds)
    }
    return study(scores, near=near, ks=(1,))


def test_without_an_effect_every_test_is_positive_in_3_to_7_of_100_studies(monkeypatch):
    """Of the nearest source, which is chosen without a look at any score: the sign-flip test of its gain
    and the interval of the verdict; Pearson's and Spearman's test on every target; Holm's, of any target.
    """
    monkeypatch.setattr("spot.study.ranking.ndcg", lambda *_: 0.0)  # slow, and no test
    rng = np.random.default_rng(0)
    counts = {name: [] for name in ("gain", "interval", "pearson", "spearman", "holm")}
    for _ in range(1000):
        result = null_study(rng)
        name = "best of top-k k=1"
        gain, tests = result.gains[name], result.significance[name]
        counts["gain"].append(tests.p <= 0.05)
        counts["interval"].append(gain.low > 0 or gain.high < 0)
        targets = rank_quality(result.core, (1,)).targets
        found = [each.correlation for each in targets]
        counts["pearson"] += [each.pearson_p <= 0.05 for each in found]
        counts["spearman"] += [each.spearman_p <= 0.05 for each in found]
        counts["holm"].append(min(each.adjusted_p for each in targets) <= 0.05)
    rates = {name: np.mean(values) for name, values in counts.items()}
    assert {name: 0.03 <= rate <= 0.07 for name, rate in rates.items()} == dict.fromkeys(
        counts, True
    ), rates
