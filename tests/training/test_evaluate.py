"""Scores of a prompt against decoding one label of one row at a time with the slow T5."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spot.models.scoring import ROWS
from spot.models.weights.build import to_arrays
from spot.tasks.examples import Ragged, TokenizedSplit
from spot.tasks.metrics import score
from spot.training import evaluate as module
from spot.training.batches import Source
from spot.training.evaluate import (
    evaluate,
    majority_score,
    one_answer_score,
)
from tests.models import numpy_t5
from tests.toys import definition, tokenized

PROMPT = np.random.default_rng(8).normal(size=(3, 16)).astype(np.float32)
# Labels of one, two and three tokens beside EOS, so that normalisation matters.
LABELS = [[10, 1], [11, 12, 1], [13, 14, 15, 1]]


@pytest.fixture(scope="module")
def split(data):
    return data["colour"].validation


@pytest.fixture(scope="module")
def slow(tiny_backbone, split):
    """Log-likelihoods [N, C, tokens] as lists, one label decoded at a time, nothing padded."""
    arrays, config = to_arrays(tiny_backbone.network.parameters), tiny_backbone.config
    scores = []
    for row in range(len(split)):
        encoded = numpy_t5.encode(arrays, config, split.inputs[row], PROMPT)
        of_row = []
        for label in LABELS:
            logits = numpy_t5.decode(arrays, config, encoded, label)
            log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            of_row.append(log_probability[np.arange(len(label)), label])
        scores.append(of_row)
    return scores


@pytest.fixture(scope="module")
def scores(tiny_backbone, split):
    return tiny_backbone.score(split.inputs, LABELS, PROMPT)


def picked(split, rows):
    """These rows of a split, in this order."""
    return TokenizedSplit(
        inputs=Ragged.of([split.inputs[row] for row in rows]),
        targets=Ragged.of([split.targets[row] for row in rows]),
        labels=split.labels[rows],
        references=[split.references[row] for row in rows],
        groups=[split.groups[row] for row in rows],
        target_texts=[split.target_texts[row] for row in rows],
    )


def test_the_sum_over_a_labels_tokens(scores, slow):
    expected = [[label.sum() for label in row] for row in slow]
    assert scores.shape == (12, 3) and scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4)


def test_the_mean_over_a_labels_tokens(tiny_backbone, split, slow):
    found = tiny_backbone.score(split.inputs, LABELS, PROMPT, "mean")
    expected = [[label.mean() for label in row] for row in slow]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_the_order_of_rows_changes_no_score(tiny_backbone, split, scores):
    order = np.random.default_rng(0).permutation(len(split))
    found = tiny_backbone.score(picked(split, order).inputs, LABELS, PROMPT)
    np.testing.assert_allclose(found, scores[order], rtol=0, atol=1e-5)


def test_neighbours_and_padding_change_no_score(tiny_backbone, split, scores):
    # A long text puts the batch into another bucket; copies of other rows fill it up.
    text = "a red cat is in the old wood here there " * 4
    long = tokenized([text], ["yes"], [1], tiny_backbone.vocabulary)
    assert len(long.inputs[0]) > 2 * split.inputs.lengths().max()
    rows = TokenizedSplit(
        inputs=Ragged.of([long.inputs[0], *(split.inputs[row] for row in range(3))]),
        targets=Ragged.of([[1]] * 4),
        labels=np.zeros(4, np.int32),
        references=[None] * 4,
        groups=[""] * 4,
        target_texts=[""] * 4,
    )
    found = tiny_backbone.score(rows.inputs, LABELS, PROMPT)
    np.testing.assert_allclose(found[1:], scores[:3], rtol=0, atol=1e-5)


def test_more_rows_than_are_evaluated_at_once(tiny_backbone, split, scores):
    rows = np.arange(70) % len(split)
    assert len(rows) > 2 * ROWS
    found = tiny_backbone.score(picked(split, rows).inputs, LABELS, PROMPT)
    np.testing.assert_allclose(found, scores[rows], rtol=0, atol=1e-5)


def test_another_label_changes_no_score(tiny_backbone, split, scores):
    found = tiny_backbone.score(split.inputs, [LABELS[2], LABELS[0], [20, 21, 1]], PROMPT)
    np.testing.assert_allclose(found[:, :2], scores[:, [2, 0]], rtol=0, atol=1e-5)


def test_the_bare_model_has_no_prompt(tiny_backbone, split):
    arrays, config = to_arrays(tiny_backbone.network.parameters), tiny_backbone.config
    found = tiny_backbone.score(split.inputs, LABELS, None)
    encoded = numpy_t5.encode(arrays, config, split.inputs[0])
    logits = numpy_t5.decode(arrays, config, encoded, LABELS[1])
    exact = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found[0, 1], exact[np.arange(3), LABELS[1]].sum(), rtol=1e-4)


# Generation.


@pytest.fixture(scope="module")
def written(tiny_backbone, data):
    return tiny_backbone.generate(data["animal"].validation.inputs, 8, PROMPT)


def test_generation_is_greedy_text(tiny_backbone, data, written):
    arrays, config = to_arrays(tiny_backbone.network.parameters), tiny_backbone.config
    pieces = tiny_backbone.vocabulary.processor()
    split = data["animal"].validation
    for row in range(4):
        encoded = numpy_t5.encode(arrays, config, split.inputs[row], PROMPT)
        ids = numpy_t5.greedy(arrays, config, encoded, 8)
        # Padding, EOS and the model's sentinels (beyond the 60 pieces) are not text.
        assert written[row] == pieces.DecodeIds([i for i in ids if 1 < i < 60])


def test_the_order_of_rows_changes_no_text(tiny_backbone, data, written):
    order = np.random.default_rng(0).permutation(len(written))
    found = tiny_backbone.generate(picked(data["animal"].validation, order).inputs, 8, PROMPT)
    assert found == [written[row] for row in order]


# Metrics.


def test_ranking_is_scored_with_the_tasks_metrics(tiny_backbone, data):
    task = data["colour"]
    found = evaluate(tiny_backbone, PROMPT, task.definition, task.validation, task.labels)
    best = tiny_backbone.score(task.validation.inputs, task.labels, PROMPT).argmax(axis=1)
    assert found.predictions == tuple(("no", "yes")[index] for index in best)
    right = 100 * float(np.mean(best == task.validation.labels))
    assert found.value == pytest.approx(right)
    assert found.metrics == {"accuracy": pytest.approx(right)} and found.n == 12


def test_the_normalisation_is_passed_on(tiny_backbone, split):
    words = definition("three", labels=("a", "b", "c"))
    found = evaluate(tiny_backbone, PROMPT, words, split, LABELS, "mean").predictions
    best = tiny_backbone.score(split.inputs, LABELS, PROMPT, "mean").argmax(axis=1)
    assert found == tuple("abc"[index] for index in best)
    summed = tiny_backbone.score(split.inputs, LABELS, PROMPT).argmax(axis=1)
    assert (best != summed).any(), "choose another prompt: this one tests nothing"


def test_the_value_is_the_mean_of_the_metrics(tiny_backbone, data):
    task = data["colour"]
    both = dataclasses.replace(task.definition, metrics=("accuracy", "macro_f1"))
    found = evaluate(tiny_backbone, PROMPT, both, task.validation, task.labels)
    assert set(found.metrics) == {"accuracy", "macro_f1"}
    assert found.value == pytest.approx(sum(found.metrics.values()) / 2)


def test_generation_is_compared_with_the_target_text_or_the_references(
    tiny_backbone, data, written
):
    task = data["animal"]
    found = evaluate(tiny_backbone, PROMPT, task.definition, task.validation, [])
    assert (found.predictions, found.n) == (tuple(written), 12)
    assert found.value == pytest.approx(
        100 * np.mean([a == b for a, b in zip(written, task.validation.target_texts, strict=True)])
    )
    accepted = dataclasses.replace(
        task.validation, references=[(text, "other") for text in written]
    )
    assert evaluate(tiny_backbone, PROMPT, task.definition, accepted, []).value == 100.0


def test_the_majority_score_is_that_of_one_answer_for_every_row(tiny_backbone, data):
    labels = data["bird"].validation.labels
    expected = 100 * max(np.mean(labels == 0), np.mean(labels == 1))
    assert majority_score(Source("bird", (data["bird"],))) == pytest.approx(expected)
    both = Source("both", (data["bird"], data["colour"]), (0.5, 0.5))
    other = majority_score(Source("colour", (data["colour"],)))
    assert majority_score(both) == pytest.approx((expected + other) / 2)
    assert majority_score(Source("animal", (data["animal"],))) is None


def test_by_f1_the_best_one_answer_is_the_positive_label_however_rare(data):
    task = data["bird"]
    by_f1 = dataclasses.replace(task.definition, metrics=("f1",))
    share = 0.25
    rare = dataclasses.replace(task.validation, labels=np.array([1, 0, 0, 0] * 3))
    assert len(rare.labels) == len(rare)
    assert one_answer_score(by_f1, rare) == pytest.approx(100 * 2 * share / (1 + share))


def labelled(labels, groups=None):
    """A split of rows with these classes, and texts that nothing reads."""
    count = len(labels)
    return TokenizedSplit(
        inputs=Ragged.of([[2, 1]] * count),
        targets=Ragged.of([[3, 1]] * count),
        labels=np.asarray(labels, np.int32),
        references=[None] * count,
        groups=groups or [""] * count,
        target_texts=["no"] * count,
    )


def judged(task, split, predictions):
    found = module.Evaluation(0.0, dict.fromkeys(task.metrics, 0.0), len(split), predictions)
    return module.with_intervals(found, task, split).intervals


def test_the_interval_of_an_accuracy_is_that_of_a_share():
    task = dataclasses.replace(definition("colour"), labels=("no", "yes"), metrics=("accuracy",))
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 400)
    right = rng.random(400) < 0.7
    said = tuple(
        ("no", "yes")[int(y if ok else 1 - y)] for y, ok in zip(labels, right, strict=True)
    )
    share = right.mean()
    half = 1.96 * (share * (1 - share) / 400) ** 0.5
    low, high = judged(task, labelled(labels), said)["accuracy"]
    assert abs(low - 100 * (share - half)) < 0.8 and abs(high - 100 * (share + half)) < 0.8
    assert judged(task, labelled(labels), said)["accuracy"] == (low, high)
    perfect = tuple(("no", "yes")[int(label)] for label in labels)
    exact = (100 * 0.025 ** (1 / 400), 100)
    assert judged(task, labelled(labels), perfect)["accuracy"] == pytest.approx(exact)


def test_the_interval_of_a_mean_draws_the_same_rows_for_all():
    """One prediction: that of its score. Two of which always one is right: no doubt at all."""
    task = dataclasses.replace(definition("colour"), labels=("no", "yes"), metrics=("accuracy",))
    rng = np.random.default_rng(4)
    split = labelled(rng.integers(0, 2, 60))
    first = rng.integers(0, 2, 60)
    said, opposite = (tuple(("no", "yes")[y] for y in ys) for ys in (first, 1 - first))
    assert module.mean_interval([said], task, split) == judged(task, split, said)["accuracy"]
    both = module.sample_of([said, opposite], task, split)
    np.testing.assert_allclose(both.draws.mean(axis=0), 50, rtol=1e-12)
    low, high = judged(task, split, said)["accuracy"]
    same, other = [said], [opposite]
    assert module.gain_interval(same, same, task, split) == (0, 0)
    # Twice the score less 100 for every resample, so pairs are of the same rows.
    found = module.gain_interval(same, other, task, split)  # of one seed: rows alone
    assert found == pytest.approx((2 * low - 100, 2 * high - 100))
    twice = module.mean_interval([said, said], task, split)
    assert twice == judged(task, split, said)["accuracy"]


def test_rows_of_one_question_are_drawn_together():
    """Twenty questions of ten answers each, right as a whole or not at all: twenty rows' worth."""
    metrics = ("accuracy", "multirc_em")
    task = dataclasses.replace(definition("colour"), labels=("False", "True"), metrics=metrics)
    right = [number % 2 == 0 for number in range(20) for _ in range(10)]
    said = tuple("True" if ok else "False" for ok in right)
    groups = [f"q{number}" for number in range(20) for _ in range(10)]
    found = module.Evaluation(0.0, {"accuracy": 0.0, "multirc_em": 0.0}, 200, said)
    intervals = module.with_intervals(found, task, labelled([1] * 200, groups)).intervals
    half = 100 * 1.96 * (0.25 / 20) ** 0.5
    for low, high in intervals.values():
        assert abs(low - (50 - half)) < 6 and abs(high - (50 + half)) < 6
    # Each question counts whole and as often as it is drawn, so both metrics agree.
    assert intervals["accuracy"] == intervals["multirc_em"]


def slow_draws(task, split, predictions, resamples):
    """Scores of the first resamples, from lists of the rows that each one drew."""
    rng = np.random.default_rng([0, 31])
    names = [group or str(row) for row, group in enumerate(split.groups)]
    groups = [
        [row for row, name in enumerate(names) if name == each] for each in dict.fromkeys(names)
    ]
    found = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(groups), len(groups))
        rows = [(row, turn) for turn, group in enumerate(chosen) for row in groups[group]]
        metrics = score(
            task.metrics,
            [predictions[row] for row, _ in rows],
            labels=[int(split.labels[row]) for row, _ in rows],
            references=[split.references[row] or (split.target_texts[row],) for row, _ in rows],
            groups=[f"{split.groups[row]} {turn}" for row, turn in rows],
            words=task.labels,
        )
        found.append(np.mean(list(metrics.values())))
    return found


@pytest.mark.parametrize(
    "metrics",
    [
        ("accuracy",),
        ("accuracy", "f1"),
        ("macro_f1",),
        ("matthews",),
        ("multirc_f1a", "multirc_em"),
    ],
    ids="+".join,
)
@pytest.mark.parametrize("grouped", [False, True])
def test_draws_equal_those_of_rows_scored_one_list_at_a_time(metrics, grouped):
    task = dataclasses.replace(definition("colour"), labels=("no", "yes"), metrics=metrics)
    rng = np.random.default_rng(6)
    groups = [f"q{number // 3}" for number in range(45)] if grouped else None
    split = labelled(rng.integers(0, 2, 45), groups)
    seeds = [rng.choice(["no", "yes", "what"], 45, p=[0.4, 0.4, 0.2]).tolist() for _ in range(2)]
    sample = module.sample_of(seeds, task, split)
    for row, said in zip(sample.draws, seeds, strict=True):
        assert row[:20] == pytest.approx(slow_draws(task, split, said, 20), abs=1e-9)
    assert sample.draws.shape == (2, module.RESAMPLES)
    assert (sample.right is not None) == (metrics == ("accuracy",) and not grouped)


def test_draws_of_free_answers_equal_those_of_rows():
    task = dataclasses.replace(
        definition("animal"), labels=(), metrics=("squad_f1", "exact_match"), scoring="generate"
    )
    split = dataclasses.replace(labelled([-1] * 30), target_texts=["a red cat"] * 30)
    said = ["a red cat", "red", "no", "cat"] * 7 + ["the red cat", "a"]
    sample = module.sample_of([said], task, split)
    assert sample.draws[0, :20] == pytest.approx(slow_draws(task, split, said, 20), abs=1e-9)
    assert module.floors(task, split) == []


def test_floors_are_the_best_constant_answer_and_guessing():
    task = dataclasses.replace(definition("colour"), labels=("no", "yes"), metrics=("macro_f1",))
    split = labelled([0] * 30 + [1] * 10)
    constant, guess = module.floors(task, split)
    assert constant.name == 'always answering "no"' and guess.name == "guessing at random"
    assert constant.sample.mean == pytest.approx(50 * 2 * 0.75 / 1.75)
    # Of 30 and 10 rows half are right: F1 of 2·15 / (30 + 20) and 2·5 / (10 + 20).
    assert guess.sample.mean == pytest.approx(100 * (30 / 50 + 10 / 30) / 2)
    assert constant.sample.draws[0, :5] == pytest.approx(
        slow_draws(task, split, ["no"] * 40, 5), abs=1e-9
    )
    drawn = np.random.default_rng([0, 31]).integers(0, 40, 40)
    yes = int((drawn >= 30).sum())
    expected = 50 * ((40 - yes) / (60 - yes) + yes / (20 + yes))
    assert guess.sample.draws[0, 0] == pytest.approx(expected)
    accuracy = dataclasses.replace(task, metrics=("accuracy",))
    assert [floor.sample.mean for floor in module.floors(accuracy, split)] == [75.0, 50.0]


def test_grouped_metrics_have_a_constant_answer_alone():
    task = dataclasses.replace(
        definition("colour"), labels=("False", "True"), metrics=("multirc_em",)
    )
    (floor,) = module.floors(task, labelled([0, 0, 1, 0], ["q", "q", "r", "s"]))
    assert floor.sample.mean == pytest.approx(200 / 3) and floor.name == 'always answering "False"'
