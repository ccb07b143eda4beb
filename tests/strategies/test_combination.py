"""Combining entries for a target: weights against a grid, scores against `evaluate`, as a start."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

import spot
from bank.entry import id_of
from bank.errors import BankError
from bank.store import Bank
from spot.prompts.prefix import PREFIX
from spot.prompts.stored import value_of
from spot.retrieval.estimators import zero_shot_losses
from spot.strategies.combination import PRICE, fitted_weights, loss_on
from spot.strategies.settings import TransferSettings
from spot.tasks.vocabulary import label_tokens
from spot.training.batches import sample
from spot.training.runs import Runs
from spot.training.source import source_of
from tests.lab import lines

pytest_plugins = ["tests.lab"]


@pytest.fixture
def at(lab, tmp_path):
    """The lab's objects, with a bank and runs of the test's own."""
    bank = Bank(lab.copy(tmp_path / "bank"))
    made = lab.objects(runs=tmp_path / "runs")
    made.bank = bank
    return made


def train_rows(at, name, count=8):
    """The target as the model reads it, and so many of its training rows."""
    task = at.task(name).on(at.model)
    return task, sample(source_of(task, at.model, at.recipe).members[0].train, count, 0)


def test_the_loss_is_that_of_the_label_words(at):
    task, rows = train_rows(at, "house")
    prompt = value_of(at.bank, at.bank.get("bird"))
    scores = at.model.score(rows.inputs, label_tokens(task, at.model.vocabulary), prompt)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    slow = -np.mean([np.log(shares[row, rows.labels[row]]) for row in range(len(rows))])
    assert loss_on(at.model, task, rows)(prompt) == pytest.approx(slow, rel=1e-5)


def test_the_loss_of_free_answers_is_the_estimators(at):
    task, rows = train_rows(at, "animal")
    prompt = value_of(at.bank, at.bank.get("bird"))
    expected = zero_shot_losses(at.model, task, at.recipe, [prompt], 8, 0)[0]
    assert loss_on(at.model, task, rows)(prompt) == pytest.approx(expected, rel=1e-5)


def test_weights_are_no_worse_than_those_of_a_grid(at, monkeypatch):
    task, rows = train_rows(at, "house", 16)
    parts = at.bank.parts("bird + colour")
    loss = loss_on(at.model, task, rows)

    def price(weights):
        prompt = spot.SoftPrompt.of(PREFIX, parts.prompts(weights).start)
        return loss(prompt) + PRICE * sum(map(abs, weights))

    weights, tried = fitted_weights(parts, at.model, task, rows, at.runs)
    grid = min(price(pair) for pair in itertools.product(np.linspace(-1.5, 1.5, 5), repeat=2))
    assert price(weights) <= min(grid, price((1, 1))) + 1e-3
    assert max(map(abs, weights)) <= 1.5 and 5 < tried <= 60
    monkeypatch.setattr("scipy.optimize.minimize", None)  # the second time nothing is searched
    assert fitted_weights(parts, at.model, task, rows, at.runs)[0] == weights


def test_a_report_compares_with_every_part_on_the_test_rows(at):
    report = spot.combine(
        at.bank, at.model, at.task("house"), "bird - place", recipe=at.recipe, runs=at.runs
    )
    assert (report.expression, report.rows, report.trials) == ("bird - place", 0, 0)
    entry, prompts = report.item
    assert (entry, prompts.value.tolist()) == (
        at.bank.combine("bird - place")[0],
        at.bank.combine("bird - place")[1].value.tolist(),
    )
    sizes = {"input_length": 16, "target_length": 8}
    house = at.task("house")
    by_name = {part.name: part for part in (*report.parts, report.combined, report.bare)}
    assert list(by_name) == ["bird", "place", "bird - place", "without a prompt"]
    arrays = {name: at.bank.prompts(at.bank.get(name)).value for name in ("bird", "place")}
    arrays |= {"bird - place": prompts.value, "without a prompt": None}
    for name, array in arrays.items():
        alone = spot.evaluate(at.model, house, array, **sizes)
        assert by_name[name].test.value == alone.value
        assert by_name[name].test.intervals == alone.intervals
        checked = spot.evaluate(at.model, house, array, "validation", **sizes)
        assert by_name[name].validation == checked.value
    best = max(report.parts, key=lambda part: part.validation)
    assert report.best == best.name
    gain = report.combined.test.value - best.test.value
    assert report.verdict.numbers["difference"] == pytest.approx(gain)
    assert len(at.bank.entries()) == 4  # it is for the caller to add it


def test_the_test_split_chooses_nothing(at, lab):
    def report(task):
        return spot.combine(
            at.bank, at.model, task, "bird + colour", rows=6, recipe=at.recipe,
            runs=Runs(at.runs.root / task.family),
        )  # fmt: skip

    house = at.task("house")
    first = report(house)
    assert first.rows == 6 and first.trials > 5
    rows = [
        {"text": f"here a {animal}", "answer": answer}
        for animal, answer in (("hen", "yes"), ("owl", "no"), ("cat", "no"))
    ]
    (lab.tasks / "house-test.jsonl").rename(lab.tasks / "aside")
    try:
        (lab.tasks / "house-test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        other = report(replace(at.task("house"), family="other"))
    finally:
        (lab.tasks / "aside").rename(lab.tasks / "house-test.jsonl")
    assert other.combined.test.n == 3 != first.combined.test.n
    assert (other.expression, other.best) == (first.expression, first.best)


def test_validation_chooses_the_best_part(at, monkeypatch):
    scores = {("bird", 12): 90.0, ("bird", 16): 10.0, ("colour", 12): 80.0, ("colour", 16): 95.0}
    names = {
        at.bank.prompts(at.bank.get(name)).value.tobytes(): name for name in ("bird", "colour")
    }
    evaluate = Runs.evaluate

    def faked(self, model, prompt, task, split, labels):
        score = evaluate(self, model, prompt, task, split, labels)
        name = None if prompt is None else names.get(np.asarray(prompt).tobytes())
        return replace(score, value=scores.get((name, len(split)), 0.0))

    monkeypatch.setattr(Runs, "evaluate", faked)
    report = spot.combine(
        at.bank, at.model, at.task("house"), "colour + bird", recipe=at.recipe, runs=at.runs
    )
    assert (report.best, report.best_id) == ("bird", at.bank.get("bird").id)


def test_training_starts_from_the_named_entry(at):
    item = at.bank.combine("bird + colour", name="both")
    at.bank.add(item)
    plan = TransferSettings(seeds=(0, 1), steps=4)
    reports = spot.transfer_from(
        at.bank, at.model, at.task("house"), ["both", "bird"],
        recipe=at.recipe, plan=plan, runs=at.runs,
    )  # fmt: skip
    assert [report.strategy for report in reports] == ["named", "named"]
    both, bird = reports
    assert [run.start.source for run in both.transfer] == [item[0].id] * 2
    assert [run.start.task for run in bird.transfer] == ["bird"] * 2
    assert [run.test for run in both.baseline] == [run.test for run in bird.baseline]
    assert np.array_equal(np.asarray(both.transfer[0].start.init), item[1].value)
    recorded = [(each.source, each.seed) for each in at.bank.outcomes() if each.strategy == "named"]
    assert recorded == [(run.start.source, run.seed) for each in reports for run in each.transfer]


def test_the_command_adds_compares_and_trains(lab, at, tmp_path):
    words = ("bank", "combine", "0.5*bird + 0.5*colour", "--bank", str(at.bank.path))
    sets = (f"runs={tmp_path / 'runs'}",)
    done = lab.run(*words, "--name", "both", "--json", sets=sets)
    (record,) = lines(done.stdout)
    entry = at.bank.get("both")
    assert record["id"] == entry.id and record["added"] and record["members"] == ["bird", "colour"]
    assert [weight for _, weight in record["sums"][0]] == [0.5, 0.5]
    done = lab.run(*words, "--target", "house", "--rows", "4", "--train", sets=sets)
    assert done.exit_code == 0, done.stderr
    assert "weights chosen on 4 training rows of house, " in done.stdout
    assert "house: accuracy of prompts as they are" in done.stdout
    assert done.stdout.count("house: accuracy on the test split") == 2
    assert "without a prompt" in done.stdout


def test_wrong_usage_is_refused(lab, at, tmp_path):
    bank = ("--bank", str(at.bank.path))
    done = lab.run("bank", "combine", "bird", "--rows", "3", *bank)
    assert done.exit_code == 2 and "--rows and --train need a --target" in done.stderr
    done = lab.run("bank", "combine", "bird + brid", *bank)
    assert done.exit_code == 1 and 'no entry "brid"' in done.stderr
    done = lab.run("bank", "combine", "bird, colour", *bank)
    assert done.exit_code == 1 and "expected prompts of P=4 tokens" in done.stderr
    done = lab.run("bank", "combine", "bird, colour", *bank, "--out", str(tmp_path / "long"))
    assert done.exit_code == 0 and Bank(tmp_path / "long").manifest.prompt_length == 8
    other = replace(at.bank.get("bird").backbone, fingerprint="other")
    moved = Bank(tmp_path / "foreign")
    entry = replace(at.bank.get("bird"), backbone=other)
    moved.add(replace(entry, id=id_of(entry)), at.bank.prompts(at.bank.get("bird")))
    with pytest.raises(spot.SpotError, match="was trained on .*, not on .* with these weights"):
        spot.combine(moved, at.model, at.task("house"), "bird", recipe=at.recipe)
    with pytest.raises(BankError, match="expected the name of an entry"):
        spot.combine(at.bank, at.model, at.task("house"), "", recipe=at.recipe)
