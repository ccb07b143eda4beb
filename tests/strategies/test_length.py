"""The length search: warm starts, pruning and the choice, against slow and obvious answers."""

from __future__ import annotations

import numpy as np
import pytest

import spot
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import value_of
from spot.strategies.settings import TransferSettings
from spot.training.batches import batch_of, sample
from spot.training.build import new_slot
from spot.training.importance import scale_gradients, strongest
from spot.training.runs import Runs
from spot.training.source import source_of
from spot.verdicts.lengths import falls, levels_off, shortest
from tests.lab import lines

pytest_plugins = ["tests.lab"]

PLAN = TransferSettings(seeds=(0, 1), steps=4)


@pytest.fixture
def at(lab):
    """The lab's objects; the tests share their runs, for each trains what it does not find."""
    return lab.objects(runs=lab.folder / "length-runs")


def find(at, lengths=(1, 2, 4), **more):
    return spot.find_length(
        at.model, at.task("house"), more.pop("recipe", at.recipe),
        lengths=lengths, plan=PLAN, runs=more.pop("runs", at.runs), **more,
    )  # fmt: skip


def test_a_longer_prompt_starts_from_the_shorter_one(at):
    short, middle, long = find(at).trials[:3]
    source = source_of(at.task("house"), at.model, at.recipe)
    for seed in (0, 1):
        init = np.asarray(
            new_slot(at.model, source, at.recipe, seed).init
        )  # of 4 rows, as the longest
        starts = [np.asarray(each.trained[seed].slot.init) for each in (short, middle, long)]
        assert np.array_equal(starts[0], init[:1])
        for before, start in ((short, starts[1]), (middle, starts[2])):
            value = np.asarray(before.trained[seed].value)
            assert np.array_equal(start[: len(value)], value)
            assert np.array_equal(start[len(value) :], init[len(value) : len(start)])
            # Without its new rows it is the shorter prompt, and scores as that.
            assert _scores(at, start[: len(value)]) == pytest.approx(_scores(at, value), rel=1e-5)
            assert _scores(at, start) != pytest.approx(_scores(at, value), rel=1e-5)


def _scores(at, rows):
    (data,) = source_of(at.task("house"), at.model, at.recipe).members
    return at.model.score(data.validation.inputs, data.labels, SoftPrompt.of(PREFIX, rows))


def test_every_length_has_the_same_steps_and_its_cost(at):
    report = find(at)
    assert [(trial.way, trial.length) for trial in report.trials] == [
        ("shortest-first", 1), ("shortest-first", 2), ("shortest-first", 4),
        ("prune", 4), ("prune", 2), ("prune", 1),
    ]  # fmt: skip
    for trial in report.trials:
        assert trial.steps == sum(each.history[-1].step for each in trial.trained) <= 2 * PLAN.steps
        assert trial.cost == trial.steps * trial.length and trial.seconds >= 0
        assert {each.slot.learning_rate for each in trial.trained} == {0.5}
    assert report.cost == sum(trial.steps * trial.length for trial in report.trials)
    assert report.seconds == pytest.approx(sum(trial.seconds for trial in report.trials))


def test_pruning_keeps_the_strongest_rows_of_the_key(at):
    long, middle, short = find(at).trials[3:]
    rows = sample(source_of(at.task("house"), at.model, at.recipe).members[0].train, 32)
    for seed in (0, 1):
        key, kept = np.asarray(long.trained[seed].key), np.arange(4)
        for before, after in ((long, middle), (middle, short)):
            importance = scale_gradients(at.model, before.trained[seed].value, rows)[:, 0]
            kept = kept[sorted(np.argsort(importance)[-after.length :])]
            assert np.array_equal(np.asarray(after.trained[seed].slot.init), key[kept])
        assert not np.array_equal(key, np.asarray(long.trained[seed].slot.init))


def test_importance_is_the_slope_of_every_rows_loss(at, lab):
    from spot.models.sharding import place_rows
    from spot.prompts.stacked import stack
    from spot.training.step import batch_losses

    rows = sample(source_of(at.task("house"), at.model, at.recipe).members[0].train, 3)
    prompt = value_of(spot.Bank(lab.bank), spot.Bank(lab.bank).get("bird"))
    found = scale_gradients(at.model, prompt, rows)[:, 0]

    def losses(place, scale):
        scaled = np.asarray(prompt).copy()
        scaled[place] *= scale
        batch = batch_of([rows.inputs[n] for n in range(3)], [rows.targets[n] for n in range(3)])
        batch = place_rows(at.model.network.mesh, batch)
        return np.asarray(
            batch_losses(at.model.network, stack([SoftPrompt.of(PREFIX, scaled)]), batch)
        )

    for place, slope in enumerate(found):
        wide, narrow = (
            (losses(place, 1 + step) - losses(place, 1 - step)) / (2 * step)
            for step in (2e-2, 1e-2)
        )
        slopes = (4 * narrow - wide) / 3  # Richardson
        assert slope == pytest.approx(np.abs(slopes).mean(), rel=2e-3, abs=1e-5)


def test_a_text_start_has_the_texts_tokens(at):
    recipe = at.recipe.replace(text="the hen")
    report = find(at, ways=["text"], recipe=recipe)
    ids = at.model.vocabulary.encode("the hen")
    (trial,) = report.trials
    assert trial.length == len(ids) == report.chosen.length
    for each in trial.trained:
        assert np.array_equal(np.asarray(each.slot.init), at.model.embeddings[ids])


def test_finished_lengths_are_found_again(at, no_training_later):
    first = find(at)
    no_training_later()
    again = find(at)
    assert [each.to_json() for each in again.trials] == [each.to_json() for each in first.trials]
    assert again.folder == first.folder and first.file.exists()
    assert (again.chosen.way, again.chosen.length) == (first.chosen.way, first.chosen.length)
    written = spot.read_prompt(first.file)
    assert np.array_equal(np.asarray(written), np.asarray(first.prompt))
    assert written.facts.task == "house" and len(written.key) == first.chosen.length


@pytest.fixture
def no_training_later(monkeypatch):
    """From its call on, whoever trains fails."""

    def arm():
        from spot.training import prompt_tuning

        monkeypatch.setattr(prompt_tuning, "train_prompts", lambda *_, **__: pytest.fail("trained"))

    return arm


def test_the_choice_never_reads_the_test_split(at, monkeypatch):
    read: list[int] = []
    evaluate = Runs.evaluate

    def noted(self, model, prompt, task, split, labels):
        read.append(len(split))
        return evaluate(self, model, prompt, task, split, labels)

    monkeypatch.setattr(Runs, "evaluate", noted)
    report = find(at)
    first = read.index(16)  # the rows of the test split, of validation 12
    assert read[:first] == [12] * 2 * 6 and set(read[first:]) == {16}
    tested = [trial for trial in report.trials if trial.test is not None]
    wanted = {id(trial) for trial in (*report.by_way.values(), report.chosen, report.best)}
    assert {id(trial) for trial in tested} == wanted
    assert report.verdict.numbers["score"] == pytest.approx(report.chosen.test.mean)
    assert report.chosen.validation.mean >= report.best.validation.mean - report.best.error


def test_mistakes_are_refused_before_any_training(at, no_training):
    with pytest.raises(spot.SpotError, match='is called "prun".*Did you mean "prune"'):
        find(at, ways=["prun"])
    with pytest.raises(spot.SpotError, match="expected ways to a length, found none"):
        find(at, ways=[])
    with pytest.raises(spot.SpotError, match="a text start needs a text"):
        find(at, ways=["text"])
    for lengths in ((), (4, 0)):
        with pytest.raises(spot.SpotError, match="expected lengths of 1 token or more"):
            find(at, lengths)


def test_the_command_prints_the_search(lab):
    words = ("length", "--target", "house", "--lengths", "4,1", "--ways", "shortest-first")
    sets = (f"runs={lab.folder / 'length-runs'}",)
    done = lab.run(*words, sets=sets)
    assert done.exit_code == 0, done.stderr
    assert "house: accuracy, 2 seeds, 16 test rows" in done.stdout and "chosen" in done.stdout
    assert "steps x tokens" in done.stdout and "spot predict" in done.stdout
    rows = lines(lab.run(*words, "--json", sets=sets).stdout)
    assert [row.get("length") for row in rows[:2]] == [1, 4]
    wrong = lab.run("length", "--target", "house", "--lengths", "4,x")
    assert (
        wrong.exit_code == 2
        and "expected whole numbers joined by commas, found 4,x" in wrong.stderr
    )


def test_the_shortest_within_one_standard_error_of_the_best():
    lengths, scores = [1, 2, 4, 8], [60.0, 78.5, 80.0, 79.9]
    assert shortest(lengths, scores, [9, 9, 2, 9]) == 1
    assert shortest(lengths, scores, [9, 9, 1, 9]) == 2
    assert shortest([4, 2, 2, 2], [80, 79, 79.5, 79.5], [1] * 4) == 2


def test_searches_stop_after_two_lengths_that_change_too_little_or_too_much():
    assert not levels_off([50, 50], [5, 5])
    assert levels_off([70, 70, 74.9], [5, 5, 5])
    assert not levels_off([70, 70, 75], [5, 5, 5])
    assert not levels_off([50, 70, 70.5], [5, 5, 5]) and levels_off([50, 70, 70.5, 71], [5] * 4)
    assert not falls([80, 74], [5, 5]) and falls([80, 74, 74.9], [5] * 3)
    assert not falls([80, 74, 75], [5] * 3)
    assert strongest(np.array([0.2, 0.5, 0.5, 0.1]), 3).tolist() == [0, 1, 2]


def test_a_standard_error_is_of_rows_and_seeds():
    from spot.verdicts.sample import Sample

    draws = np.array([[50.0, 60.0], [70.0, 60.0]])
    assert Sample(np.array([50.0, 70.0]), draws).error() == pytest.approx(10.0)  # rows cancel
    assert Sample(np.array([50.0]), draws[:1]).error() == pytest.approx(5.0)
    assert Sample(np.array([50.0, 70.0]), draws[:1]).error() == pytest.approx(125**0.5)
