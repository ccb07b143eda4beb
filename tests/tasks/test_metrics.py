"""Metrics against values worked out by hand, and against scikit-learn and scipy directly."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spot.errors import SpotError
from spot.tasks import metrics
from spot.tasks.answers import answer_f1, normalized_answer

CASES = {
    "accuracy": ([0, 1, 2, 1], [0, 1, -1, 0], {"accuracy": 50.0}),
    # true positives 1, false alarms 1 (plus one unknown on a negative), misses 1: 2 / (2 + 2 + 1)
    "f1": ([1, 0, 0, 1], [1, 1, -1, 0], {"f1": 40.0}),
    # class 0: 2·1/(2+0+1) = 2/3; class 1: 2/(2+1+0) = 2/3; class 2: 0; unknown is no class
    "macro_f1": ([0, 0, 1, 2], [0, 1, 1, -1], {"macro_f1": 100 * 4 / 9}),
    # classes 0 and 1 perfect, class 2 never there: (1 + 1 + 0) / 3
    "cb_f1": ([0, 1], [0, 1], {"cb_f1": 200 / 3}),
    # against: 1 hit; favor: 1 hit, 1 miss -> 2/3; the class "none" does not count
    "stance_f1": ([0, 1, 2, 2], [0, 1, 2, 0], {"stance_f1": 100 * (1 + 2 / 3) / 2}),
    # TP 2, TN 1, FP 1, FN 0: (2·1 - 0) / sqrt(3·2·2·1)
    "matthews": ([1, 1, 0, 0], [1, 1, 0, 1], {"matthews": 200 / math.sqrt(12)}),
    "multirc_f1a": ([1, 0, 1], [1, 0, 0], {"multirc_f1a": 200 / 3}),
    "pearson": ([1.0, 2.0, 3.0], ["2", "4", "6.0"], {"pearson": 100.0}),
    # ranks 1 2 3 against 1 3 2: 1 - 6·2 / (3·8)
    "spearman": ([1.0, 2.0, 3.0], ["0", "9", "8"], {"spearman": 50.0}),
    "squad_em": ([("The cat",), ("dog", "a hound")], ["cat!", "Hound"], {"squad_em": 100.0}),
    # "big cat" / "black cat sat": overlap 1 of 2 and 3 words: 2/5; the second is exact
    "squad_f1": ([("black cat sat", "x"), ("y",)], ["big cat", "y"], {"squad_f1": 70.0}),
    "exact_match": ([("Yes",), ("no", "nope")], ["yes", " nope"], {"exact_match": 50.0}),
}


@pytest.mark.parametrize("name", CASES)
def test_value_worked_out_by_hand(name):
    targets, predictions, expected = CASES[name]
    assert metrics.METRICS[name](targets, predictions) == pytest.approx(expected)


def test_metrics_over_questions():
    groups = ["q1", "q1", "q2"]
    em = metrics.multirc_em([1, 0, 1], [1, 1, 1], groups)
    assert em == {"multirc_em": 50.0}
    answers = [("Ann", "Bo"), ("Ann", "Bo"), ("Cy Dee",)]
    given_twice = ["Bo", "ignored: the same question again", "Cy"]
    assert metrics.record_em(answers, given_twice, groups) == {"record_em": 50.0}
    assert metrics.record_f1(answers, given_twice, groups) == pytest.approx(
        {"record_f1": 100 * (1 + 2 / 3) / 2}
    )


def test_every_metric_has_a_case():
    assert set(CASES) | metrics.GROUPED | {"wsc_match"} == set(metrics.METRICS)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_no_rows_and_unequal_rows_are_refused(name):
    extra = [[]] if name in {*metrics.GROUPED, "wsc_match"} else []
    with pytest.raises(SpotError, match="at least one row"):
        metrics.METRICS[name]([], [], *extra)
    with pytest.raises(SpotError, match="one prediction for each target, found 1 .* for 0"):
        metrics.METRICS[name]([], [1], *extra)


@pytest.mark.parametrize("name", ["accuracy", "f1", "macro_f1", "stance_f1", "multirc_f1a"])
def test_unknown_predictions_are_never_right(name):
    targets = [0, 1, 1, 2, 0]
    assert metrics.METRICS[name](targets, [-1] * 5) == {name: 0.0}
    all_right = metrics.METRICS[name](targets, targets)
    one_unknown = metrics.METRICS[name](targets, [0, -1, 1, 2, 0])
    assert one_unknown[name] < all_right[name] == 100.0


@pytest.mark.parametrize("name", ["pearson", "spearman", "matthews"])
@pytest.mark.parametrize(
    ("targets", "predictions"), [([1, 1], [0, 1]), ([0, 1], [1, 1]), ([1], [0])]
)
def test_constant_side_is_zero_without_a_warning(name, targets, predictions):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metrics.METRICS[name](targets, predictions) == {name: 0.0}


def test_nearly_constant_predictions_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = metrics.pearson([1.0, 2.0, 3.0], [1e9, 1e9 + 1e-7, 1e9])["pearson"]
    assert -100 <= value <= 100


@pytest.mark.parametrize("text", ["entailment", "", "nan", "inf", "-inf", None])
def test_text_that_is_no_number_is_minus_one(text):
    assert metrics.to_number(text) == -1.0


numbers = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=3, max_size=30)


@given(numbers)
@settings(max_examples=30, deadline=None)
def test_correlations_equal_scipy(pairs):
    targets, predictions = zip(*pairs, strict=True)
    found = {
        **metrics.pearson(targets, [str(p / 5) for p in predictions]),
        **metrics.spearman(targets, [str(p / 5) for p in predictions]),
    }
    if len(set(targets)) < 2 or len(set(predictions)) < 2:
        assert found == {"pearson": 0.0, "spearman": 0.0}
    else:
        assert found["pearson"] == pytest.approx(
            100 * stats.pearsonr(targets, predictions).statistic, abs=1e-6
        )
        assert found["spearman"] == pytest.approx(
            100 * stats.spearmanr(targets, predictions).statistic, abs=1e-6
        )


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_macro_f1_equals_counting(pairs):
    targets, predictions = zip(*pairs, strict=True)
    values = []
    for c in sorted({*targets, *predictions} - {-1}):
        hits = sum(t == p == c for t, p in pairs)
        values.append(2 * hits / (targets.count(c) + predictions.count(c)))
    expected = 100 * sum(values) / len(values)
    assert metrics.macro_f1(targets, predictions)["macro_f1"] == pytest.approx(expected)


def test_squad_normal_form():
    assert normalized_answer("An  apple, THE tree: a theatre") == "apple tree theatre"
    assert answer_f1("a b b", "b b c") == pytest.approx(1.0 * 2 * 2 / 5)  # "a" is an article
    assert answer_f1("the", "") == 1.0
    assert answer_f1("the", "x") == 0.0


def test_score_picks_the_targets_that_each_metric_needs():
    scores = metrics.score(
        ("accuracy", "f1"), ["equal ", "odd", "nonsense"], labels=[1, 0, 1], words=("odd", "equal")
    )
    assert scores == pytest.approx({"accuracy": 200 / 3, "f1": 200 / 3})
    assert metrics.main_metric(scores) == pytest.approx(200 / 3)
    assert metrics.score(("multirc_em",), [1, 1], labels=[1, 0], groups=["a", "b"]) == {
        "multirc_em": 50.0
    }
    assert metrics.score(("squad_em",), ["Bo"], references=[("Ann", "bo")]) == {"squad_em": 100.0}


def test_unknown_metric_and_empty_scores():
    with pytest.raises(SpotError, match='Did you mean "accuracy"'):
        metrics.metric("acuracy")
    with pytest.raises(SpotError, match="at least one score"):
        metrics.main_metric({})


def test_wsc_counts_a_candidate_as_named_by_its_words_and_compares_with_the_label():
    answers = [("the old dog",), ("Ann",), ("Bo's cat",), ("Ann",)]
    said = ["Dog", "Bo", "cat", ""]
    # named: yes, no, no (an apostrophe on one side only), no
    assert metrics.wsc_match(answers, said, labels=[1, 0, 1, 0]) == {"wsc_match": 75.0}
    scores = metrics.score(["wsc_match"], said, labels=[1, 1, 1, 1], references=answers)
    assert scores == {"wsc_match": 25.0}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1))
def test_accuracy_is_that_of_scikit_learn(pairs):
    from sklearn.metrics import accuracy_score

    targets, predictions = zip(*pairs, strict=True)
    expected = 100.0 * float(accuracy_score(targets, predictions))
    assert metrics.accuracy(targets, predictions) == {"accuracy": expected}


@pytest.mark.parametrize("name", metrics.CLASSES)
def test_a_metric_of_so_many_classes_is_refused_for_others(name):
    classes = metrics.CLASSES[name]
    right = list(range(classes)) * 2
    words = [f"word {i}" for i in range(classes)]
    perfect = metrics.score([name], [words[i] for i in right], labels=right, words=words)
    assert perfect == {name: 100.0}
    for others in {2, 3, 4} - {classes}:
        many, labels = [f"word {i}" for i in range(others)], list(range(others))
        with pytest.raises(
            SpotError,
            match=f'metrics: expected metrics for {others} classes, found "{name}", which is for {classes}'
            ".*macro_f1",
        ):
            metrics.score([name], many, labels=labels, words=many)
        assert metrics.score(["macro_f1"], many, labels=labels, words=many) == {"macro_f1": 100.0}


def test_the_metrics_of_published_tasks_are_for_their_classes():
    from spot.tasks.published.catalog import TASKS

    for task in TASKS.values():
        if task.labels:
            metrics.check_classes("", task.metrics, len(task.labels))


def test_white_space_around_a_label_word_makes_no_difference():
    words = (" good", "bad ")
    assert [metrics.to_class(text, words) for text in (" good", "good", "bad", "bad ", "x")] == [
        0, 0, 1, 1, -1,
    ]  # fmt: skip
    assert metrics.to_class(" good", ("good", " good")) == 1
    scores = metrics.score(["accuracy"], [" good", "bad "], labels=[0, 1], words=words)
    assert scores == {"accuracy": 100.0}
