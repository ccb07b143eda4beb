"""Statistics of gains: intervals, tests, correlation and ranking quality.

SciPy and scikit-learn do the arithmetic. Differences are always paired (same target, same seed);
targets are the units one generalises to, seeds are repetitions inside a target.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from spot.errors import SpotError


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval, in the unit of the data; without bounds where one number tells
    nothing of its spread.
    """

    mean: float
    low: float
    high: float
    confidence: float

    @property
    def signed(self) -> str:
        """The interval of a difference as text: "+1.2 (-0.3 to +2.7)"."""
        if math.isinf(self.low):
            return f"{self.mean:+.1f} (no interval)"
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})"

    def to_json(self) -> dict[str, float | None]:
        """JSON-serialisable dict; None for a missing bound."""
        return {k: v if math.isfinite(v) else None for k, v in asdict(self).items()}


@dataclass(frozen=True)
class PermutationTest:
    """Two-sided p-value of a mean difference; `smallest_p` is the least that n pairs can give."""

    mean: float
    p: float
    n: int
    smallest_p: float


@dataclass(frozen=True)
class Correlation:
    """Pearson's r with p and confidence interval, and Spearman's rho with p, over n pairs. Both p-values are
    of Student's t, which for rho is too small below about eight pairs.
    """

    pearson: float
    pearson_p: float
    low: float
    high: float
    spearman: float
    spearman_p: float
    n: int


def _vector(values: ArrayLike, name: str, least: int = 1) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < least:
        raise SpotError(
            f"expected {name} as a list of at least {least} numbers, found shape {array.shape}",
            "run more targets or seeds",
        )
    if not np.isfinite(array).all():
        raise SpotError(f"{name} holds NaN or inf", "repeat the runs that failed")
    return array


def _pair(
    first: ArrayLike, second: ArrayLike, least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = _vector(first, "the first list", least), _vector(second, "the second list", least)
    if a.size != b.size:
        raise SpotError(
            f"expected two lists of one length, found {a.size} and {b.size} values",
            "pair every prediction with its outcome",
        )
    return a, b


def paired_interval(differences: Sequence[ArrayLike], *, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean paired difference over targets.

    `differences[t]` lists the differences of target t over its seeds (lengths may differ). The units are
    the n targets' means over seeds, n - 1 degrees of freedom. Their variance holds the noise of the seeds
    already, so seeds are not drawn a second time, as a two-level bootstrap would; where the means of few
    targets are equal by chance, it is what the seeds' own spread makes of it. Of a single target the
    units are its seeds, and the interval says nothing about other targets; of a single number it is
    unbounded. Raises SpotError for no targets, a target without seeds, NaN, or a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise SpotError(f"expected a confidence between 0 and 1, found {confidence}", "use 0.95")
    groups = [_vector(group, f"target {row}") for row, group in enumerate(differences)]
    if not groups:
        raise SpotError("expected differences of at least one target, found none", "run a transfer")
    units = groups[0] if len(groups) == 1 else np.array([group.mean() for group in groups])
    mean, half = float(units.mean()), math.inf
    if units.size > 1:
        variance = float(units.var(ddof=1))
        if variance == 0 and len(groups) > 1:
            variance = _of_seeds(groups)
        quantile = float(stats.t.ppf((1 + confidence) / 2, units.size - 1))
        half = quantile * math.sqrt(variance / units.size)
    return Interval(mean, mean - half, mean + half, confidence)


def _of_seeds(groups: Sequence[NDArray[np.float64]]) -> float:
    """The variance of a target's mean that seeds alone make, a mean over the targets with several."""
    several = [group for group in groups if group.size > 1]
    if not several:
        return 0.0
    pooled = sum(float(((g - g.mean()) ** 2).sum()) for g in several)
    pooled /= sum(group.size - 1 for group in several)
    return float(np.mean([pooled / group.size for group in groups]))


def permutation_test(
    differences: ArrayLike, *, resamples: int = 9999, seed: int = 0
) -> PermutationTest:
    """Two-sided sign-flip test that paired `differences` [n] have mean 0.

    Exact when 2^n <= resamples. Give one difference per target (its mean over seeds): seeds of one
    target are not independent evidence about other targets. Raises SpotError for no data or NaN.
    """
    values = _vector(differences, "the differences")
    if values.size == 1:  # SciPy refuses; both signs are equally far from 0
        return PermutationTest(float(values[0]), 1.0, 1, 1.0)
    result = stats.permutation_test(
        (values,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    smallest = min(1.0, 2.0 / min(2.0**values.size, resamples + 1))
    return PermutationTest(float(values.mean()), float(result.pvalue), values.size, smallest)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, made monotone and cut at 1. Controls the
    chance of any false claim. Raises SpotError for values outside [0, 1].
    """
    raw = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not ((raw >= 0) & (raw <= 1)).all():
        raise SpotError(f"expected p-values in [0, 1], found {raw.tolist()}", "pass raw p-values")
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def correlation(similarity: ArrayLike, gain: ArrayLike, *, confidence: float = 0.95) -> Correlation:
    """Correlation of `similarity` [n] with `gain` [n] (Vu et al. 2022, section 5.2; Figure 5).

    Pearson with Fisher's interval, Spearman with averaged ties. Raises SpotError for fewer than
    three pairs, NaN, or a list whose values are all equal (no correlation is defined).
    """
    x, y = _pair(similarity, gain, 3)
    for values, name in ((x, "similarity"), (y, "gain")):
        if np.ptp(values) == 0:
            raise SpotError(
                f"every {name} is {values[0]}, so no correlation is defined",
                "use more sources, or scores with more digits",
            )
    linear = stats.pearsonr(x, y)
    bounds = linear.confidence_interval(confidence)
    ranks = stats.spearmanr(x, y)
    return Correlation(
        pearson=float(linear.statistic),
        pearson_p=float(linear.pvalue),
        low=float(bounds.low),
        high=float(bounds.high),
        spearman=float(ranks.statistic),
        spearman_p=float(ranks.pvalue),
        n=x.size,
    )


def relative_error_reduction(score: float, baseline: float, *, best: float = 100.0) -> float:
    """(baseline error - error) / baseline error as a fraction; an error is `best` - score.

    NaN when the baseline has no error left to reduce. The measure of Vu et al. 2022, Figure 3.
    Raises SpotError for a score above `best`.
    """
    if max(score, baseline) > best:
        raise SpotError(
            f"expected scores of at most {best}, found {max(score, baseline)}",
            "give scores in percent, or pass `best`",
        )
    error, baseline_error = best - score, best - baseline
    return (baseline_error - error) / baseline_error if baseline_error > 0 else math.nan


def ndcg(
    predicted: ArrayLike, scores: ArrayLike, *, k: int | None = None, scale: float = 100.0
) -> float:
    """Normalised discounted cumulative gain of ranking n sources by `predicted`; 1 is ideal.

    The relevance of a source is 2^(score / scale) - 1, as Lin et al. 2024 (arXiv 2407.16245) have
    it for scores in 0..1; equal predictions share their ranks. Raises SpotError for fewer than two
    sources, NaN or a negative score.
    """
    from sklearn.metrics import ndcg_score  # slow to import, needed only here

    guess, truth = _pair(predicted, scores, 2)
    if truth.min() < 0:
        raise SpotError(
            f"expected scores of at least 0, found {truth.min()}",
            "a negative score has no relevance: shift the scores or leave the task out",
        )
    return float(ndcg_score([np.exp2(truth / scale) - 1], [guess], k=k))


def regret_at_k(predicted: ArrayLike, scores: ArrayLike, k: int) -> float:
    """Shortfall of the best of the k sources ranked first, in percent of the best score of all.

    Lin et al. 2024 (arXiv 2407.16245), after Poth et al. 2021. Equal predictions keep the order
    given, so list sources by id. Raises SpotError for k < 1, NaN, or no positive score.
    """
    guess, truth = _pair(predicted, scores, 1)
    if k < 1:
        raise SpotError(f"expected k of at least 1, found {k}", "ask for one source or more")
    if truth.max() <= 0:
        raise SpotError(
            f"expected a positive best score, found {truth.max()}",
            "regret is a fraction of the best score",
        )
    first = np.argsort(-guess, kind="stable")[:k]
    return float(100.0 * (truth.max() - truth[first].max()) / truth.max())
