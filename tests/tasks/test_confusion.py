"""Metrics from confusion counts equal those of `spot.tasks.metrics`, which scikit-learn computes."""

from __future__ import annotations

import numpy as np
import pytest

from spot.tasks.confusion import FROM_COUNTS, cells, guessing, scores_from_counts
from spot.tasks.metrics import CLASS_METRICS


def counts_of(targets, predictions, classes):
    flat = np.bincount(cells(targets, predictions, classes), minlength=classes * (classes + 1))
    return flat.reshape(classes, classes + 1).astype(float)


@pytest.mark.parametrize("name", FROM_COUNTS)
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_equals_the_metric_of_the_rows(name, classes):
    rng = np.random.default_rng(classes)
    for trial in range(30):
        rows = int(rng.integers(1, 40))
        kinds = rng.integers(1, classes + 1)
        targets = rng.integers(0, kinds, rows)
        predictions = rng.integers(-1 if trial % 2 else 0, classes, rows)
        expected = CLASS_METRICS[name](targets.tolist(), predictions.tolist())[name]
        counts = counts_of(targets, predictions, classes)
        assert scores_from_counts([name], counts)[name] == pytest.approx(expected, abs=1e-9)


def test_every_class_metric_that_counts_decide_is_there():
    assert set(CLASS_METRICS) - set(FROM_COUNTS) == {"multirc_em"}  # a question needs all its rows


def test_many_counts_are_scored_at_once():
    one = counts_of([0, 1, 1, 0], [0, 1, 0, 1], 2)
    both = scores_from_counts(["accuracy", "f1"], np.array([[one, 3 * one]]))
    assert both["accuracy"].tolist() == [[50.0, 50.0]]
    assert both["f1"] == pytest.approx(np.array([[50.0, 50.0]]))


def test_guessing_is_the_mean_of_many_guesses():
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, 90)
    mean = np.mean([counts_of(targets, rng.integers(0, 3, 90), 3) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(guessing(targets, 3), mean, atol=0.5)
    assert scores_from_counts(["accuracy"], guessing(targets, 3))["accuracy"] == pytest.approx(
        100 / 3
    )
    assert scores_from_counts(["matthews"], guessing(targets, 3))["matthews"] == pytest.approx(0)
