"""The methods on features, from the command to the table, against scikit-learn on the same features."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import spot
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.files import read_prompt, write_prompt
from spot.study.methods import features as module
from spot.study.methods.neighbours import STRENGTHS
from spot.tasks.tokens import tokens
from spot.tasks.vocabulary import label_tokens
from spot.training.source import lengths_of
from tests.lab import lines

pytest_plugins = ("tests.lab",)

METHODS = ("nearest-neighbours", "class-mean", "probe", "knn-lm")
SETS = ("transfer.steps=5", "train.slots=1", "train.batch_size=4")


@pytest.fixture
def at(lab, tmp_path):
    return lab.objects(*SETS, runs=tmp_path / "runs")


def splits_of(at, model, task):
    lengths = lengths_of(at.recipe.on(model))
    return [
        tokens(task, name, model.vocabulary, lengths) for name in ("train", "validation", "test")
    ]


def accuracy(classes, split):
    return 100 * np.mean(np.asarray(classes) == split.labels)


def mixtures(train, validation, test, features, own):
    """kNN-LM of every choice, a row at a time: ((λ, k, τ), validation score, test score)."""

    def classes(rows, scores, weight, k, temperature):
        found = []
        for row, lm in zip(rows, scores, strict=True):
            squares = ((features[0] - row) ** 2).sum(axis=1)
            nearest = np.argsort(squares, kind="stable")[:k]
            weights = np.exp(-(squares[nearest] - squares[nearest].min()) / temperature)
            theirs = np.array([weights[train.labels[nearest] == c].sum() for c in (0, 1)])
            found.append(int(np.argmax(weight * theirs / theirs.sum() + (1 - weight) * lm)))
        return found

    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        for k in (1, 5):  # 24 training rows have no 25 neighbours
            for temperature in (1.6, 4.8, 16.0):
                choice = (weight, k, temperature)
                on = [classes(features[i], own[i - 1], *choice) for i in (1, 2)]
                yield choice, accuracy(on[0], validation), accuracy(on[1], test)


@pytest.mark.parametrize("behind", [False, True], ids=["bare", "behind a prompt"])
def test_every_method_is_scikit_learns_on_the_models_features(lab, at, tmp_path, behind):
    model, task = at.model, at.task("house")
    prompt = None
    words = ["baselines", "--target", "house", "--methods", ",".join(METHODS), "--json"]
    if behind:
        rows = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
        write_prompt(tmp_path / "p.safetensors", rows)
        prompt = read_prompt(tmp_path / "p.safetensors")
        words += ["--prompt", str(tmp_path / "p.safetensors")]
    done = lab.run(*words, sets=SETS)
    assert done.exit_code == 0, done.stderr
    found = [row for row in lines(done.stdout) if row.get("method")]
    assert [row["prompt"] for row in found] == (["", "given"] * 4 if behind else [""] * 4)
    knn, mean, probe, mixed = [row for row in found if bool(row["prompt"]) == behind]
    assert [row["method"] for row in (knn, mean, probe, mixed)] == list(METHODS)

    splits = train, validation, test = splits_of(at, model, task)
    raw = [model.features(split.inputs, prompt) for split in splits]
    scaler = StandardScaler().fit(raw[0])
    features = [scaler.transform(rows) for rows in raw]

    def alone(row, classifier):
        fitted = make_pipeline(StandardScaler(), classifier).fit(raw[0], train.labels)
        (run,) = row["runs"]
        assert run["seed"] is None and row["deviation"] is None
        assert run["test"] == row["test"] == accuracy(fitted.predict(raw[2]), test)
        assert run["validation"] == accuracy(fitted.predict(raw[1]), validation)
        return run

    by_k = {k: KNeighborsClassifier(k, metric="cosine") for k in (1, 5)}
    scored = {
        k: accuracy(one.fit(features[0], train.labels).predict(features[1]), validation)
        for k, one in by_k.items()
    }
    k = 5 if scored[5] >= scored[1] else 1
    assert alone(knn, by_k[k])["choices"] == {"k": k}
    assert "choices" not in alone(mean, NearestCentroid())
    (run,) = probe["runs"]
    assert run["choices"]["C"] in STRENGTHS
    alone(probe, LogisticRegression(C=run["choices"]["C"], max_iter=1000))

    labels = label_tokens(task, model.vocabulary)
    own = [softmax(model.score(s.inputs, labels, prompt), axis=1) for s in (validation, test)]
    every = list(mixtures(train, validation, test, features, own))
    best = max(every, key=lambda one: (one[1], -one[0][0], one[0][1], one[0][2]))
    (run,) = mixed["runs"]
    assert (run["validation"], run["test"]) == best[1:]
    assert tuple(run["choices"][name] for name in ("lambda", "k", "tau")) == pytest.approx(best[0])
    extra = 4 * 16 if behind else 0
    trained = [row["parameters"]["trained"] for row in (knn, mean, probe, mixed)]
    assert trained == [extra, extra + 2 * 16, extra + 17, extra]


def test_prompts_of_the_same_call_are_read_behind_one_a_seed(lab, tmp_path):
    methods = "zero-shot,prompt-tuning,nearest-neighbours,probe"
    done = lab.run("baselines", "--target", "house", "--methods", methods, sets=SETS)
    assert done.exit_code == 0, done.stderr
    names = [line.split("\t")[0] for line in done.stdout.splitlines()[2:8]]
    assert names[:2] == ["prompt design, zero-shot", "prompt tuning"]
    assert names[2].startswith("nearest neighbours (k ") and "prompt" not in names[2]
    assert names[3].startswith("nearest neighbours, with prompt (k ")
    assert names[4].startswith("probe (C ") and names[5].startswith("probe, with prompt (C ")
    (folder,) = (tmp_path / "spot-runs" / "baselines").iterdir()
    page = spot.report_page(folder)
    assert "probe, with prompt" in page and "nearest-neighbours, with prompt" in page
    at = lab.objects(*SETS, runs=tmp_path / "spot-runs")
    table = at.baselines("house", methods.split(","))
    assert [len(row.trials) for row in table.rows] == [1, 2, 1, 2, 1, 2]
    assert [row.gain is None for row in table.rows] == [True] + [False] * 5
    for row in table.rows[3::2]:
        assert [trial.seed for trial in row.trials] == [0, 1] and row.deviation is not None
        assert row.prompt == "prompt-tuning"
    for seed, trial in enumerate(table.rows[3].trials):
        given = read_prompt(folder / f"prompt-s{seed}.safetensors")
        own = spot.baselines(
            at.model, at.task("house"), at.recipe, methods=["nearest-neighbours"], prompt=given,
            plan=at.plan, runs=at.runs,
        )  # fmt: skip
        assert own.rows[1].prompt == "given" and own.rows[1].trials[0].seed is None
        assert own.rows[1].trials[0].predictions == trial.predictions


def test_a_model_reads_the_texts_once_for_all_methods(at, monkeypatch):
    asked, features = [], Model.features

    def counted(self, inputs, prompt=None):
        asked.append(len(inputs))
        return features(self, inputs, prompt)

    monkeypatch.setattr(Model, "features", counted)
    first = at.baselines("house", METHODS)
    assert asked == [24, 12, 16]
    again = at.baselines("house", METHODS)
    assert asked == [24, 12, 16]
    assert [row.to_json() for row in again.rows] == [row.to_json() for row in first.rows]
    assert again.rows == first.rows


def test_of_many_training_rows_a_sample_is_read(at, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 10)
    seen, nearest = [], module.neighbours.nearest_classes

    def kept(train, classes, rows, k):
        seen.append((len(train), k))
        return nearest(train, classes, rows, k)

    monkeypatch.setattr(module.neighbours, "nearest_classes", kept)
    at.baselines("house", ["nearest-neighbours"])
    assert {rows for rows, _ in seen} == {10} and {k for _, k in seen} == {1, 5}


def test_free_answers_are_refused_and_other_methods_go_on(lab, at):
    methods = "zero-shot,nearest-neighbours,probe,tfidf"
    done = lab.run("baselines", "--target", "animal", "--methods", methods, sets=SETS)
    assert done.exit_code == 0, done.stderr
    assert (
        "left out: nearest-neighbours, probe, tfidf: answers of animal are free text, and only label "
        "words are classes" in done.stdout.splitlines()
    )
    assert sum(line.startswith("prompt design") for line in done.stdout.splitlines()) == 1
    as_json = lab.run("baselines", "--target", "animal", "--methods", methods, "--json", sets=SETS)
    refused = [row["refused"] for row in lines(as_json.stdout) if "refused" in row]
    assert [list(one) for one in refused] == [["nearest-neighbours", "probe", "tfidf"]]
    page = spot.report_page(shlex.split(lines(as_json.stdout)[-1]["report"])[2])
    assert "probe was left out: answers of animal are free text" in page
    with pytest.raises(SpotError, match="none of the methods fits animal: answers of") as error:
        at.baselines("animal", ["knn-lm", "tfidf"])
    assert "zero-shot" in error.value.hint and "knn-lm" not in error.value.hint


def test_a_prompt_that_is_not_there_is_said_before_anything_is_read(lab):
    done = lab.run("baselines", "--target", "house", "--methods", "probe", "--prompt", "no.npy")
    assert done.exit_code == 1 and "no.npy" in done.stderr


def rows_of(*classes):
    """A task of these classes, a text each."""
    words = ["red", "blue", "green", "white"]
    animals = ["cat", "dog", "hen", "fox", "owl"]
    return [
        {"text": f"a {words[c]} {animals[i % 5]} is here and {i}", "label": ("no", "yes", "it")[c]}
        for i, c in enumerate(classes)
    ]


@pytest.mark.parametrize(
    ("train", "note"),
    [
        ((0,) * 9 + (1,) * 3, "C was chosen over 3 folds, not 5: a class has 3 training rows"),
        ((0,) * 9 + (1,) * 1, "C is 1, for a class has a single training row"),
        ((1,) * 9, "all training rows have one class, which is the answer"),
        ((0, 1) * 6, ""),
    ],
    ids=["3 folds", "none", "one class", "5 folds"],
)
def test_too_few_rows_of_a_class_are_said(at, train, note):
    rows = rows_of(0, 1, 1, 0, 1)
    task = spot.Task.from_rows("few", rows_of(*train), rows, rows, labels=["no", "yes"])
    table = spot.baselines(at.model, task, at.recipe, methods=METHODS, plan=at.plan, runs=at.runs)
    probe = next(row for row in table.rows if row.method == "probe")
    assert probe.note.startswith(note) and bool(probe.note) == bool(note)
    if note.startswith("all"):
        for row in table.rows[:3]:
            assert row.trials[0].predictions == ("yes",) * 5
        assert probe.counts.trained == 0
