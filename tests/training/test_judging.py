"""Verdicts on predictions: from rows to sentences, TF-IDF on the same rows, mixtures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.task import Task, listing_labels
from spot.training import tfidf
from spot.training.batches import sample, sampled_rows
from spot.training.evaluate import Evaluation
from spot.training.judging import VALIDATION_NOTE, compared, judge_members, judged
from spot.training.runs import Runs
from spot.training.tfidf import tfidf_answers
from spot.verdicts.verdict import Verdict

WORDS = {"billing": "invoice money", "bug": "crash error"}


def tickets(count, seed, noise=0.0):
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = ("billing", "bug")[number % 2]
        words = WORDS[label if rng.random() >= noise else "bug"].split()
        rows.append({"text": f"{rng.choice(words)} number {number} {seed}", "label": label})
    return rows


@pytest.fixture(scope="module")
def task():
    return Task.from_rows(
        "tickets", tickets(60, 1), tickets(24, 2), tickets(40, 3), labels=["billing", "bug"]
    )


def split_of(task, name):
    """The rows of a split as far as a verdict reads them."""
    rows = list(task.read(name))
    return TokenizedSplit(
        inputs=Ragged.of([[2, 1]] * len(rows)),
        targets=Ragged.of([[3, 1]] * len(rows)),
        labels=np.array([row.label for row in rows], np.int32),
        references=[None] * len(rows),
        groups=[""] * len(rows),
        target_texts=[row.targets for row in rows],
    )


def test_an_evaluation_is_judged_beside_chance_and_tfidf(task):
    rows = split_of(task, "test")
    said = ("billing",) * 20 + tuple(rows.target_texts[20:])
    verdict = judged(Evaluation(0.0, {}, 40, said), task, "test", rows)
    assert verdict.tfidf == 100.0
    assert verdict.verdict.kind == "above chance"
    assert verdict.verdict.sentence.startswith("above chance: accuracy 75.0 (95 % interval ")
    assert ' on 40 test rows, where always answering "billing" has 50.0' in verdict.verdict.sentence
    assert (
        "; TF-IDF with logistic regression is better: 100.0 (by +25.0" in verdict.verdict.sentence
    )


def test_tfidf_learns_from_the_sample_that_a_prompt_is_trained_on(task, monkeypatch):
    seen = []

    def spy(texts, labels, new):
        seen.append((texts, labels, new))
        return [0] * len(new)

    monkeypatch.setattr(tfidf, "tfidf_classes", spy)
    listed = listing_labels(task)
    answers = tfidf_answers(listed, "validation", train_examples=7, split_examples=5)
    assert answers == ("billing",) * 5
    ((texts, labels, new),) = seen
    every = [row.inputs for row in task.read("train")]
    assert texts == [every[row] for row in sampled_rows(len(every), 7)] and len(labels) == 7
    split = split_of(task, "train")
    assert sample(split, 7).target_texts == [split.target_texts[row] for row in sampled_rows(60, 7)]
    assert new == [
        [row.inputs for row in task.read("validation")][row] for row in sampled_rows(24, 5)
    ]


def test_tfidf_is_computed_once_where_runs_are_kept(task, tmp_path, monkeypatch):
    runs = Runs(tmp_path)
    first = tfidf_answers(task, runs=runs)
    monkeypatch.setattr(tfidf, "tfidf_classes", None)
    assert tfidf_answers(task, runs=runs) == first == tuple(split_of(task, "test").target_texts)


def test_free_answers_registered_tasks_and_missing_rows_have_no_tfidf(task):
    rows = [{"text": "who", "answer": "me"}]
    free = Task.from_rows("free", rows, rows, rows, target="answer")
    assert tfidf_answers(free) is None
    assert tfidf_answers(replace(task, registered="mine")) is None
    assert tfidf_answers(task, "dev") is None
    assert compared(free, "test", split_of(free, "test")).floors == []


def test_a_mixture_says_which_tasks_are_not_above_chance():
    kinds = {"a": ("above chance", 90.0), "b": ("at chance", 50.0), "c": ("measured", 40.0)}
    verdict = judge_members(
        {name: Verdict(kind, name, {"score": score}) for name, (kind, score) in kinds.items()}
    )
    assert verdict.kind == "mixed"
    assert verdict.sentence == (
        "above chance on 2 of 3 tasks: mean validation score 60.0; not on b" + VALIDATION_NOTE
    )
    assert VALIDATION_NOTE == "; validation chose this prompt, so the test split judges finally"


@pytest.mark.parametrize("kind", ["above chance", "at chance"])
def test_a_mixture_whose_tasks_agree_has_their_kind(kind):
    verdict = judge_members({name: Verdict(kind, name, {"score": 50.0}) for name in "ab"})
    assert verdict.kind == kind
