"""Scores a prompt on a split: label words by likelihood (rank) or text by greedy decoding
(generate).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spot.models.decode import greedy
from spot.models.model import Model
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric, score
from spot.tasks.task import Task
from spot.training.batches import Source, bucket_length, pad_rows
from spot.training.context import check_context

Normalisation = Literal["sum", "mean"]

ROWS = 32  # rows evaluated at once
RESAMPLES = 500  # of a bootstrap interval
SHORTEST = 32  # tokens; shorter texts are padded to it, so that few shapes are compiled


@dataclass(frozen=True)
class Evaluation:
    """Metrics (0 to 100) of one prompt on n rows; `value` is their mean, by which prompts are
    chosen. `intervals` are the metrics' 95 % intervals, where they have been asked for.
    """

    value: float
    metrics: dict[str, float]
    n: int
    predictions: tuple[str, ...]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@partial(jax.jit, static_argnames="graphdef")
def _encode(graphdef: Any, parameters: Any, prompt: jax.Array | None, inputs: jax.Array) -> Any:
    """Each text [B, T] behind the same prompt [P, H]; compiled apart, for all labels to share."""
    model = nnx.merge(graphdef, parameters)
    return model.encode(inputs, None if prompt is None else prompt[None])


@partial(jax.jit, static_argnames=("graphdef", "normalisation"))
def _rank(
    graphdef: Any,
    parameters: Any,
    encoded: Any,
    labels: jax.Array,
    normalisation: Normalisation,
) -> jax.Array:
    """Log-likelihood [B, C] of label words [C, T'] after each encoded text."""
    model = nnx.merge(graphdef, parameters)
    rows, classes = encoded.mask.shape[0], labels.shape[0]
    targets = jnp.tile(labels, (rows, 1))
    logits = model.decode(encoded, targets)
    log_probability = jax.nn.log_softmax(logits, axis=-1)
    chosen = jnp.take_along_axis(log_probability, targets[..., None], axis=-1)[..., 0]
    total = jnp.where(targets > 0, chosen, 0.0).sum(-1)
    if normalisation == "mean":
        total = total / (targets > 0).sum(-1)
    return total.reshape(rows, classes)


@partial(jax.jit, static_argnames=("graphdef", "length", "eos"))
def _generate(graphdef: Any, parameters: Any, encoded: Any, length: int, eos: int) -> jax.Array:
    return greedy(nnx.merge(graphdef, parameters), encoded, length, eos)


def label_scores(
    backbone: Model,
    prompt: np.ndarray | None,
    split: TokenizedSplit,
    labels: Sequence[Sequence[int]],
    normalisation: Normalisation = "sum",
) -> np.ndarray:
    """Log-likelihood of every label word for every row, float32 [N, C], in nats.

    prompt: [P, H], or None for the bare model. `sum` adds over a label's tokens, `mean` divides by
    their number, so that a long label word is not punished for its length. Raises SpotError for rows
    longer than a decoder's context.
    """
    words = pad_rows([np.asarray(ids) for ids in labels], bucket_length(max(map(len, labels))))
    check_context(backbone.config, _length(prompt), split.inputs, words.shape[1])
    out = np.zeros((len(split), len(labels)), np.float32)
    model = (backbone.graphdef, backbone.parameters)
    for rows, inputs in _batches(split):
        encoded = _encode(*model, prompt, inputs)
        found = _rank(*model, encoded, words, normalisation=normalisation)
        out[rows] = np.asarray(found)[: len(rows)]
    return out


def generate(
    backbone: Model, prompt: np.ndarray | None, split: TokenizedSplit, length: int
) -> list[str]:
    """The greedy continuation of every row as text, at most `length` tokens. Raises SpotError for
    rows longer than a decoder's context.
    """
    check_context(backbone.config, _length(prompt), split.inputs, length)
    texts = [""] * len(split)
    model = (backbone.graphdef, backbone.parameters)
    for rows, inputs in _batches(split):
        encoded = _encode(*model, prompt, inputs)
        eos = backbone.vocabulary.eos
        ids = np.asarray(_generate(*model, encoded, length=length, eos=eos))
        for row, line in zip(rows, ids, strict=False):
            texts[row] = backbone.vocabulary.decode(line)
    return texts


def _length(prompt: np.ndarray | None) -> int:
    return 0 if prompt is None else len(prompt)


def _batches(split: TokenizedSplit) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows by length in groups of ROWS: (row numbers [<= ROWS], inputs [ROWS, T], padded with a
    copy).
    """
    order = np.argsort(split.inputs.lengths(), kind="stable")
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        filled = np.concatenate([rows, np.repeat(rows[:1], ROWS - len(rows))])
        width = bucket_length(max(SHORTEST, int(split.inputs.lengths()[rows].max())))
        yield rows, pad_rows([split.inputs[row] for row in filled], width)


def evaluate(
    backbone: Model,
    prompt: np.ndarray | None,
    definition: Task,
    split: TokenizedSplit,
    labels: Sequence[Sequence[int]],
    normalisation: Normalisation = "sum",
) -> Evaluation:
    """The task's metrics of a prompt [P, H] (None: the bare model) on a tokenised split.

    Tasks with label words are ranked, others generated to the longest target's length.
    """
    if definition.scoring == "rank":
        best = label_scores(backbone, prompt, split, labels, normalisation).argmax(axis=1)
        predictions = [definition.labels[index] for index in best]
    else:
        length = bucket_length(int(split.targets.lengths().max()))
        predictions = generate(backbone, prompt, split, length)
    metrics = _metrics(definition, split, predictions)
    return Evaluation(main_metric(metrics), metrics, len(split), tuple(predictions))


def with_intervals(
    found: Evaluation, definition: Task, split: TokenizedSplit, seed: int = 0
) -> Evaluation:
    """The evaluation with a 95 % percentile bootstrap interval of each metric (Efron and Tibshirani
    1993, chapter 13) over the split's rows; rows of one group, as of one question, stay together.
    """
    drawn = _resampled(found.predictions, definition, split, seed)
    intervals = {name: _middle([one[name] for one in drawn]) for name in found.metrics}
    return replace(found, intervals=intervals)


def mean_interval(
    predictions: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """As `with_intervals`, of the mean score of several predictions of the split, as of several
    seeds: a resample is of the same rows for all of them.
    """
    return _middle(_mean_scores(predictions, definition, split, seed))


def gain_interval(
    predictions: Sequence[Sequence[str]],
    others: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int = 0,
) -> tuple[float, float]:
    """As `mean_interval`, of the difference to the mean score of other predictions of the split,
    paired: a resample is of the same rows for both.
    """
    ours, theirs = (_mean_scores(one, definition, split, seed) for one in (predictions, others))
    return _middle(ours - theirs)


def _mean_scores(
    predictions: Sequence[Sequence[str]],
    definition: Task,
    split: TokenizedSplit,
    seed: int,
) -> np.ndarray:
    """The mean score over several predictions, of every resample [RESAMPLES]."""
    scores = [
        [main_metric(metrics) for metrics in _resampled(one, definition, split, seed)]
        for one in predictions
    ]
    return np.mean(scores, axis=0)


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


def _middle(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """What 95 % of the values lie between."""
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
            (texts[row],) if (known := references[row]) is None else known for row, _ in chosen
        ],
        groups=[
            f"{split.groups[row]} {turn}" if turn else split.groups[row] for row, turn in chosen
        ],
        words=definition.labels,
    )


def validate(
    backbone: Model, prompt: np.ndarray | None, source: Source
) -> tuple[float, dict[str, float], int]:
    """(score, metrics, rows) of a prompt [P, H] on the validation rows of a source's members.

    The score is the mean over members; the metrics of a mixture's members carry their names.
    """
    scores: list[float] = []
    metrics: dict[str, float] = {}
    rows = 0
    for member in source.members:
        found = evaluate(backbone, prompt, member.definition, member.validation, member.labels)
        scores.append(found.value)
        rows += found.n
        prefix = f"{member.definition.name}/" if len(source.members) > 1 else ""
        metrics |= {prefix + name: value for name, value in found.metrics.items()}
    return float(np.mean(scores)), metrics, rows


def majority_score(source: Source) -> float | None:
    """The score of always answering the most frequent validation label, as `validate` would give it;
    None for a source with a task that is generated.
    """
    scores = [one_answer_score(member.definition, member.validation) for member in source.members]
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if len(known) == len(scores) else None


def one_answer_score(definition: Task, split: TokenizedSplit) -> float | None:
    """The best score that one label for every row gets, which by F1 may be the rarer one; None where
    texts are generated or a row has no label.
    """
    labels = split.labels
    if definition.scoring != "rank" or not len(labels) or labels.min() < 0:
        return None
    return max(
        main_metric(_metrics(definition, split, [answer] * len(labels)))
        for answer in definition.labels
    )
