"""The study: every source for every target, found again instead of trained again."""

from __future__ import annotations

import pytest

from bank.similarities import SIMILARITIES
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.stored import value_of
from spot.retrieval.estimators import zero_shot_losses
from spot.study.ranking import rank_quality
from spot.study.result import reordered
from tests.lab import lines, write_task

pytest_plugins = ("tests.lab",)
SETS = ("transfer.seeds=[0]", "transfer.steps=2")


def test_a_study_trains_every_source_once_and_finds_its_runs_again(lab, tmp_path, request):
    lab.copy(tmp_path / "bank")
    command = ("study", "--target", "house", "--target", "place", "--bank", "bank", "--json")
    done = lab.run(*command, sets=SETS)
    assert done.exit_code == 0, done.stderr
    result = lines(done.stdout)[0]
    sources = {(record["target"], record["source_task"]) for record in result["records"]}
    every = {"colour", "bird", "place", "colour+bird", None}
    assert sources == {("house", source) for source in every} | {
        ("place", source) for source in every - {"place"}
    }
    assert len(result["records"]) == 9
    assert {"oracle k=3", "generic k=2", "best of top-k k=1"} <= set(_plain(result["gains"]))
    for gain in result["gains"].values():
        assert gain["low"] <= gain["mean"] <= gain["high"]
    assert "asked for k" not in done.stderr
    assert result["significance"].keys() == result["gains"].keys()
    for method, test in result["significance"].items():
        assert test["mean"] == pytest.approx(result["gains"][method]["mean"])
        assert (test["n"], test["smallest_p"]) == (2, 0.5)
        assert 0.5 <= test["p"] <= test["adjusted_p"] <= 1
    assert result["ranking"].keys() == result["by_order"].keys()

    request.getfixturevalue("no_training")
    again = lab.run(*command, sets=SETS)
    assert lines(again.stdout)[0] == result
    assert "found: transfer to house" in again.stderr
    shown = lab.run(*command[:-1], sets=SETS)
    assert "| oracle |" in shown.stdout and "points over scratch, 95 % interval" in shown.stdout
    assert all(shown.stdout.count(f"\n{name}\t") == 2 for name in result["by_order"])
    assert (
        "p-values of the gains (sign-flip test over 2 targets; the smallest possible p is 0.5)"
        in shown.stdout
    )


def _plain(gains: dict) -> list[str]:
    return [name.replace(" (mixture) prompt", "") for name in gains]


def test_a_mixture_that_holds_a_target_is_left_out(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects(*SETS, runs=tmp_path)
    member = at.study(bank, ["house", "bird"], tiny_backbone)
    assert "generic" not in {record.strategy for record in member.records}
    generic = at.study(bank, ["house", "place"], tiny_backbone)
    assert [record.source_task for record in generic.records if record.strategy == "generic"] == [
        "colour+bird"
    ] * 2


def test_the_oracle_of_a_study_is_the_best_by_validation(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    study = lab.objects(*SETS, runs=tmp_path).study(bank, ["house"], tiny_backbone)
    rows = [record for record in study.records if record.strategy == "oracle"]
    best = max(record.validation for record in rows)
    scratch = next(record for record in study.records if record.source is None)
    first = max((row for row in rows if row.validation == best), key=lambda row: row.similarity)
    assert study.gains["oracle k=3"].mean == pytest.approx(first.test - scratch.test)


def test_every_order_of_the_sources_is_judged(lab, tmp_path, tiny_backbone):
    """The nearest source of each order, by a search of its own, and the gain of the run from it."""
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects(*SETS, "search.rerank_examples=4", runs=tmp_path)
    study = at.study(bank, ["house"], tiny_backbone)
    named = [*SIMILARITIES, "zero-shot loss", "random"]  # popularity needs another target
    assert list(study.by_order) == named == list(study.ranking)
    tests = {record.source: record.test for record in study.records if record.strategy != "generic"}
    ids = [record.source for record in study.records if record.strategy == "oracle"]
    values = [value_of(bank, bank.get(id)) for id in ids]
    losses = zero_shot_losses(tiny_backbone, at.task("house"), at.recipe, values, 4)
    scores = {"zero-shot loss": dict(zip(ids, -losses, strict=True))}
    for name in SIMILARITIES:
        other = lab.objects(*SETS, f"search.similarity={name}", runs=tmp_path)
        answer = other.find(bank, "house", k=4, model=tiny_backbone)
        scores[name] = {hit.id: hit.score for hit in answer.result.hits if hit.kind != "mixture"}
    gains = study.gains_by_order()
    for name, near in scores.items():
        gain = gains[name][1]
        assert gain.mean == pytest.approx(tests[max(near, key=near.get)] - tests[None])
        assert gain.low <= gain.mean <= gain.high
        quality = rank_quality([reordered(record, near) for record in study.records], (1, 3))
        assert study.ranking[name].regret == quality.regret and quality.regret[3] == 0
        for statistic in ("pearson", "spearman", "ndcg"):
            expected, judged = getattr(quality, statistic), getattr(study.ranking[name], statistic)
            assert judged == (None if expected is None else pytest.approx(expected, rel=1e-3))
    main = gains[at.search.similarity]
    assert {f"best of top-k k={k}": gain for k, gain in main.items()}.items() <= study.gains.items()
    ten = study.gains_by_order(study.scratch.test - 10)[at.search.similarity]
    assert ten[1].mean == pytest.approx(main[1].mean + 10)


def test_all_targets_are_checked_before_the_first_is_trained(
    lab, tmp_path, tiny_backbone, no_training
):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    with pytest.raises(SpotError, match='found "huose"'):
        lab.objects(runs=tmp_path).study(bank, ["house", "huose"], tiny_backbone)
    write_task(tmp_path / "own", "house", rows=(8, 4, 0))
    toml = tmp_path / "own" / "house.toml"
    toml.write_text(toml.read_text().replace('"house"', '"hut"', 1))
    at = lab.objects(f'data.tasks=["{tmp_path / "own"}", "{lab.tasks}"]', runs=tmp_path)
    with pytest.raises(SpotError, match="hut|empty"):
        at.study(bank, ["house", "hut"], tiny_backbone)
    assert bank.queries() == []
