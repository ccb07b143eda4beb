"""Classes from vectors against scikit-learn called otherwise, slow loops, and answers known beforehand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from spot.study.methods.neighbours import (
    STRENGTHS,
    mean_classes,
    nearby,
    nearest_classes,
    neighbour_probabilities,
    probe,
    standardised,
)

H = 6


@pytest.fixture
def data():
    """Training rows of three classes that overlap, their classes, and other rows."""
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], [20, 15, 10])
    centres = rng.normal(size=(3, H))
    train = centres[classes] + 1.5 * rng.normal(size=(45, H))
    rows = centres[rng.integers(0, 3, 30)] + 1.5 * rng.normal(size=(30, H))
    order = rng.permutation(45)
    return (*standardised(train[order], rows), classes[order])


def test_features_are_standardised_by_the_training_rows_alone():
    rng = np.random.default_rng(1)
    train, rows = 5 + 3 * rng.normal(size=(50, H)), rng.normal(size=(4, H))
    train[:, 2] = 7.0  # a constant feature is not divided by nothing
    ours, others = standardised(train, rows)
    deviation = train.std(axis=0)
    deviation[2] = 1
    np.testing.assert_allclose(ours, (train - train.mean(axis=0)) / deviation, atol=1e-12)
    np.testing.assert_allclose(others, (rows - train.mean(axis=0)) / deviation, atol=1e-12)
    alone = StandardScaler().fit(train).transform(rows)
    np.testing.assert_array_equal(standardised(train, rows)[1], alone)


@pytest.mark.parametrize("k", [1, 5, 25])
def test_neighbours_are_those_of_the_largest_cosines(data, k):
    train, rows, classes = data
    slow = []
    for row in rows:
        cosines = [row @ one / math.sqrt((row @ row) * (one @ one)) for one in train]
        nearest = sorted(range(len(train)), key=lambda i: -cosines[i])[:k]
        votes = [sum(classes[i] == c for i in nearest) for c in range(3)]
        slow.append(votes.index(max(votes)))
    assert nearest_classes(train, classes, rows, k).tolist() == slow


def test_a_row_that_was_trained_on_has_its_own_class(data):
    train, _, classes = data
    assert nearest_classes(train, classes, train, 1).tolist() == classes.tolist()
    assert nearest_classes(train, classes, 3 * train, 1).tolist() == classes.tolist()
    near = nearby(train, classes, train, 5)
    np.testing.assert_allclose(near.squares[:, 0], 0, atol=1e-12)
    own = neighbour_probabilities(near, 1, 1.0, 3)
    assert own.argmax(axis=1).tolist() == classes.tolist()


def test_means_are_the_nearest_ones(data):
    train, rows, classes = data
    means = [train[classes == c].mean(axis=0) for c in range(3)]
    slow = [int(np.argmin([((row - mean) ** 2).sum() for mean in means])) for row in rows]
    assert mean_classes(train, classes, rows).tolist() == slow
    one = np.full(len(train), 2)
    assert mean_classes(train, one, rows).tolist() == [2] * len(rows)


def test_the_probe_is_softmax_regression_with_c_of_five_folds(data):
    train, rows, classes = data
    ours = probe(train, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what later releases will do
        theirs = LogisticRegressionCV(
            Cs=np.logspace(-4, 2, 7), cv=StratifiedKFold(5, shuffle=True, random_state=0),
            scoring="accuracy", max_iter=1000,
        ).fit(train, classes)  # fmt: skip
    assert ours.folds == 5 and pytest.approx(np.logspace(-4, 2, 7)) == STRENGTHS
    assert ours.strength == pytest.approx(np.ravel(theirs.C_)[0])
    alone = LogisticRegression(C=ours.strength, max_iter=1000).fit(train, classes)
    assert ours.classes(rows).tolist() == alone.predict(rows).tolist()
    assert ours.count == 3 * (H + 1)
    two = classes < 2
    assert probe(train[two], classes[two]).count == H + 1


@pytest.mark.parametrize(("rarest", "folds"), [(5, 5), (3, 3), (2, 2), (1, 0)])
def test_there_are_no_more_folds_than_rows_of_the_rarest_class(data, rarest, folds):
    train, rows, classes = data
    kept = np.concatenate([np.flatnonzero(classes < 2), np.flatnonzero(classes == 2)[:rarest]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = probe(train[kept], classes[kept])
    assert fitted.folds == folds
    if folds:
        parts = StratifiedKFold(folds, shuffle=True, random_state=0)
        scores = [
            cross_val_score(
                LogisticRegression(C=c, max_iter=1000), train[kept], classes[kept], cv=parts
            ).mean()
            for c in STRENGTHS
        ]
        assert fitted.strength == STRENGTHS[int(np.argmax(scores))]
    else:
        assert fitted.strength == 1
        alone = LogisticRegression(max_iter=1000).fit(train[kept], classes[kept])
        assert fitted.classes(rows).tolist() == alone.predict(rows).tolist()


@pytest.mark.parametrize("k", [1, 5, 25])
@pytest.mark.parametrize("temperature", [0.3, 4.0])
def test_probabilities_are_the_sums_of_the_paper(data, k, temperature):
    train, rows, classes = data
    near = nearby(train, classes, rows, 25)
    found = neighbour_probabilities(near, k, temperature, 4)
    for row, ours in zip(rows, found, strict=True):
        squares = [sum((a - b) ** 2 for a, b in zip(row, one, strict=True)) for one in train]
        nearest = sorted(range(len(train)), key=squares.__getitem__)[:k]
        sums = [0.0] * 4
        for i in nearest:
            sums[classes[i]] += math.exp(-squares[i] / temperature)
        np.testing.assert_allclose(ours, np.array(sums) / sum(sums), rtol=1e-9, atol=1e-12)


def test_far_neighbours_still_have_probabilities():
    train, classes = np.zeros((3, 2)), np.array([0, 1, 1])
    far = nearby(train, classes, np.full((1, 2), 1e4), 3)  # e^(-2e8) is 0 as a number
    np.testing.assert_allclose(neighbour_probabilities(far, 3, 1.0, 2), [[1 / 3, 2 / 3]])
