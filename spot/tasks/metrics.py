"""Scores of predictions against targets, all in 0..100 (correlations in -100..100).

One contract: a metric takes `targets` and `predictions`, two sequences of the same length N >= 1,
and gives {name: value}; metrics over questions also take `groups`, N strings. Three kinds:

- CLASS_METRICS: class indices; a prediction that names no class is -1 and counts as wrong;
- NUMBER_METRICS: numbers; predictions may be text, and text that is no number counts as -1.0;
- TEXT_METRICS: tuples of accepted answers against predicted text.

scikit-learn and scipy do the arithmetic; they are imported inside the functions. `score` picks the
right targets for each metric of a task; `main_metric` is the mean by which validation chooses.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spot.errors import SpotError, did_you_mean
from spot.tasks.answers import answer_em, answer_f1, same_referent

Scores = dict[str, float]
Metric = Callable[..., Scores]

UNKNOWN_CLASS, UNPARSABLE = -1, -1.0


def _check(targets: Sequence[Any], predictions: Sequence[Any]) -> None:
    if len(targets) != len(predictions):
        raise SpotError(
            f"expected one prediction for each target, found {len(predictions)} predictions for "
            f"{len(targets)} targets",
            "predict every row of the split once, in order",
        )
    if not len(targets):
        raise SpotError("expected at least one row to score, found none", "the split is empty")


def accuracy(targets: Sequence[int], predictions: Sequence[int]) -> Scores:
    """Share of rows whose class is right.

    >>> accuracy([0, 1, 1, 0], [0, 1, -1, 1])
    {'accuracy': 50.0}
    """
    _check(targets, predictions)
    # Counted here: a bootstrap interval asks 500 times, and scikit-learn's checks of a call take 2 ms.
    right = sum(target == guess for target, guess in zip(targets, predictions, strict=True))
    return {"accuracy": 100.0 * (right / len(targets))}


def f1(targets: Sequence[int], predictions: Sequence[int], positive: int = 1) -> Scores:
    """F1 of the class `positive` against all others.

    An unknown prediction counts as the opposite of its target, so it is a miss or a false alarm
    and never a free correct rejection (the reference's `f1_score_with_invalid`).
    """
    from sklearn.metrics import f1_score

    _check(targets, predictions)
    truth = [target == positive for target in targets]
    guess = [
        (not t) if p == UNKNOWN_CLASS else p == positive
        for t, p in zip(truth, predictions, strict=True)
    ]
    return {"f1": 100.0 * float(f1_score(truth, guess, zero_division=0.0))}


def _mean_f1(targets: Sequence[int], predictions: Sequence[int], classes: Sequence[int]) -> float:
    from sklearn.metrics import f1_score

    return 100.0 * float(
        f1_score(targets, predictions, labels=classes, average="macro", zero_division=0.0)
    )


def macro_f1(targets: Sequence[int], predictions: Sequence[int]) -> Scores:
    """Plain mean of F1 over the classes that occur on either side; -1 is no class."""
    _check(targets, predictions)
    classes = sorted({*targets, *predictions} - {UNKNOWN_CLASS})
    return {"macro_f1": _mean_f1(targets, predictions, classes)}


def f1_of(classes: Sequence[int], name: str) -> Metric:
    """A metric called `name`: the mean F1 of `classes` only, absent classes counting as 0.

    >>> f1_of((1, 2), "stance_f1")([0, 1, 2, 2], [0, 1, 2, 0])
    {'stance_f1': 83.33333333333333}
    """

    def metric(targets: Sequence[int], predictions: Sequence[int]) -> Scores:
        _check(targets, predictions)
        return {name: _mean_f1(targets, predictions, classes)}

    return metric


def matthews(targets: Sequence[int], predictions: Sequence[int]) -> Scores:
    """Matthews correlation; 0 when all targets or all predictions are one class."""
    from sklearn.metrics import matthews_corrcoef

    _check(targets, predictions)
    return {"matthews": 100.0 * float(matthews_corrcoef(targets, predictions))}


def multirc_f1a(targets: Sequence[int], predictions: Sequence[int]) -> Scores:
    """F1 of the class "True" over all answers of all questions (MultiRC's F1a)."""
    return {"multirc_f1a": f1(targets, predictions)["f1"]}


def multirc_em(targets: Sequence[int], predictions: Sequence[int], groups: Sequence[str]) -> Scores:
    """Share of questions (`groups`) all of whose answers are judged rightly."""
    _check(targets, predictions)
    _check(targets, groups)
    right: dict[str, bool] = {}
    for target, prediction, group in zip(targets, predictions, groups, strict=True):
        right[group] = right.get(group, True) and target == prediction
    return {"multirc_em": 100.0 * sum(right.values()) / len(right)}


def to_number(prediction: object) -> float:
    """The number that a prediction states, or -1.0 when it states none (or nan, or infinity).

    >>> to_number(" 2.4"), to_number("entailment")
    (2.4, -1.0)
    """
    try:
        value = float(prediction)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return UNPARSABLE
    return value if math.isfinite(value) else UNPARSABLE


def _correlation(which: str, targets: Sequence[float], predictions: Sequence[object]) -> float:
    from scipy import stats

    _check(targets, predictions)
    numbers = [to_number(p) for p in predictions]
    if len(set(targets)) < 2 or len(set(numbers)) < 2:
        return 0.0
    function = stats.pearsonr if which == "pearson" else stats.spearmanr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nearly constant input: the value below is checked
        value = float(function(targets, numbers).statistic)
    return 100.0 * value if math.isfinite(value) else 0.0


def pearson(targets: Sequence[float], predictions: Sequence[object]) -> Scores:
    """Pearson correlation x 100; 0 when targets or predictions are constant."""
    return {"pearson": _correlation("pearson", targets, predictions)}


def spearman(targets: Sequence[float], predictions: Sequence[object]) -> Scores:
    """Spearman rank correlation x 100, ties averaged; 0 when either side is constant."""
    return {"spearman": _correlation("spearman", targets, predictions)}


def _mean_best(
    value: Callable[[str, str], float], targets: Sequence[Sequence[str]], predictions: Sequence[str]
) -> float:
    """100 x mean over rows of the best value over the row's accepted answers."""
    _check(targets, predictions)
    best = [
        max(value(answer, prediction) for answer in answers)
        for answers, prediction in zip(targets, predictions, strict=True)
    ]
    return 100.0 * sum(best) / len(best)


def squad_em(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> Scores:
    """Share of rows equal to an accepted answer in SQuAD's normal form."""
    return {"squad_em": _mean_best(answer_em, targets, predictions)}


def squad_f1(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> Scores:
    """Mean word overlap F1 with the nearest accepted answer, in SQuAD's normal form."""
    return {"squad_f1": _mean_best(answer_f1, targets, predictions)}


def _once_a_question(
    value: Callable[[str, str], float],
    targets: Sequence[Sequence[str]],
    predictions: Sequence[str],
    groups: Sequence[str],
) -> float:
    _check(targets, predictions)
    _check(targets, groups)
    rows = list({group: row for row, group in reversed([*enumerate(groups)])}.values())
    return _mean_best(value, [targets[r] for r in rows], [predictions[r] for r in rows])


def record_em(
    targets: Sequence[Sequence[str]], predictions: Sequence[str], groups: Sequence[str]
) -> Scores:
    """SQuAD exact match, one prediction a question (`groups`): rows repeat it once an answer."""
    return {"record_em": _once_a_question(answer_em, targets, predictions, groups)}


def record_f1(
    targets: Sequence[Sequence[str]], predictions: Sequence[str], groups: Sequence[str]
) -> Scores:
    """SQuAD F1, one prediction a question (`groups`): rows repeat it once an answer."""
    return {"record_f1": _once_a_question(answer_f1, targets, predictions, groups)}


def exact_match(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> Scores:
    """Share of rows equal to an accepted answer, letter by letter but for outer white space."""
    same = _mean_best(lambda a, p: float(a.strip() == p.strip()), targets, predictions)
    return {"exact_match": same}


def wsc_match(
    targets: Sequence[Sequence[str]], predictions: Sequence[str], labels: Sequence[int]
) -> Scores:
    """Share of rows where the prediction names the candidate exactly when its label is 1."""
    _check(targets, predictions)
    named = [same_referent(t[0], p) for t, p in zip(targets, predictions, strict=True)]
    return {"wsc_match": accuracy(labels, [int(name) for name in named])["accuracy"]}


CLASS_METRICS: Mapping[str, Metric] = {
    "accuracy": accuracy,
    "f1": f1,
    "macro_f1": macro_f1,
    "cb_f1": f1_of((0, 1, 2), "cb_f1"),
    "stance_f1": f1_of((1, 2), "stance_f1"),
    "matthews": matthews,
    "multirc_f1a": multirc_f1a,
    "multirc_em": multirc_em,
}
NUMBER_METRICS: Mapping[str, Metric] = {"pearson": pearson, "spearman": spearman}
TEXT_METRICS: Mapping[str, Metric] = {
    "squad_em": squad_em,
    "squad_f1": squad_f1,
    "record_em": record_em,
    "record_f1": record_f1,
    "exact_match": exact_match,
    "wsc_match": wsc_match,
}
METRICS: Mapping[str, Metric] = {**CLASS_METRICS, **NUMBER_METRICS, **TEXT_METRICS}
CLASSES: Mapping[str, int] = {"f1": 2, "multirc_f1a": 2, "cb_f1": 3, "stance_f1": 3}
"""The number of classes of metrics that mean something for that number alone."""
GROUPED = frozenset({"multirc_em", "record_em", "record_f1"})


def metric(name: str) -> Metric:
    """The metric called `name`; SpotError with the nearest name when there is none."""
    if name not in METRICS:
        raise SpotError(
            f'expected the name of a metric, found "{name}".{did_you_mean(name, METRICS)}',
            f"metrics: {', '.join(METRICS)}",
        )
    return METRICS[name]


def check_classes(origin: str, metrics: Sequence[str], classes: int) -> None:
    """Raise SpotError, in which `origin` is named, for a metric of another number of classes."""
    for name in metrics:
        if CLASSES.get(name, classes) != classes:
            raise SpotError(
                f'{origin}: expected metrics for {classes} classes, found "{name}", which is for '
                f"{CLASSES[name]}",
                'for any number of classes there is macro_f1: metrics = ["accuracy", "macro_f1"]',
            )


def score(
    metrics: Sequence[str],
    predictions: Sequence[Any],
    *,
    labels: Sequence[int] = (),
    references: Sequence[Any] = (),
    groups: Sequence[str] = (),
    words: Sequence[str] = (),
) -> Scores:
    """All `metrics` of one split: {name: value}.

    `labels`, `references` and `groups` are as in `TokenizedSplit`. `predictions` are class indices,
    or text; with label `words`, text becomes the class that it equals (-1 when it equals none).
    Raises SpotError for a metric that is not for as many classes as there are words.
    """
    if words:
        check_classes("metrics", metrics, len(words))
    classified = any(name in CLASS_METRICS for name in metrics)
    classes = [to_class(p, words) for p in predictions] if classified else []
    scores: Scores = {}
    for name in metrics:
        function = metric(name)
        extra = {"groups": groups} if name in GROUPED else {}
        if name == "wsc_match":
            scores |= wsc_match(references, predictions, labels)
        elif name in CLASS_METRICS:
            scores |= function([int(label) for label in labels], classes, **extra)
        else:
            scores |= function(references, predictions, **extra)
    return scores


def to_class(prediction: Any, words: Sequence[str]) -> int:
    """The class index of a prediction: itself, or the place of its text among `words`; else -1. White
    space around a word or a prediction makes no difference.
    """
    if not isinstance(prediction, str):
        return int(prediction)
    if prediction in words:
        return words.index(prediction)
    text = prediction.strip()
    return next((place for place, word in enumerate(words) if word.strip() == text), UNKNOWN_CLASS)


def main_metric(scores: Mapping[str, float]) -> float:
    """The number by which validation chooses: the mean of all values.

    >>> main_metric({"accuracy": 80.0, "f1": 90.0})
    85.0
    """
    if not scores:
        raise SpotError("expected at least one score, found none", "give the task a metric")
    return sum(scores.values()) / len(scores)
