"""The study: every source for every target, found again instead of trained again."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from bank.errors import BankError
from bank.similarities import SIMILARITIES
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.stored import value_of
from spot.retrieval.estimators import zero_shot_losses
from spot.study import run as study_module
from spot.study.ranking import rank_quality
from spot.study.result import read_study, reordered
from spot.training.runs import Runs
from spot.training.slots import Reporter
from tests.lab import lines, write_task
from tests.toys import random_arrays, tiny_config, write_model

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
    (folder,) = (tmp_path / "spot-runs" / "study").glob("results-*")
    assert (tmp_path / result["folder"]).samefile(folder)
    stored = read_study(folder)
    assert [asdict(record) for record in stored.records] == result["records"]
    assert all(run.history and run.folder.is_dir() for run in stored.runs)
    assert stored.tasks.tasks == ("bird", "colour", "colour+bird", "place")
    recorded = Bank.open(tmp_path / "bank").outcomes()
    assert sorted((each.target, each.source, each.score) for each in recorded) == sorted(
        (each["target"], each["source"], each["test"])
        for each in result["records"]
        if each["strategy"] != "none"
    )
    assert all(None not in (each.baseline, each.low, each.high) for each in recorded)
    assert result["significance"].keys() == result["gains"].keys()
    for method, test in result["significance"].items():
        assert test["mean"] == pytest.approx(result["gains"][method]["mean"])
        assert (test["n"], test["smallest_p"]) == (2, 0.5)
        assert 0.5 <= test["p"] <= test["adjusted_p"] <= 1
    assert result["ranking"].keys() == result["by_order"].keys()

    request.getfixturevalue("no_training")
    again = lab.run(*command, sets=SETS)
    assert lines(again.stdout)[0] == result
    assert Bank.open(tmp_path / "bank").outcomes() == recorded  # none is doubled
    assert f"report: spot report {result['folder']}" in lab.run(*command[:-1], sets=SETS).stdout
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


def test_arms_are_trained_beside_the_sources_and_only_where_asked_for(
    lab, tmp_path, tiny_backbone, request
):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects(*SETS, runs=tmp_path)
    arms = ("average", "average-matched", "mixture", "re-ranked")
    study = at.study(bank, ["house"], tiny_backbone, ks=(1, 2), arms=arms)
    of_arms = [(each.strategy, each.k) for each in study.records if each.k]
    assert sorted(of_arms) == [
        ("average", 2),
        ("average-matched", 2),
        ("mixture", 1),
        ("mixture", 2),
    ]
    names = [method.name for method in study.methods[1:]]
    assert names == [
        "oracle k=3", "best of top-k k=1", "best of top-k k=2",
        "re-ranked top-k by zero-shot loss k=3", "top-k weighted average k=2",
        "top-k weighted average, norms matched k=2", "top-k mixture k=1", "top-k mixture k=2",
    ]  # fmt: skip
    assert names == list(study.gains) == list(study.significance) == list(study.relative)
    near = sorted(near_of(study), key=near_of(study).get, reverse=True)
    tasks = {record.source: record.source_task for record in study.records}
    (mean,) = (each for each in study.records if each.strategy == "average")
    assert mean.source_task == "+".join(tasks[id] for id in near[:2])
    # The re-ranked source is that of the lowest loss, which is computed once.
    values = [value_of(bank, bank.get(id)) for id in near]
    losses = zero_shot_losses(tiny_backbone, at.task("house"), at.recipe, values, 32)
    tests = {record.source: record.test for record in study.records if record.source}
    (chosen,) = (each for each in study.methods if each.method.startswith("re-ranked"))
    assert chosen.test == pytest.approx(tests[near[int(np.argmin(losses))]])
    request.getfixturevalue("no_training")
    fewer = at.study(bank, ["house"], tiny_backbone, ks=(1,), arms=("re-ranked",))
    assert {record.strategy for record in fewer.records} == {"none", "oracle"}


def near_of(study):
    """The sources of the house by the study's own similarity."""
    return study.orders[study.similarity]["house"]


def test_named_sources_are_the_only_ones(lab, tmp_path, request):
    lab.copy(tmp_path / "bank")
    command = ("study", "--targets", "house,place", "--sources", "colour,place", "--bank", "bank")
    done = lab.run(*command, "--ks", "1", "--arms", "average", "--json", sets=SETS)
    assert done.exit_code == 0, done.stderr
    result = lines(done.stdout)[0]
    sources = {(each["target"], each["source_task"]) for each in result["records"]}
    assert sources == {
        ("house", None), ("house", "colour"), ("house", "place"), ("place", None), ("place", "colour"),
    }  # fmt: skip
    assert list(result["gains"]) == ["oracle k=2", "best of top-k k=1"]
    request.getfixturevalue("no_training")
    wrong = lab.run("study", "--targets", "house", "--sources", "colur", "--bank", "bank")
    assert wrong.exit_code == 1
    assert (
        'expected a task of the bank\'s entries, found "colur". Did you mean "colour"'
        in wrong.stderr
    )
    wrong = lab.run("study", "--targets", "house", "--arms", "avrage", "--bank", "bank")
    assert 'no arm of a study is called "avrage". Did you mean "average"' in wrong.stderr
    alone = lab.run(
        "study", "--targets", "place", "--sources", "place", "--bank", "bank", sets=SETS
    )
    assert alone.exit_code == 1 and "none of the sources is another task" in alone.stderr


def test_a_target_without_a_source_is_left_out_and_named(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects(*SETS, runs=tmp_path)
    study = at.study(bank, ["house", "place"], tiny_backbone, entries=("place",), arms=())
    assert (study.complete, study.left_out) == (("house",), ("place",))
    assert study.missing[0].sentence == (
        "place: every run is missing: none of the sources is another task"
    )


def test_a_run_that_fails_leaves_a_gap_that_is_named(lab, tmp_path, tiny_backbone, monkeypatch):
    """The loss of the run from bird to house is not finite."""
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    trained = Runs.train_prompts

    def broken(self, model, slots, recipe, **more):
        done = trained(self, model, slots, recipe, **more)
        return [
            replace(each, history=(), failed_step=1)
            if "house from bird" in each.slot.name
            else each
            for each in done
        ]

    monkeypatch.setattr(Runs, "train_prompts", broken)
    reporter = Reporter()
    warnings = []
    reporter.warn = warnings.append
    at = lab.objects(*SETS, runs=tmp_path, reporter=reporter)
    study = at.study(bank, ["house", "place"], tiny_backbone, ks=(1,), arms=())
    assert (study.complete, study.left_out) == (("place",), ("house",))
    (gap,) = study.missing
    assert gap.target == "house" and gap.what.startswith("the run from bird-")
    assert "no learning rate gave a finite loss" in gap.reason and "lower" in gap.hint
    assert gap.sentence in warnings
    assert study.verdict.sentence.endswith("without house, where runs are missing")
    assert read_study(study.folder).missing == study.missing
    assert {each.target for each in bank.outcomes()} == {"house", "place"}  # those that were made
    with pytest.raises(
        SpotError, match="no target of the study is complete: house: the run from bird"
    ):
        at.study(bank, ["house"], tiny_backbone, ks=(1,), arms=())


def test_a_score_that_is_not_a_number_is_a_gap(lab, tmp_path, tiny_backbone, monkeypatch):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    score = study_module.score_on_test

    def broken(model, target, candidate, *rest):
        run = score(model, target, candidate, *rest)
        return replace(run, test=math.nan) if run.start.task == "bird" else run

    monkeypatch.setattr(study_module, "score_on_test", broken)
    with pytest.raises(
        SpotError, match="the run from bird-.* is missing: its score is not a number"
    ):
        lab.objects(*SETS, runs=tmp_path).study(bank, ["house"], tiny_backbone, ks=(1,), arms=())
    assert sorted(each.source.split("-")[0] for each in bank.outcomes()) == ["colour", "place"]


def test_an_arm_that_cannot_be_made_is_named(lab, tmp_path, tiny_backbone, monkeypatch):
    bank = Bank.open(lab.copy(tmp_path / "bank"))

    def refuse(*_):
        raise BankError("expected weights of zero or more with a sum above zero, found -1, 1", "k")

    monkeypatch.setattr("spot.strategies.average.weighted_average", refuse)
    study = lab.objects(*SETS, runs=tmp_path).study(bank, ["house"], tiny_backbone, ks=(1, 2))
    assert [gap.what for gap in study.missing] == ["the average of 2", "the average-matched of 2"]
    assert study.complete == ("house",) and "best of top-k k=2" in study.gains
    assert not any("average" in name for name in study.gains)


def test_an_interrupted_study_goes_on(lab, tmp_path, tiny_backbone, monkeypatch):
    """Ctrl-C while the second target trains: the first is found again, outcomes and all."""
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects(*SETS, runs=tmp_path)
    trained = Runs.train_prompts

    def interrupted(self, model, slots, recipe, *, title, **more):
        if title == "transfer to place":
            raise KeyboardInterrupt
        return trained(self, model, slots, recipe, title=title, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Runs, "train_prompts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            at.study(bank, ["house", "place"], tiny_backbone, ks=(1,), arms=())
    recorded = bank.outcomes()
    assert {each.target for each in recorded} == {"house"}
    said = []
    at.reporter.say = said.append
    at.study(bank, ["house", "place"], tiny_backbone, ks=(1,), arms=())
    found = {line for line in said if "transfer to" in line}
    assert found == {f"found: transfer to house, {part} of 2 (trained before)" for part in (1, 2)}
    assert bank.outcomes()[: len(recorded)] == recorded


def test_a_bank_of_another_model_is_refused(lab, tmp_path, no_training):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    lab.copy(tmp_path / "bank")
    sets = (*SETS, f"model.name={model}")
    done = lab.run("study", "--targets", "house", "--bank", "bank", sets=sets)
    assert done.exit_code == 1
    assert f"was trained on {lab.model}, not on {model} with these weights" in done.stderr
