"""Classes of texts from vectors of texts whose classes are known, without a model: scikit-learn's.

Arrays are standardised features [N, H] and classes [N], whole numbers from 0; what is chosen is told by
the caller, who knows how a score is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Classes = NDArray[np.int64]

FOLDS = 5
STRENGTHS = tuple(10.0**power for power in range(-4, 3))
"""C of softmax regression, the inverse of the strength of its penalty."""


def standardised(train: np.ndarray, *others: np.ndarray) -> tuple[Matrix, ...]:
    """Every feature minus its mean over the training rows, in units of its deviation there."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.astype(np.float64))
    return tuple(scaler.transform(rows.astype(np.float64)) for rows in (train, *others))


def nearest_classes(train: Matrix, classes: Classes, rows: Matrix, k: int) -> Classes:
    """The commonest class of each row's k nearest training rows by cosine, of equals the first."""
    from sklearn.neighbors import KNeighborsClassifier

    fitted = KNeighborsClassifier(n_neighbors=k, metric="cosine").fit(train, classes)
    found: Classes = fitted.predict(rows)
    return found


def mean_classes(train: Matrix, classes: Classes, rows: Matrix) -> Classes:
    """The class whose training rows' mean is nearest to each row, by Euclidean distance."""
    from sklearn.neighbors import NearestCentroid

    if len(np.unique(classes)) == 1:  # scikit-learn refuses it
        return np.full(len(rows), classes[0])
    found: Classes = NearestCentroid().fit(train, classes).predict(rows)
    return found


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted softmax regression, the C that cross-validation chose, and over how many folds: 0 where
    there are too few rows for any, and C is 1.
    """

    regression: Any
    strength: float
    folds: int

    @property
    def count(self) -> int:
        """Its weights and biases: of two classes it has those of one."""
        return int(self.regression.coef_.size + self.regression.intercept_.size)

    def classes(self, rows: Matrix) -> Classes:
        """The likeliest class of each row."""
        found: Classes = self.regression.predict(rows)
        return found


def probe(train: Matrix, classes: Classes) -> Probe:
    """Softmax regression on the training rows, of at least two classes. C is that of the best mean accuracy
    over FOLDS stratified folds of these rows, of equals the smallest; over as many folds as the rarest
    class has rows, where these are fewer.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    regression = LogisticRegression(max_iter=1000)
    folds = min(FOLDS, int(np.unique(classes, return_counts=True)[1].min()))
    if folds < 2:
        return Probe(regression.fit(train, classes), regression.C, 0)
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    search = GridSearchCV(regression, {"C": STRENGTHS}, scoring="accuracy", cv=parts)
    search.fit(train, classes)
    return Probe(search.best_estimator_, float(search.best_params_["C"]), folds)


@dataclass(frozen=True, eq=False)
class Nearby:
    """Squared distances [N, K] of rows to their nearest training rows, nearest first, and the classes
    [N, K] of these.
    """

    squares: Matrix
    classes: Classes


def nearby(train: Matrix, classes: Classes, rows: Matrix, k: int) -> Nearby:
    """The k nearest training rows of each row, by Euclidean distance."""
    from sklearn.neighbors import NearestNeighbors

    distances, places = NearestNeighbors(n_neighbors=k).fit(train).kneighbors(rows)
    return Nearby(distances**2, classes[places])


def neighbour_probabilities(near: Nearby, k: int, temperature: float, count: int) -> Matrix:
    """p(class) [N, C] in proportion to the sum of e^(-d²/temperature) over those of the k nearest training
    rows that have it (Khandelwal et al. 2020, equation 2; with label words Shi et al. 2022).
    """
    from scipy.special import softmax

    weights = softmax(-near.squares[:, :k] / temperature, axis=1)
    chosen = near.classes[:, :k, None] == np.arange(count)
    probabilities: Matrix = (weights[..., None] * chosen).sum(axis=1)
    return probabilities
