"""Evaluate a prompt on a task: metrics of its predictions, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from spot.models.model import Model
from spot.models.padding import bucket_length
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric, score
from spot.tasks.task import Task
from spot.training.batches import Source

if TYPE_CHECKING:
    from spot.models.scoring import Normalisation, Promptlike

RESAMPLES = 500  # of a bootstrap interval


@dataclass(frozen=True)
class Evaluation:
    """Metrics (0 to 100) of one prompt on n rows; `value`, their mean, selects prompts. `intervals` are
    the 95 % intervals of the metrics, if computed (`with_intervals`).
    """

    value: float
    metrics: dict[str, float]
    n: int
    predictions: tuple[str, ...]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


def evaluate(
    backbone: Model,
    prompt: Promptlike,
    definition: Task,
    split: TokenizedSplit,
    labels: Sequence[Sequence[int]],
    normalisation: Normalisation = "sum",
) -> Evaluation:
    """The task's metrics of a prompt (None: the bare model) on a tokenised split.

    Label words are ranked by likelihood, other answers are generated, as long as the longest target.
    """
    if definition.scoring == "rank":
        best = backbone.score(split.inputs, labels, prompt, normalisation).argmax(axis=1)
        predictions = [definition.labels[index] for index in best]
    else:
        length = bucket_length(int(split.targets.lengths().max()))
        predictions = backbone.generate(split.inputs, length, prompt)
    metrics = _metrics(definition, split, predictions)
    return Evaluation(main_metric(metrics), metrics, len(split), tuple(predictions))


def with_intervals(
    evaluation: Evaluation, definition: Task, split: TokenizedSplit, seed: int = 0
) -> Evaluation:
    """The evaluation with a 95 % percentile bootstrap interval of each metric (Efron and Tibshirani
    1993, chapter 13) over the split's rows; rows of one group, as of one question, stay together.
    """
    resamples = _resampled(evaluation.predictions, definition, split, seed)
    intervals = {
        name: _middle_95([metrics[name] for metrics in resamples]) for name in evaluation.metrics
    }
    return replace(evaluation, intervals=intervals)


def mean_interval(
    predictions: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of `with_intervals` for the mean score of several predictions of the split, such as
    those of several seeds. A resample takes the same rows for all of them.
    """
    return _middle_95(_mean_scores(predictions, definition, split, seed))


def gain_interval(
    predictions: Sequence[Sequence[str]],
    others: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """The paired interval of the difference between the mean scores of two sets of predictions: a
    resample takes the same rows for both.
    """
    ours, theirs = (_mean_scores(side, definition, split, seed) for side in (predictions, others))
    return _middle_95(ours - theirs)


def _mean_scores(
    predictions: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int,
) -> np.ndarray:
    """The mean score over several predictions, of every resample [RESAMPLES]."""
    scores = [
        [main_metric(metrics) for metrics in _resampled(each, definition, split, seed)]
        for each in predictions
    ]
    means: np.ndarray = np.mean(scores, axis=0)
    return means


def _resampled(
    predictions: Sequence[str], definition: Task, split: TokenizedSplit, seed: int
) -> list[dict[str, float]]:
    """The metrics of every resample of the split's groups; equal seeds draw equal rows."""
    rng = np.random.default_rng([seed, 31])
    owner = [group or f"row {row}" for row, group in enumerate(split.groups)]
    members: dict[str, list[int]] = {}
    for row, group in enumerate(owner):
        members.setdefault(group, []).append(row)
    groups = list(members.values())
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, len(groups), len(groups))
        rows = [(row, turn) for turn, group in enumerate(chosen) for row in groups[group]]
        drawn.append(_metrics(definition, split, predictions, rows))
    return drawn


def _middle_95(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The bounds of the middle 95 % of the values."""
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def _metrics(
    definition: Task,
    split: TokenizedSplit,
    predictions: Sequence[str],
    rows: Sequence[tuple[int, int]] | None = None,
) -> dict[str, float]:
    """The task's metrics of one prediction a row; `rows` are (row, turn) of a resample, in which a
    group that was drawn twice is two groups.
    """
    chosen = [(row, 0) for row in range(len(split))] if rows is None else rows
    texts, references = split.target_texts, split.references
    return score(
        definition.metrics,
        [predictions[row] for row, _ in chosen],
        labels=[int(split.labels[row]) for row, _ in chosen],
        references=[
            (texts[row],) if (accepted := references[row]) is None else accepted
            for row, _ in chosen
        ],
        groups=[
            f"{split.groups[row]} {turn}" if turn else split.groups[row] for row, turn in chosen
        ],
        words=definition.labels,
    )


def validate(
    backbone: Model, prompt: Promptlike, source: Source
) -> tuple[float, dict[str, float], int]:
    """(score, metrics, rows) of a prompt on the validation rows of a source's members.

    The score is the mean over members; the metrics of a mixture's members carry their names.
    """
    scores: list[float] = []
    metrics: dict[str, float] = {}
    rows = 0
    for member in source.members:
        result = evaluate(backbone, prompt, member.definition, member.validation, member.labels)
        scores.append(result.value)
        rows += result.n
        prefix = f"{member.definition.name}/" if len(source.members) > 1 else ""
        metrics |= {prefix + name: value for name, value in result.metrics.items()}
    return float(np.mean(scores)), metrics, rows


def majority_score(source: Source) -> float | None:
    """The validation score of the best constant answer, as `validate` computes it; None for a source
    with a task whose answers are generated.
    """
    scores = [one_answer_score(member.definition, member.validation) for member in source.members]
    defined = [score for score in scores if score is not None]
    return float(np.mean(defined)) if len(defined) == len(scores) else None


def one_answer_score(definition: Task, split: TokenizedSplit) -> float | None:
    """The score of the best constant answer (by F1 it may be the rarer label); None if answers are
    generated or a row has no label.
    """
    labels = split.labels
    if definition.scoring != "rank" or not len(labels) or labels.min() < 0:
        return None
    return max(
        main_metric(_metrics(definition, split, [answer] * len(labels)))
        for answer in definition.labels
    )
