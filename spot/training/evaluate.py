"""Evaluate a prompt on a task: metrics of its predictions, with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from spot.models.model import Model
from spot.models.padding import bucket_length
from spot.tasks.confusion import FROM_COUNTS, cells, guessing, scores_from_counts
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric, score, to_class
from spot.tasks.task import Task
from spot.training.answers import answer_shares, mean_shares
from spot.training.batches import Source
from spot.training.slots import Shares, Validation
from spot.verdicts.sample import Sample, exact_interval
from spot.verdicts.scores import Reference
from spot.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from spot.models.scoring import Normalisation, Promptlike

RESAMPLES = 1000  # of a bootstrap interval
ROW_MEANS = frozenset({"squad_em", "squad_f1", "exact_match", "wsc_match"})
"""Metrics of free answers that are the mean of their values of single rows."""


@dataclass(frozen=True)
class Evaluation:
    """Metrics (0 to 100) of one prompt on n rows; `value`, their mean, selects prompts. `intervals` are
    the 95 % intervals of the metrics, if computed (`with_intervals`), `verdict` the judgement of the
    score, if made, and `tfidf` the score of TF-IDF with logistic regression on the same rows.
    """

    value: float
    metrics: dict[str, float]
    n: int
    predictions: tuple[str, ...]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    tfidf: float | None = None
    verdict: Verdict | None = None


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
    metrics = split_metrics(definition, split, predictions)
    return Evaluation(main_metric(metrics), metrics, len(split), tuple(predictions))


def with_intervals(
    evaluation: Evaluation, definition: Task, split: TokenizedSplit, seed: int = 0
) -> Evaluation:
    """The evaluation with a 95 % percentile bootstrap interval of each metric (Efron and Tibshirani
    1993, chapter 13) over the split's rows; rows of one group, as of one question, stay together.
    An accuracy of 0 or 100, which no resample changes, has its exact interval.
    """
    draws = _resampled([evaluation.predictions], definition, split, seed)
    intervals = {name: _middle_95(draws[name][0]) for name in evaluation.metrics}
    low, high = intervals.get("accuracy", (0.0, 1.0))
    if low == high and not any(split.groups):
        intervals["accuracy"] = exact_interval(len(split) if high else 0, len(split))
    return replace(evaluation, intervals=intervals)


def sample_of(
    predictions: Sequence[Sequence[str]], definition: Task, split: TokenizedSplit, seed: int = 0
) -> Sample:
    """The main scores of several predictions of a split, such as those of several seeds, with those on
    resamples of the rows. Equal seeds draw equal rows.
    """
    scores = [main_metric(split_metrics(definition, split, each)) for each in predictions]
    draws = _resampled(predictions, definition, split, seed)
    right = None
    if definition.metrics == ("accuracy",) and not any(split.groups):
        words = definition.labels
        classes = [[to_class(answer, words) for answer in each] for each in predictions]
        right = np.asarray(classes) == split.labels
    return Sample(np.asarray(scores, np.float64), np.mean(list(draws.values()), axis=0), right)


def floors(definition: Task, split: TokenizedSplit, seed: int = 0) -> list[Reference]:
    """What a score has to beat: the best constant answer, and guessing at random where the metrics are
    counts; [] if answers are generated or a row has no label.
    """
    answer = best_constant(definition, split)
    if answer is None:
        return []
    constant = sample_of([[answer] * len(split)], definition, split, seed)
    references = [Reference(f'always answering "{answer}"', constant)]
    classes = len(definition.labels)
    if _countable(definition, split):
        wholes = np.array([guessing(split.labels, classes)])
        draws = np.array(
            [
                np.outer(np.bincount(split.labels[rows], minlength=classes), _even(classes))
                for rows, _ in _drawn_rows(split, seed)
            ]
        )
        score, resampled = (
            np.mean(list(scores_from_counts(definition.metrics, counts).values()), axis=0)
            for counts in (wholes, draws)
        )
        references.append(Reference("guessing at random", Sample(score, resampled[None])))
    return references


def _even(classes: int) -> np.ndarray:
    """The shares of answers drawn evenly at random [C + 1]; none names no class."""
    return np.array([1 / classes] * classes + [0.0])


def mean_interval(
    predictions: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of the mean score of several predictions of a split, one a seed, over its rows
    and over seeds (`spot.verdicts.Sample`).
    """
    return sample_of(predictions, definition, split, seed).interval()


def gain_interval(
    predictions: Sequence[Sequence[str]],
    others: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """The paired interval of the difference between the mean scores of two sets of predictions: a
    resample takes the same rows for both. Sets of one length are paired by seed, too.
    """
    ours, theirs = (sample_of(side, definition, split, seed) for side in (predictions, others))
    return ours.minus(theirs).interval()


def _drawn_rows(split: TokenizedSplit, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows, turns) of every resample of the split's groups; a group that was drawn twice has turns of
    its own. Equal seeds draw equal rows.
    """
    rng = np.random.default_rng([seed, 31])
    owner = [group or f"row {row}" for row, group in enumerate(split.groups)]
    members: dict[str, list[int]] = {}
    for row, group in enumerate(owner):
        members.setdefault(group, []).append(row)
    groups = list(members.values())
    alone = len(groups) == len(split)
    turns = np.arange(len(split))
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, len(groups), len(groups))
        if alone:
            yield chosen, turns
        else:
            picked = [groups[group] for group in chosen]
            yield np.concatenate(picked), np.repeat(np.arange(len(picked)), list(map(len, picked)))


def _countable(definition: Task, split: TokenizedSplit) -> bool:
    """True if confusion counts decide every metric."""
    labelled = len(definition.labels) > 1 and bool(split.labels.min() >= 0)
    return labelled and all(name in FROM_COUNTS for name in definition.metrics)


def _resampled(
    predictions: Sequence[Sequence[str]], definition: Task, split: TokenizedSplit, seed: int
) -> dict[str, np.ndarray]:
    """Every metric of several predictions on every resample [S, RESAMPLES]."""
    if all(name in ROW_MEANS for name in definition.metrics):
        rows_alone = [
            [split_metrics(definition, split, each, [(row, 0)]) for row in range(len(split))]
            for each in predictions
        ]
        drawn_rows = [rows for rows, _ in _drawn_rows(split, seed)]
        return {
            name: np.array([[values[rows].mean() for rows in drawn_rows] for values in by_row])
            for name in definition.metrics
            for by_row in [np.array([[row[name] for row in each] for each in rows_alone])]
        }
    if not _countable(definition, split):
        drawn = [list(zip(*pair, strict=True)) for pair in _drawn_rows(split, seed)]
        slow = [
            [split_metrics(definition, split, each, rows) for rows in drawn] for each in predictions
        ]
        return {
            name: np.array([[metrics[name] for metrics in row] for row in slow])
            for name in definition.metrics
        }
    words = definition.labels
    classes = len(words)
    places = [
        cells(split.labels, [to_class(answer, words) for answer in each], classes)
        for each in predictions
    ]
    size = classes * (classes + 1)
    counts = np.empty((len(places), RESAMPLES, size))
    for resample, (rows, _) in enumerate(_drawn_rows(split, seed)):
        for number, place in enumerate(places):
            counts[number, resample] = np.bincount(place[rows], minlength=size)
    return scores_from_counts(
        definition.metrics, counts.reshape(*counts.shape[:2], classes, classes + 1)
    )


def _middle_95(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The bounds of the middle 95 % of the values."""
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def split_metrics(
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


def validate(backbone: Model, prompt: Promptlike, source: Source) -> Validation:
    """The scores of a prompt on the validation rows of a source's members, and what it writes.

    Score and shares are means over members; the metrics of a mixture's members carry their names.
    """
    scores: list[float] = []
    metrics: dict[str, float] = {}
    shares: list[Shares] = []
    rows = 0
    for member in source.members:
        result = evaluate(backbone, prompt, member.definition, member.validation, member.labels)
        scores.append(result.value)
        rows += result.n
        prefix = f"{member.definition.name}/" if len(source.members) > 1 else ""
        metrics |= {prefix + name: value for name, value in result.metrics.items()}
        shares.append(answer_shares(backbone, prompt, member, result.predictions))
    return Validation(float(np.mean(scores)), metrics, rows, mean_shares(shares))


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
    answer = best_constant(definition, split)
    if answer is None:
        return None
    return main_metric(split_metrics(definition, split, [answer] * len(split)))


def best_constant(definition: Task, split: TokenizedSplit) -> str | None:
    """The label word that scores best as the answer to every row, of equals the first; None if answers
    are generated or a row has no label.
    """
    if definition.scoring != "rank" or not len(split.labels) or split.labels.min() < 0:
        return None
    return max(
        definition.labels,
        key=lambda answer: main_metric(split_metrics(definition, split, [answer] * len(split))),
    )
