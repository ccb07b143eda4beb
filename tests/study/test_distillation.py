"""Generations of prompts that learn from the scores of the one before, against the same done by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import spot
from bank.formats import Export, export_prompt
from spot.errors import SpotError
from spot.models.model import load
from spot.prompts.files import read_prompt
from spot.study import distillation
from spot.study.distillation import Distillation, Line
from spot.study.methods.method import Trial
from spot.tasks.vocabulary import label_tokens
from spot.training import source as sources
from spot.training.build import new_slot
from spot.training.source import source_of
from spot.training.teaching import Teacher, teach, together
from spot.verdicts.verdict import Verdict
from tests.lab import lines
from tests.toys import model_settings, random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load(model_settings(tiny_folder))


@pytest.fixture
def distil(lab, model, tmp_path):
    """`spot.distil` on "house" with the lab's settings."""
    at = lab.objects("train.early_checks=[]", runs=tmp_path / "runs")
    given = {"seeds": (0, 1), "steps": 4, "generations": 2, "runs": at.runs, "recipe": at.recipe}

    def run(**changes):
        return spot.distil(model, at.task("house"), **{**given, **changes})

    run.at = at
    return run


@pytest.fixture
def bird(lab):
    """A source prompt."""
    bank = spot.Bank.open(lab.bank)
    entry = next(entry for entry in bank.entries() if entry.task == "bird")
    return spot.prompts.stored.value_of(bank, entry)


def equal(one, other):
    return all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


def soft(scores):
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def taught_by_hand(at, model, teachers, loss="cross-entropy:distil=0.5,temperature=2"):
    """Fresh prompts that learn from (model, prompt) pairs, a list for each seed."""
    recipe = at.recipe.on(model).replace(steps=4, loss=loss)
    source = source_of(at.task("house").on(model), model, recipe)
    (member,) = source.members
    slots = []
    for seed, every in enumerate(teachers):
        given = [each.score(member.train.inputs, member.labels, prompt) for each, prompt in every]
        mean = given[0] if len(given) == 1 else np.log(np.mean([soft(each) for each in given], 0))
        slot = new_slot(model, source, recipe, seed)
        slots.append(replace(slot, teacher=(mean.astype(np.float32),)))
    return at.runs.train_prompts(model, slots, recipe, title="by hand")


def work_of(at, model, start=None, count=2):
    """What `distil` does on "house"."""
    return distillation.prepared(
        model, at.task("house"), at.recipe, (), start, 0.5, 2.0, count, (0, 1), 4, at.runs
    )


def test_a_share_of_nothing_is_generation_0_bit_for_bit(distil):
    report = distil(share=0.0)
    assert report.loss == "cross-entropy" and len(report.prompts) == 3
    for row in report.prompts[1:]:
        assert all(equal(*pair) for pair in zip(row, report.prompts[0], strict=True))
    assert len({line.test for line in report.lines[:3]}) == 1
    assert [line.teacher for line in report.lines] == [""] * 6


def test_a_generation_learns_from_the_scores_of_the_one_before(distil, model):
    report = distil()
    first, second, third = report.prompts
    assert not any(equal(*pair) for pair in zip(first, second, strict=True))
    assert not any(equal(*pair) for pair in zip(second, third, strict=True))
    at, house = distil.at, distil.at.task("house").on(model)
    recipe = at.recipe.on(model).replace(steps=4, loss="cross-entropy:distil=0.5,temperature=2")
    assert report.loss == recipe.loss == third[0].facts.recipe["loss"]
    assert third[0].facts.recipe["teacher"] == "generation 1"
    for before, after in pairwise(report.prompts):
        by_hand = taught_by_hand(at, model, [[(model, each)] for each in before])
        for seed in (0, 1):
            assert equal(by_hand[seed].value, after[seed])
    data, steps = source_of(house, model, recipe), at.recipe.on(model).replace(steps=12)
    slots = [new_slot(model, data, steps, seed) for seed in (0, 1)]
    longer = [each.value for each in at.runs.train_prompts(model, slots, steps, title="longer")]
    for own, each in zip(work_of(at, model).trained().longer, longer, strict=True):
        assert equal(own.value, each) and own.history[-1].step == 12
    # Every number of the table, from the prompts.
    rows, labels = sources.test_rows(house, model, recipe), label_tokens(house, model.vocabulary)
    for line, prompts in zip((0, 1, 2, 5), (*report.prompts, longer), strict=True):
        for seed, prompt in enumerate(prompts):
            right = model.score(rows.inputs, labels, prompt).argmax(1) == rows.labels
            assert report.lines[line].trials[seed].test == pytest.approx(100 * right.mean())
    chosen = source_of(house, model, recipe).members[0].validation
    scores = [
        [
            100 * (model.score(chosen.inputs, labels, each).argmax(1) == chosen.labels).mean()
            for each in row
        ]
        for row in report.prompts
    ]
    found = [[trial.validation for trial in line.trials] for line in report.lines[:3]]
    np.testing.assert_allclose(found, scores)
    mean = np.mean([soft(model.score(rows.inputs, labels, each[0])) for each in report.prompts], 0)
    expected = 100 * (mean.argmax(1) == rows.labels).mean()
    assert [line.name for line in report.lines[3:]] == [
        "ensemble of generations 0 to 2", "ensemble of 3 of generation 0", "generation 0, longer",
    ]  # fmt: skip
    assert report.lines[3].trials[0].test == pytest.approx(expected)
    assert [line.steps for line in report.lines] == [4, 8, 12, 12, 12, 12]


def test_a_fresh_prompt_learns_from_the_transfer_of_a_source_prompt(distil, model, bird):
    """As in PANDA, beside the transfer itself and training from scratch."""
    report = distil(start=bird, generations=1)
    assert [line.name for line in report.lines][-1] == "from scratch"
    assert [line.steps for line in report.lines] == [4, 8, 8, 8, 8, 4]
    transferred, students = report.prompts
    at = distil.at
    recipe = at.recipe.on(model).replace(steps=4)
    data = source_of(at.task("house").on(model), model, recipe)
    slots = [replace(new_slot(model, data, recipe, seed), init=bird) for seed in (0, 1)]
    plain = at.runs.train_prompts(model, slots, recipe, title="from bird")
    by_hand = taught_by_hand(at, model, [[(model, each)] for each in transferred])
    for seed in (0, 1):
        assert equal(plain[seed].value, transferred[seed])
        assert equal(by_hand[seed].value, students[seed])
    scratch = work_of(at, model, start=bird, count=1).trained().scratch
    for each, slot in zip(scratch, slots, strict=True):
        assert equal(each.slot.init, new_slot(model, data, recipe, slot.seed).init)
    begins = [each[0].facts.recipe["init"] for each in report.prompts]
    assert begins[0] == "distillation: a given prompt" != begins[1]
    fresh = distil(generations=1)
    assert fresh.lines[0].trials == report.lines[-1].trials


def test_given_teachers_teach_the_first_generation(distil, model, bird, tmp_path):
    """A prompt and a model of other weights, as `spot tune` leaves one, alone and together."""
    write_model(tmp_path / "tuned", tiny_config(), random_arrays(tiny_config(), seed=9))
    tuned = load(model_settings(tmp_path / "tuned"))
    pairs = {"bird": (model, bird), "tuned": (tuned, None)}
    for names in (["bird"], ["tuned"], ["bird", "tuned"]):
        report = distil(teachers=[Teacher(name, *pairs[name]) for name in names])
        taught = ["", " + ".join(names), "generation 1"]
        assert [line.teacher for line in report.lines] == [*taught, "", "", ""]
        assert [line.steps for line in report.lines] == [4, 4, 8, 12, 12, 12]
        by_hand = taught_by_hand(distil.at, model, [[pairs[name] for name in names]] * 2)
        for seed in (0, 1):
            np.testing.assert_allclose(
                by_hand[seed].value.key, report.prompts[1][seed].key, rtol=1e-5, atol=1e-5
            )
            assert not np.allclose(report.prompts[0][seed].key, report.prompts[1][seed].key, 1e-3)
        by_hand = taught_by_hand(distil.at, model, [[(model, each)] for each in report.prompts[1]])
        assert all(
            equal(*pair)
            for pair in zip((each.value for each in by_hand), report.prompts[2], strict=True)
        )


def test_teachers_together_have_their_mean_probabilities():
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(5, 3)) * 20 for _ in range(3)]
    np.testing.assert_array_equal(together(scores[:1]), scores[0])
    mean = np.mean([soft(each) for each in scores], 0)
    np.testing.assert_allclose(np.exp(together(scores)), mean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(together(scores[::-1]), together(scores), rtol=1e-5)


def test_a_teacher_scores_every_member_of_a_mixture_once(lab, model, tmp_path, monkeypatch):
    at = lab.objects(runs=tmp_path / "runs")
    mixture, recipe = at.task("colour+bird").on(model), at.recipe.on(model)
    teacher = Teacher("bare", model)
    scores = teach([teacher], mixture, recipe, "mean", at.runs)
    for own, member in zip(scores, source_of(mixture, model, recipe).members, strict=True):
        again = model.score(member.train.inputs, member.labels, None, "mean")
        np.testing.assert_array_equal(own, again)
    monkeypatch.setattr(type(model), "score", lambda *_: pytest.fail("scored again"))
    again = teach([teacher], mixture, recipe, "mean", at.runs)
    for own, other in zip(scores, again, strict=True):
        np.testing.assert_array_equal(own, other)


def test_the_best_prompt_is_that_of_the_best_validation_score(tmp_path):
    prompts = tuple(
        tuple(spot.SoftPrompt.of(spot.prompts.prefix.PREFIX, np.full((2, 4), n)) for n in row)
        for row in ((1.0, 2.0), (3.0, 4.0))
    )
    scored = tuple(
        Line("", "", 4, tuple(Trial(0, 0.0, {}, (), validation=each) for each in row), (0, 0))
        for row in ((50.0, 60.0), (80.0, 70.0))
    )
    report = Distillation("", "", "", scored, prompts, tmp_path, Verdict("", "", {}))
    distillation._write(report, (0, 1))
    assert equal(read_prompt(report.best), prompts[1][0])
    assert equal(read_prompt(tmp_path / "prompt-g1-s1.safetensors"), prompts[1][1])


def test_what_cannot_be_distilled_is_refused(distil, lab, model, no_training):
    with pytest.raises(SpotError, match='task "animal": expected label words to distil'):
        spot.distil(model, distil.at.task("animal"), runs=distil.at.runs)
    with pytest.raises(SpotError, match="expected one generation or more"):
        distil(generations=0)
    taught = distil.at.recipe.replace(loss="perceptron:distil=0.5")
    with pytest.raises(SpotError, match="expected a loss without a share of distillation"):
        distil(recipe=taught)
    with pytest.raises(SpotError, match="distil=|expected a number from 0 to 1 as distil"):
        distil(share=1.5)
    short = spot.SoftPrompt.of(spot.prompts.prefix.PREFIX, np.zeros((2, 16)))
    with pytest.raises(SpotError, match="expected a prefix prompt of 4 tokens to start from"):
        distil(start=short)


@pytest.mark.parametrize("share", ["0.5", "1"])
def test_the_command_trains_once_and_finds_everything_again(lab, tmp_path, monkeypatch, share):
    words = ("distil", "--task", "house", "--generations", "1", "--share", share)
    planned = lab.run(*words, "--dry-run", "--json")
    assert planned.exit_code == 0, planned.stderr
    assert lines(planned.stdout)[-1]["runs"] == 8
    assert not (tmp_path / "spot-runs" / "distilled").exists()
    done = lab.run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    *rows, _verdict, use = lines(done.stdout)
    assert [row["name"] for row in rows] == [
        "generation 0", "generation 1", "ensemble of generations 0 to 1",
        "ensemble of 2 of generation 0", "generation 0, longer",
    ]  # fmt: skip
    assert all(
        row["gain"][0] <= row["test"] - rows[0]["test"] <= row["gain"][1] for row in rows[1:]
    )
    folder = next((tmp_path / "spot-runs" / "distilled").iterdir())
    files = {path.name for path in folder.iterdir()}
    assert {"best.safetensors", "distillation.json", "prompt-g1-s1.safetensors"} <= files
    best = read_prompt(folder / "best.safetensors")
    assert best.facts.task == "house"
    from spot.training import prompt_tuning

    monkeypatch.setattr(prompt_tuning, "train_prompts", lambda *_, **__: pytest.fail("trained"))
    again = lab.run(*words, "--json")
    assert again.stdout == done.stdout, again.stderr
    planned = lab.run(*words, "--dry-run", "--json")
    assert lines(planned.stdout)[-1]["runs"] == 0


def test_folders_of_models_and_of_prompts_teach(lab, model, bird, tmp_path):
    """A model as `spot tune` leaves one, and a PEFT adapter."""
    write_model(tmp_path / "tuned", tiny_config(), random_arrays(tiny_config(), seed=9))
    export_prompt(tmp_path / "adapter", bird.key, "peft", Export(model="google/t5-base"))
    done = lab.run(
        "distil", "--task", "house", "--teacher", "tuned", "--teacher", "adapter",
        "--generations", "1", "--json", sets=("transfer.seeds=[0]",),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert lines(done.stdout)[1]["teacher"] == "tuned + adapter"


def test_the_further_seeds_are_new():
    more = distillation._further_seeds((3, 0), 2)
    assert len({*more, 3, 0}) == 6
