"""Starts compared on held-out tasks: every start and number against the functions that make one."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest

import spot
from bank import Bank
from spot.config import load_config
from spot.errors import SpotError
from spot.study.starts import budget_of
from spot.training.meta.start import as_mixture
from tests.lab import tree

pytest_plugins = ("tests.lab",)

META = spot.MetaSettings(
    steps=3, tasks=2, inner_steps=2, support=8, check_every=2, inner_rate=0.5, curve=(0, 1, 3)
)


@pytest.fixture(scope="module")
def work(lab_once, tmp_path_factory):
    """(objects, bank, learned starts of two seeds, comparison with three seeds on "house")."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPOT_CACHE_DIR", str(lab_once.cache))
        folder = tmp_path_factory.mktemp("starts")
        at = lab_once.objects(runs=folder / "runs")
        bank = Bank.open(lab_once.copy(folder / "bank"))
        tasks = as_mixture(at.task("colour+bird"))
        given = {"bank": bank, "runs": at.runs}
        learned = [
            spot.learn_start(at.model, tasks, at.recipe, META, seed, **given) for seed in (0, 1)
        ]
        compared = spot.compare_starts(
            at.model, tasks, [at.task("house")], learned, at.recipe, META, seeds=(0, 1, 2), **given
        )
    return at, bank, tasks, learned, compared


def row(compared, name):
    (found,) = (row for row in compared.rows if row.start == name)
    return found


def at_start(at, prompt):
    """The validation score of a prompt on the held-out task."""
    sizes = {"input_length": at.recipe.input_length, "target_length": at.recipe.target_length}
    return spot.evaluate(at.model, at.task("house"), prompt, split="validation", **sizes).value


def test_every_start_is_there_with_every_seed(work):
    *_, compared = work
    names = ["scratch", "learned (reptile)", "multi-task", "bank mean", "retrieved"]
    assert [row.start for row in compared.rows] == names
    for each in compared.rows:
        assert [run.seed for run in each.runs] == [0, 1, 2]
        assert [step for step, *_ in each.curve] == [0, 1, 3]
        assert all([check.step for check in run.history] == [0, 1, 3] for run in each.runs)


def test_the_run_of_a_seed_begins_at_the_start_of_its_turn(work):
    at, _, _, learned, compared = work
    expected = [at_start(at, learned[number].prompt) for number in (0, 1, 0)]
    runs = row(compared, "learned (reptile)").runs
    assert [run.history[0].score for run in runs] == expected
    for number, run in zip((0, 1, 0), runs, strict=True):
        assert (run.start.init.key == learned[number].prompt.key).all()


def test_scratch_is_a_training_of_the_same_budget(work):
    at, *_, compared = work
    for run in row(compared, "scratch").runs:
        alone = spot.train_prompt(
            at.model, at.task("house"), budget_of(at.recipe.on(at.model), META), run.seed,
            runs=at.runs,
        )  # fmt: skip
        np.testing.assert_allclose(run.prompt.key, alone.value.key, rtol=1e-5, atol=1e-5)
        assert [check.step for check in alone.history] == [0, 1, 3]


def test_the_multi_task_prompt_has_the_gradients_of_the_learned_start(work):
    """3 steps of 2 tasks of 2 inner steps: a training of the mixture with 12."""
    at, _, tasks, _, compared = work
    recipe = at.recipe.on(at.model).replace(steps=12, check_every=12, early_checks=(0,))
    for number in (0, 1):
        alone = spot.train_prompt(at.model, tasks, recipe, number, runs=at.runs)
        start = row(compared, "multi-task").runs[number].start.init
        np.testing.assert_allclose(start.key, alone.value.key, rtol=1e-5, atol=1e-5)


def test_the_mean_and_the_retrieved_value_are_of_the_tasks_alone(work):
    at, bank, _, _, compared = work
    own = {e.task: bank.prompts(e).value for e in bank.entries() if e.task in ("colour", "bird")}
    mean = row(compared, "bank mean").runs[0].start.init.key
    np.testing.assert_allclose(mean, (own["colour"] + own["bird"]) / 2, rtol=1e-6, atol=1e-6)
    answer = spot.search(bank, at.model, at.task("house"), 4, recipe=at.recipe, runs=at.runs)
    hits = [hit for hit in answer.result.hits if hit.task in own]
    assert len(answer.result.hits) == 4 and len(hits) == 2
    retrieved = row(compared, "retrieved").runs[0].start.init.key
    assert (retrieved == own[hits[0].task]).all()


def test_the_numbers_are_means_over_seeds(work):
    *_, compared = work
    for each in compared.rows:
        for place, (step, mean, deviation) in enumerate(each.curve):
            scores = [run.history[place].score for run in each.runs]
            assert (step, mean) == (each.runs[0].history[place].step, statistics.fmean(scores))
            assert deviation == statistics.stdev(scores)
        assert each.test == statistics.fmean(run.test for run in each.runs)
    ours, other = row(compared, "learned (reptile)"), row(compared, "multi-task")
    gain, low, high = compared.beyond["house"]
    assert gain == pytest.approx(ours.test - other.test) and low <= gain <= high
    scratch = row(compared, "scratch")
    assert scratch.interval is None
    assert ours.interval[0] <= ours.test - scratch.test <= ours.interval[1]
    numbers = compared.verdicts["house"].numbers
    assert (numbers["scratch"], numbers["transfer"]) == pytest.approx((scratch.test, ours.test))
    curve, test = compared.means["multi-task"]
    assert curve == [(step, mean) for step, mean, _ in other.curve] and test == other.test


def test_the_comparison_is_written_and_found_again(work, no_training, monkeypatch):
    at, bank, tasks, learned, compared = work
    stored = json.loads((compared.folder / "starts.json").read_text())
    assert stored == json.loads(json.dumps(compared.to_json()))
    before = tree(compared.folder)
    again = spot.compare_starts(
        at.model, tasks, [at.task("house")], learned, at.recipe, META, seeds=(0, 1, 2), bank=bank,
        runs=at.runs,
    )  # fmt: skip
    assert again.folder == compared.folder and tree(again.folder) == before


def test_without_a_bank_two_starts_are_left_out(work):
    at, _, tasks, learned, _ = work
    compared = spot.compare_starts(
        at.model, tasks, [at.task("house")], learned[:1], at.recipe, META, seeds=(0,), runs=at.runs
    )
    assert [row.start for row in compared.rows] == ["scratch", "learned (reptile)", "multi-task"]
    assert compared.rows[0].deviation is None and compared.rows[0].curve[0][2] is None


@pytest.mark.parametrize(
    ("target", "count", "message"),
    [
        ("bird", 1, "held-out tasks that no start is learned from, found bird among"),
        ("house", 0, "expected learned starts to compare, found none"),
    ],
)
def test_what_is_not_compared(work, no_training, target, count, message):
    at, bank, tasks, learned, _ = work
    with pytest.raises(SpotError, match=message):
        spot.compare_starts(
            at.model, tasks, [at.task(target)], learned[:count], at.recipe, META, runs=at.runs
        )


@pytest.mark.parametrize("steps", [(), (0,), (1, 1), (5, 1)])
def test_a_curve_rises(steps):
    with pytest.raises(SpotError, match="meta.curve: expected rising numbers of steps"):
        load_config(None, [f"meta.curve={list(steps)}"])
