"""The study: every source for every target, found again instead of trained again."""

from __future__ import annotations

import pytest

from bank.similarities import SIMILARITIES
from bank.store import Bank
from spot.errors import SpotError
from spot.retrieval.target import search_target, zero_shot_losses
from spot.strategies.transfer import score_on_test
from spot.study import run as study_module
from spot.study.run import study
from spot.study.tables import method_scores
from tests.lab import lines, write_task

pytest_plugins = ("tests.lab",)
SETS = ("transfer.seeds=[0]", "transfer.steps=2")


def test_a_study_trains_every_source_once_and_finds_its_runs_again(lab, tmp_path, request):
    lab.copy(tmp_path / "bank")
    command = ("study", "--target", "house", "--target", "place", "--bank", "bank", "--json")
    done = lab.run(*command, sets=SETS)
    assert done.exit_code == 0, done.stderr
    result = lines(done.stdout)[0]
    sources = {(one["target"], one["source_task"]) for one in result["records"]}
    every = {"colour", "bird", "place", "colour+bird", None}
    assert sources == {("house", one) for one in every} | {
        ("place", one) for one in every - {"place"}
    }
    assert len(result["records"]) == 9
    assert {"oracle k=3", "generic k=2", "best of top-k k=1"} <= set(_plain(result["gains"]))
    for gain in result["gains"].values():
        assert gain["low"] <= gain["mean"] <= gain["high"]
    assert "asked for k" not in done.stderr

    request.getfixturevalue("no_training")
    again = lab.run(*command, sets=SETS)
    assert lines(again.stdout)[0] == result
    assert "found: transfer to house" in again.stderr
    shown = lab.run(*command[:-1], sets=SETS)
    assert "| oracle |" in shown.stdout and "points over scratch, 95 % interval" in shown.stdout
    assert all(f"\n{name} " in shown.stdout for name in result["by_order"])


def _plain(gains: dict) -> list[str]:
    return [name.replace(" (mixture) prompt", "") for name in gains]


def test_a_mixture_that_holds_a_target_is_left_out(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    found = study(["house", "bird"], lab.config(*SETS, runs=tmp_path), bank, tiny_backbone)
    assert "generic" not in {one.strategy for one in found.records}
    generic = study(["house", "place"], lab.config(*SETS, runs=tmp_path), bank, tiny_backbone)
    assert [one.source_task for one in generic.records if one.strategy == "generic"] == [
        "colour+bird"
    ] * 2


def test_the_oracle_of_a_study_is_the_best_by_validation(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    found = study(["house"], lab.config(*SETS, runs=tmp_path), bank, tiny_backbone)
    rows = [one for one in found.records if one.strategy == "oracle"]
    best = max(one.validation for one in rows)
    scratch = next(one for one in found.records if one.source is None)
    first = max((one for one in rows if one.validation == best), key=lambda one: one.similarity)
    assert found.gains["oracle k=3"].mean == pytest.approx(first.test - scratch.test)


def test_only_what_a_table_may_report_is_scored_on_test(lab, tmp_path, tiny_backbone, monkeypatch):
    scores = []

    def count(one, *rest):
        run = score_on_test(one, *rest)
        scores.append(run.test)
        return run

    monkeypatch.setattr(study_module, "score_on_test", count)
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    config = lab.config("transfer.seeds=[0, 1, 2]", "transfer.steps=2", runs=tmp_path)
    monkeypatch.setattr(study_module, "SIMILARITIES", (config.search.similarity,))
    found = study(["house"], config, bank, tiny_backbone, ks=(1, 2, 3))
    given = [one.test for one in found.records if one.test is not None]
    assert given == scores and len(scores) < len(found.records)
    for ks in ((1,), (2,), (1, 2, 3), (3,)):  # none of them asks for a score that is not there
        method_scores(found.records, ks=ks)
    assert list(tmp_path.rglob("metrics.jsonl")) and not list(tmp_path.rglob("checkpoints"))


def test_every_order_of_the_sources_is_judged(lab, tmp_path, tiny_backbone):
    """The nearest source of each order, by a search of its own, and the gain of the run from it."""
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    config = lab.config(*SETS, "search.rerank_examples=4", runs=tmp_path)
    found = study(["house"], config, bank, tiny_backbone)
    assert list(found.by_order) == [*SIMILARITIES, "zero-shot loss"]
    tests = {one.source: one.test for one in found.records if one.strategy != "generic"}
    ids = [one.source for one in found.records if one.strategy == "oracle"]
    losses = zero_shot_losses("house", ids, config, bank, tiny_backbone)
    nearest = {"zero-shot loss": min(losses, key=lambda id: losses[id])}
    for name in SIMILARITIES:
        asked = lab.config(*SETS, f"search.similarity={name}", runs=tmp_path)
        answer = search_target("house", asked, bank, lambda: tiny_backbone, k=4)
        nearest[name] = next(hit.id for hit in answer.result.hits if hit.kind != "mixture")
    gains = found.gains_by_order()
    for name, id in nearest.items():
        gain = gains[name][1]
        assert gain.mean == pytest.approx(tests[id] - tests[None])
        assert gain.low <= gain.mean <= gain.high
    main = gains[config.search.similarity]
    assert {f"best of top-k k={k}": one for k, one in main.items()}.items() <= found.gains.items()
    ten = found.gains_by_order(found.scratch.test - 10)[config.search.similarity]
    assert ten[1].mean == pytest.approx(main[1].mean + 10)


def test_all_targets_are_checked_before_the_first_is_trained(
    lab, tmp_path, tiny_backbone, no_training
):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    with pytest.raises(SpotError, match='found "huose"'):
        study(["house", "huose"], lab.config(runs=tmp_path), bank, tiny_backbone)
    write_task(tmp_path / "own", "house", rows=(8, 4, 0))
    toml = tmp_path / "own" / "house.toml"
    toml.write_text(toml.read_text().replace('"house"', '"hut"', 1))
    config = lab.config(f'data.tasks=["{tmp_path / "own"}", "{lab.tasks}"]', runs=tmp_path)
    with pytest.raises(SpotError, match="hut|empty"):
        study(["house", "hut"], config, bank, tiny_backbone)
    assert bank.queries() == []
