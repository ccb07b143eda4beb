"""Runs live where their content says, and finished work is found again there and only there."""

from __future__ import annotations

import json
from dataclasses import replace

import filelock
import numpy as np
import pytest

from spot.errors import SpotError
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.training import prompt_tuning, results
from spot.training.batches import Source
from spot.training.recipe import Recipe
from spot.training.runs import Runs, data_digest, slot_facts, slots_on, source_digest
from tests.toys import toy_data
from tests.training.conftest import SETTINGS, Watcher

RECIPE = Recipe(**{**SETTINGS.model_dump(), "steps": 2, "key_step": 1, "check_every": 2})
P, H = 3, 16


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path, Watcher(), slots=2)


@pytest.fixture
def train(tiny_backbone, runs):
    """A function that trains slots, and how many were trained in this call, by group."""

    def call(slots, recipe=RECIPE, title="toys", using=runs, model=tiny_backbone, **more):
        using.reporter.begun.clear(), using.reporter.said.clear()
        done = using.train_prompts(model, slots, recipe, title=title, **more)
        return done, len(using.reporter.begun)

    return call


def same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        for role in ("key", "value", "last"):
            np.testing.assert_array_equal(getattr(one, role), getattr(other, role), role)
        assert (one.history, one.best, one.failed_step) == (
            other.history, other.best, other.failed_step,
        )  # fmt: skip


def test_what_another_process_trained_meanwhile_is_not_trained_again(
    tmp_path, tiny_backbone, make_slot, train, runs
):
    slots = [make_slot()]
    expected, _ = train(slots, using=Runs(tmp_path / "other", Watcher()))
    folder = runs.prompts_place(tiny_backbone, slots, RECIPE, True)
    folder.mkdir(parents=True)
    lock = filelock.FileLock(folder.with_name(f"{folder.name}.lock"))
    lock.acquire()

    def say(text):
        if text.startswith("waiting"):
            results.store(folder, expected)
            lock.release()
        runs.reporter.said.append(text)

    runs.reporter.say = say
    done, trained = train(slots)
    assert trained == 0
    same(done, expected)
    assert [text.split()[0] for text in runs.reporter.said] == ["waiting", "found:"]


# Where a run is.


def test_a_place_depends_on_what_is_read_and_shows_the_name(runs):
    place = runs.place("scores", "a b/c", {"x": 1, "y": [1.5, None]})
    assert place.parent == runs.root / "scores" and place.name.startswith("a_b_c-")
    assert place == runs.place("scores", "a b/c", {"y": (1.5, None), "x": 1})
    digest = place.name.rsplit("-", 1)[1]
    assert runs.place("scores", "other", {"x": 1, "y": [1.5, None]}).name == f"other-{digest}"
    for stage, read in (
        ("scores", {"x": 2, "y": [1.5, None]}),
        ("other", {"x": 1, "y": [1.5, None]}),
    ):
        assert not runs.place(stage, "a b/c", read).name.endswith(digest)
    elsewhere = replace(runs, root=runs.root / "x")
    assert elsewhere.place("scores", "a", {}).parent == runs.root / "x" / "scores"


@pytest.mark.parametrize("name", ["", "..", "/", "é" * 200, "a" * 200])
def test_any_name_makes_a_folder_below_the_root(runs, name):
    place = runs.place("scores", name, {})
    assert place.parent == runs.root / "scores" and len(place.name) < 100
    assert not place.name.startswith(".")


@pytest.mark.parametrize("validate", [True, False])
def test_what_belongs_to_checks_is_read_only_where_there_are_any(train, make_slot, validate):
    slots = [make_slot()]
    train(slots, validate=validate)
    for changed in ({"early_checks": (0,)}, {"patience": 3}):
        assert train(slots, RECIPE.replace(**changed), validate=validate)[1] == int(validate)


def test_a_run_that_stopped_early_is_found_again(train, make_slot, scripted):
    scripted(colour=[9, 1, 8, 8, 8])
    recipe = RECIPE.replace(steps=40, patience=2, early_checks=(0, 1))
    (first,), trained = train([make_slot()], recipe)
    assert [check.step for check in first.history] == [0, 1, 2, 4] and trained == 1
    again, trained = train([make_slot()], recipe)
    same(again, [first])
    assert trained == 0 and not again[0].still_improving


def test_a_slot_is_known_by_its_arrays_and_not_by_names(make_slot, tiny_backbone):
    slot, facts = make_slot(), slot_facts(make_slot())
    assert slot_facts(replace(slot, name="other")) == facts
    source = Source("other", (toy_data("colour", tiny_backbone.vocabulary),))
    assert slot_facts(replace(slot, source=source)) == facts
    others = [
        make_slot(seed=1), make_slot("bird"), make_slot(learning_rate=0.2),
        make_slot(init=slot.init.key + 1e-6), make_slot(init=slot.init.key[:2]),
        make_slot(init=SoftPrompt.of(find_kind("suffix"), slot.init.key)),
    ]  # fmt: skip
    assert all(slot_facts(other) != facts for other in others)


def test_data_is_known_by_every_array_and_by_its_scoring(data):
    task = data["colour"]
    flipped = replace(task.validation, labels=1 - task.validation.labels)
    renamed = replace(task.definition, name="other", family="x", description="y")
    assert data_digest(replace(task, definition=renamed)) == data_digest(task)
    others = [
        replace(task, validation=flipped),
        replace(task, train=task.validation),
        replace(task, train=replace(task.train, targets=task.train.inputs)),
        replace(task, train=replace(task.train, references=[("x",)] * len(task.train))),
        replace(task, train=replace(task.train, groups=["x"] * len(task.train))),
        replace(task, labels=task.labels[::-1]),
        replace(task, definition=replace(task.definition, metrics=("f1",))),
        replace(task, definition=replace(task.definition, labels=("yes", "no"))),
    ]
    assert len({data_digest(task), *map(data_digest, others)}) == len(others) + 1
    both = Source("both", (task, data["bird"]), (0.5, 0.5))
    assert source_digest(replace(both, rates=(0.4, 0.6))) != source_digest(both)
    others = [both.members[::-1], (task, data["animal"]), (data["animal"], data["bird"])]
    digests = {source_digest(replace(both, members=members)) for members in others}
    assert len({source_digest(both), *digests}) == 4


# Prompts.


def test_finished_prompts_are_found_again_whatever_the_run_is_called(runs, train, make_slot):
    slots = [make_slot("colour", 0), make_slot("bird", 1)]
    first, trained = train(slots)
    assert trained == 1 and not any(text.startswith("found") for text in runs.reporter.said)
    again, trained = train(slots, title="by another title")
    same(again, first)
    assert trained == 0
    assert runs.reporter.said == ["found: by another title (trained before)"]
    assert [one.slot for one in again] == slots
    (folder,) = (path for path in (runs.root / "prompts").iterdir() if path.is_dir())
    assert runs.reporter.details[-1:] == [f"  in {folder}"]
    assert not (folder / "checkpoints").exists() and (folder / "metrics.jsonl").exists()


def test_other_content_is_other_work(train, make_slot, tiny_backbone):
    slots = [make_slot()]
    train(slots)
    assert train([make_slot(seed=3)])[1] == 1
    assert train(slots, RECIPE.replace(weight_decay=0.1))[1] == 1
    assert train(slots, validate=False)[1] == 1
    weights = replace(tiny_backbone, identity=replace(tiny_backbone.identity, fingerprint="other"))
    assert train(slots, model=weights)[1] == 1


def test_settings_that_training_does_not_read_change_nothing(train, make_slot):
    slots = [make_slot()]
    train(slots)
    others = {"length": 7, "init": "random", "learning_rate": 0.9, "train_examples": 3}
    assert train(slots, RECIPE.replace(**others))[1] == 0


def test_a_longer_list_of_slots_uses_the_groups_that_it_begins_with(runs, train, make_slot):
    slots = [make_slot(seed=seed) for seed in range(4)]
    first, trained = train(slots[:2])
    assert trained == 1
    longer, trained = train(slots)
    assert trained == 1 and [one.slot for one in longer] == slots
    same(longer[:2], first)
    assert runs.reporter.begun[0][0] == "toys, 2 of 2"
    assert runs.reporter.said[0].startswith("found: toys, 1 of 2 (")


def test_no_slots_are_no_work(train):
    assert train([]) == ([], 0)


@pytest.mark.parametrize("name", [results.ARRAYS, results.FACTS])
@pytest.mark.parametrize("damage", ["cut", "flip", "other count", "removed"])
def test_damaged_results_are_trained_again_with_the_same_numbers(
    runs, train, make_slot, name, damage
):
    first, _ = train([make_slot()])
    (path,) = (runs.root / "prompts").rglob(name)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-9])
    elif damage == "flip":
        content[len(content) // 2] ^= 0x04
        path.write_bytes(content)
    elif damage == "removed":
        path.unlink()
    else:
        results.store(path.parent, [*first, *first])
    again, trained = train([make_slot()])
    assert trained == 1
    same(again, first)
    assert train([make_slot()])[1] == 0  # the new results replace the damaged ones


def test_an_interrupted_run_is_no_finished_one_and_goes_on(runs, train, make_slot, monkeypatch):
    class Stopped(Exception):
        pass

    def store(*_):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(results, "store", store)  # the moment between training and storing
        with pytest.raises(Stopped):
            train([make_slot()])
    again, trained = train([make_slot()])
    assert trained == 1 and runs.reporter.begun[0][1:] == (2, 2)  # all steps came from a checkpoint
    whole, _ = train([make_slot()], using=replace(runs, root=runs.root / "whole"))
    same(again, whole)


def test_a_run_that_is_refused_leaves_no_folder(runs, train, make_slot):
    with pytest.raises(SpotError, match="does not fit the model"):
        train([make_slot(init=np.zeros((P, H + 1), np.float32))])
    assert not runs.root.joinpath("prompts").exists()


# Values.


def test_a_value_is_made_once_and_found_again(runs):
    made = []

    def make():
        made.append(1)
        return {"score": 62.5, "texts": ("a", "é")}

    read = {"a": 1}
    first = runs.remembered("scores", "toy", read, make, "scores of toy")
    assert first == {"score": 62.5, "texts": ["a", "é"]} and runs.reporter.said == []
    assert runs.remembered("scores", "toy", read, make, "scores of toy") == first
    assert runs.reporter.said == ["found: scores of toy (finished before)"]
    assert runs.reporter.details == [f"  in {runs.place('scores', 'toy', read)}.json"]
    runs.remembered("scores", "toy", read, make)  # without a title nothing is said
    assert len(runs.reporter.said) == 1 and len(made) == 1
    runs.remembered("scores", "toy", {"a": 2}, make)
    assert len(made) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-3],
        lambda text: text.replace(b"62.5", b"72.5"),
        lambda text: b"",
        lambda text: b"[]",
        lambda text: b"\xff\xfe",
        lambda text: json.dumps({"value": {"score": 1}}).encode(),
        lambda text: b"\0" * len(text),
        lambda text: b"[" * 10**5,
        lambda text: text.replace(b"62.5", b"NaN"),
        lambda text: text.replace(b"62.5", b"1e999"),
    ],
)
def test_a_damaged_value_is_made_anew(runs, damage):
    def call(score=62.5):
        return runs.remembered("scores", "toy", {}, lambda: {"score": score}, "scores of toy")

    call()
    (path,) = runs.root.rglob("*.json")
    path.write_bytes(damage(path.read_bytes()))
    assert call(50.0) == {"score": 50.0} and runs.reporter.said == []
    assert call() == {"score": 50.0} and len(runs.reporter.said) == 1


def test_the_value_of_something_else_is_made_anew(runs):
    runs.remembered("scores", "toy", {"a": 1}, lambda: 1)
    (path,) = runs.root.rglob("*.json")
    assert runs.remembered("scores", "toy", {"a": 2}, lambda: 2) == 2
    (other,) = set(runs.root.rglob("*.json")) - {path}
    other.write_bytes(path.read_bytes())
    assert runs.remembered("scores", "toy", {"a": 2}, lambda: 3) == 3


def test_an_evaluation_is_remembered_with_all_that_decides_it(
    runs, data, tiny_backbone, monkeypatch
):
    task, scored = data["colour"], []
    score = type(tiny_backbone).score

    def count(self, *rest):
        scored.append(1)
        return score(self, *rest)

    monkeypatch.setattr(type(tiny_backbone), "score", count)

    def call(prompt=None, split=task.validation, definition=task.definition):
        return runs.evaluate(tiny_backbone, prompt, definition, split, task.labels)

    first = call()
    assert call() == first and len(scored) == 1
    call(np.ones((P, H), np.float32))
    flipped = call(split=replace(task.validation, labels=1 - task.validation.labels))
    assert flipped.value == pytest.approx(100 - first.value)
    call(definition=replace(task.definition, metrics=("f1",)))
    assert len(scored) == 4 and call() == first and len(scored) == 4


def test_training_is_called_with_what_was_given(runs, train, make_slot, monkeypatch):
    calls, real = [], prompt_tuning.train_prompts

    def spy(model, slots, recipe, folder, **more):
        calls.append((slots, recipe, more))
        return real(model, slots, recipe, folder, **more)

    monkeypatch.setattr(prompt_tuning, "train_prompts", spy)
    slots = [make_slot()]
    train(slots, validate=False)
    ((given, recipe, more),) = calls
    assert (list(given), recipe) == (slots, RECIPE)
    assert more == {
        "title": "toys", "validate": False, "reporter": runs.reporter, "trackers": (),
    }  # fmt: skip


def test_as_many_prompts_train_at_once_as_suit_the_device(tmp_path, monkeypatch, make_slot):
    usual, slots = Runs(tmp_path), [make_slot("colour", seed) for seed in range(18)]
    assert [len(group) for group in usual.groups(slots)] == [4, 4, 4, 4, 2]
    assert [len(group) for group in Runs(tmp_path, slots=7).groups(slots)] == [7, 7, 4]
    monkeypatch.setattr("jax.default_backend", lambda: "tpu")
    assert [len(group) for group in usual.groups(slots)] == [16, 2]
    assert (slots_on(1), slots_on(3), slots_on(32)) == (16, 18, 32)
    monkeypatch.setattr("jax.default_backend", None)  # not asked where it does not matter
    assert [len(group) for group in usual.groups(slots[:3])] == [3]
