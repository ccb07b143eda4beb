"""The tokens nearest to a prompt's rows, and whether they say more than those near to any direction.

Lester et al. 2021 (section 7) found clusters of related words, and class labels, among the five nearest
tokens of a row. Both are found around other vectors, too, so all is compared with random directions and
with real tokens.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np

from bank.characters import visible
from spot.analysis.case import Case
from spot.analysis.finding import Cell, Finding, Group, Level, Points, Table
from spot.analysis.lexical import alike
from spot.prompts.discretise import Tokens, by_cosine, tokens_of, unit
from spot.tasks.vocabulary import Vocabulary

COUNT = 5  # neighbours of a row
DRAWN = 1000  # vectors of each null
RESAMPLES = 2000
SETS = 200  # sets of rows of a null, to count different neighbours
MOST_TOKENS = 12  # lines of the table of tokens
FEW = 30  # rows whose nearest token has room in the figure
NULLS = ("random directions", "real tokens")
NEAREST = "cosine of the nearest"
CLUSTER = "cosine among the nearest"
CENTRED = "the same, mean-centred"
FORMS = "forms of the nearest (%)"
LABEL = "near to a label word (%)"
DIFFERENT = "different tokens near to all"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The tokens nearest to N rows: ids [N, k], best first, their cosines [N, k], and the mean cosine
    [N] among the k, NaN for one.
    """

    ids: np.ndarray
    cosines: np.ndarray
    clusters: np.ndarray


def neighbours(
    rows: np.ndarray, tokens: Tokens, own: np.ndarray | None = None, count: int = COUNT
) -> Neighbours:
    """The nearest tokens of rows [N, H], all where there are fewer. own: the id [N] of a token that each
    row is, which is then not among them.
    """
    most = len(tokens.ids)
    count = min(count, most if own is None else most - 1)
    places, cosines = by_cosine(rows, tokens.rows, count if own is None else count + 1)
    if own is not None:
        kept = tokens.ids[places] != own[:, None]
        kept[kept.all(axis=1), -1] = False  # another token has the same direction
        places, cosines = (each[kept].reshape(-1, count) for each in (places, cosines))
    vectors = unit(tokens.rows[places.ravel()]).reshape(*places.shape, -1)
    squares = np.square(vectors.sum(axis=1)).sum(axis=1) - np.square(vectors).sum(axis=(1, 2))
    pairs = count * (count - 1)
    clusters = squares / pairs if pairs else np.full(len(rows), np.nan, np.float32)
    return Neighbours(tokens.ids[places], cosines, clusters)


def random_rows(
    rows: np.ndarray, rng: np.random.Generator, along: np.ndarray | None = None, count: int = DRAWN
) -> np.ndarray:
    """Vectors [count, H] of random direction, as long as rows [P, H]. along: a direction [H] in which each is
    as long as the row, too.
    """
    axis = np.zeros_like(rows[0]) if along is None else unit(along[None])[0]
    chosen = rows[rng.integers(0, len(rows), count)]
    drawn = rng.normal(size=chosen.shape).astype(np.float32)
    fixed = (chosen @ axis)[:, None] * axis
    free = unit(drawn - (drawn @ axis)[:, None] * axis)
    return np.asarray(fixed + free * np.linalg.norm(chosen - fixed, axis=1, keepdims=True))


def find(case: Case) -> Finding:
    """Neighbours of the rows, of the start's where it is known, and of both nulls. Raises SpotError for
    kinds that are no rows.
    """
    rows, start = case.soft_rows, case.start_rows
    tokens = tokens_of(case.model)
    rng = np.random.default_rng([case.seed, 41])
    drawn = rng.choice(len(tokens.ids), min(DRAWN, len(tokens.ids)), replace=False)
    own = {NULLS[1]: tokens.ids[drawn]}
    sides = {"prompt": rows} | ({} if start is None else {"start": start})
    sides[NULLS[0]] = random_rows(rows, rng)
    sides[NULLS[1]] = tokens.rows[drawn]
    mean = tokens.rows.mean(axis=0)
    centred_tokens = Tokens(tokens.ids, tokens.rows - mean)
    near = {side: neighbours(each, tokens, own.get(side)) for side, each in sides.items()}
    # How far rows lie in the direction of the mean decides which tokens are near to what is left of them.
    beside = sides | {NULLS[0]: random_rows(rows, rng, along=mean)}
    centred = {
        side: neighbours(each - mean, centred_tokens, own.get(side))
        for side, each in beside.items()
    }
    text = cache(partial(token_text, case.model.vocabulary))
    labels = label_pieces(case)
    values = {side: measures(near[side], centred[side], text, labels) for side in sides}
    different = {side: different_tokens(near[side], len(rows), rng) for side in sides}
    tables = (
        _summary(values, different),
        _positions(near["prompt"], centred["prompt"], values, text, labels),
        _tokens(near, text),
    )
    notes = _notes(values, different, near, text, labels, len(tokens.ids), rng)
    chart = _chart(values, near, text)
    return Finding("nearest", "which tokens its rows are near to", tables, (chart,), notes)


def token_text(vocabulary: Vocabulary, token: int) -> str:
    """A token as it is seen, with SentencePiece's sign for a space in front of it.

    Vocabularies decode a text without the space that it begins with, so that it is seen between two.
    """
    if token == vocabulary.eos or token == vocabulary.begin:
        return "<end>" if token == vocabulary.eos else "<begin>"
    text = vocabulary.decode([token])
    spaced = text.strip() and vocabulary.decode([token, token]) == f"{text} {text}"
    return visible(("▁" if spaced else "") + text).replace("\n", "\\n").replace("\t", "\\t") or "▁"


def label_pieces(case: Case) -> frozenset[int]:
    """The tokens of the task's label words, as a text has them and as an answer; none without a task."""
    words, labels = case.model.vocabulary, () if case.task is None else case.task.labels
    ids = {i for word in labels for i in (*words.encode(word), *words.encode_target(word))}
    return frozenset(words.meaningful(sorted(ids - {words.eos})))


def measures(
    near: Neighbours, centred: Neighbours, text: Callable[[int], str], labels: frozenset[int]
) -> dict[str, np.ndarray]:
    """What is measured of every row [N], by name."""
    found: dict[str, np.ndarray] = {
        NEAREST: near.cosines[:, 0],
        CLUSTER: near.clusters,
        CENTRED: centred.clusters,
        FORMS: np.array([forms([text(int(i)) for i in ids]) for ids in near.ids]),
    }
    if labels:
        found[LABEL] = np.where(np.isin(near.ids, sorted(labels)).any(axis=1), 100.0, 0.0)
    return found


def forms(texts: Sequence[str]) -> float:
    """The share (%) of the other texts that are forms of the first; NaN without others."""
    others = texts[1:]
    return 100 * sum(alike(texts[0], each) for each in others) / len(others) if others else np.nan


def different_tokens(near: Neighbours, length: int, rng: np.random.Generator) -> np.ndarray:
    """The number of different tokens among the neighbours of so many rows: of these where they are as many,
    else of sets of rows drawn from them.
    """
    if len(near.ids) == length:
        return np.array([len(np.unique(near.ids))])
    sets = rng.integers(0, len(near.ids), (SETS, length))
    return np.array([len(np.unique(near.ids[chosen])) for chosen in sets])


def against(
    values: np.ndarray, null: np.ndarray, rng: np.random.Generator
) -> Literal["above", "below", "within"]:
    """Where the mean of values [P] lies beside the middle 95 % of means of as many values of a null."""
    means = null[rng.integers(0, len(null), (RESAMPLES, len(values)))].mean(axis=1)
    return _beside(float(values.mean()), means)


def chance(labels: int, tokens: int, count: int = COUNT) -> float:
    """The probability that one of `count` different tokens of so many is one of the labels."""
    count = min(count, tokens)
    return 1 - math.comb(tokens - labels, count) / math.comb(tokens, count)


def _beside(value: float, null: np.ndarray) -> Literal["above", "below", "within"]:
    low, high = np.quantile(null, (0.025, 0.975))
    return "above" if value > high else "below" if value < low else "within"


def _z(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Deviations of a null [N] that values [P] are from its mean; NaN where all of the null is equal."""
    deviation = null.std()
    if not deviation > 0:
        return np.full(len(values), np.nan)
    return np.asarray((values - null.mean()) / deviation)


def _cell(value: float, digits: int = 3) -> Cell:
    return round(float(value), digits) if np.isfinite(value) else None


def _summary(
    values: Mapping[str, Mapping[str, np.ndarray]], different: Mapping[str, np.ndarray]
) -> Table:
    every = {
        name: {side: each[name] for side, each in values.items()} for name in values["prompt"]
    } | {DIFFERENT: different}
    lines = [
        (
            name,
            *(_cell(of[side].mean()) for side in values),
            *(_cell(_z(of["prompt"], of[null]).mean(), 2) for null in NULLS),
        )
        for name, of in every.items()
    ]
    titles = (
        "mean over rows",
        *(f"{side} " for side in values),
        *(f"z, {null} " for null in NULLS),
    )
    note = (
        f"z: how many standard deviations of {DRAWN} random directions, or real tokens, lie between the "
        "prompt and their mean; of different tokens, of sets of as many as the prompt has positions. A real "
        "token is not among its own neighbours."
    )
    return Table("neighbours", titles, tuple(lines), note)


def _positions(
    near: Neighbours,
    centred: Neighbours,
    values: Mapping[str, Mapping[str, np.ndarray]],
    text: Callable[[int], str],
    labels: frozenset[int],
) -> Table:
    z = {null: _z(near.clusters, values[null][CLUSTER]) for null in NULLS}
    lines = tuple(
        (
            position + 1,
            " ".join(text(int(i)) for i in ids),
            _cell(near.cosines[position, 0]),
            " ".join(text(int(i)) for i in centred.ids[position]),
            _cell(near.clusters[position]),
            *(_cell(z[null][position], 2) for null in NULLS),
            _cell(values["prompt"][FORMS][position], 0),
            " ".join(text(int(i)) for i in ids if int(i) in labels),
        )
        for position, ids in enumerate(near.ids)
    )
    columns = (
        "position ", "nearest", "cosine ", "nearest, mean-centred", "cluster ",
        *(f"z, {null} " for null in NULLS), "forms (%) ", "label words",
    )  # fmt: skip
    return Table("positions", columns, lines)


def _tokens(near: Mapping[str, Neighbours], text: Callable[[int], str]) -> Table:
    counts = {side: Counter(each.ids.ravel().tolist()) for side, each in near.items()}
    lines = tuple(
        (
            text(token),
            count,
            *(_cell(100 * counts[side][token] / len(near[side].ids), 1) for side in near),
        )
        for token, count in counts["prompt"].most_common(MOST_TOKENS)
    )
    columns = ("token", "positions ", *(f"{side} (%) " for side in near))
    return Table("tokens that are near to most positions", columns, lines)


def _notes(
    values: Mapping[str, Mapping[str, np.ndarray]],
    different: Mapping[str, np.ndarray],
    near: Mapping[str, Neighbours],
    text: Callable[[int], str],
    labels: frozenset[int],
    tokens: int,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    prompt, length = values["prompt"], len(near["prompt"].ids)
    sides = {
        null: {name: against(prompt[name], values[null][name], rng) for name in prompt}
        for null in NULLS
    }

    def compared(name: str, words: Mapping[str, str], unit: str = "") -> str:
        return " and ".join(
            f"{words[sides[null][name]]} {null} ({values[null][name].mean():.2f}{unit})"
            for null in NULLS
        )

    notes = []
    for name, subject in (
        (CLUSTER, "The tokens nearest to a position"),
        (CENTRED, "Mean-centred, they"),
    ):
        if all(np.isfinite(values[side][name]).all() for side in ("prompt", *NULLS)):
            notes.append(
                f"{subject} have a mean cosine of {prompt[name].mean():.2f} to each other: "
                f"{compared(name, TIGHTNESS)}."
            )
    if labels:
        notes.append(
            f"{prompt[LABEL].mean():.0f} % of the positions have a piece of a label word among their "
            f"nearest tokens: {compared(LABEL, FREQUENCY, ' %')}; of tokens drawn evenly it would be "
            f"{100 * chance(len(labels), tokens):.2f} %."
        )
    ids, count = np.unique(near["prompt"].ids, return_counts=True)
    where = {null: _beside(len(ids), different[null]) for null in NULLS}
    found = " and ".join(
        f"{AMOUNT[where[null]]} {null} ({different[null].mean():.0f})" for null in NULLS
    )
    common = int(ids[count.argmax()])
    share = {null: 100 * np.mean((near[null].ids == common).any(axis=1)) for null in NULLS}
    notes.append(
        f"{len(ids)} different tokens are nearest to the {length} positions, {found}. The commonest, "
        f'"{text(common)}", is near to {count.max()} of them, to {share[NULLS[0]]:.1f} % of {NULLS[0]} and '
        f"to {share[NULLS[1]]:.1f} % of {NULLS[1]}."
    )
    if "start" in near and len(near["start"].ids) == length:
        same = int((near["prompt"].ids[:, 0] == near["start"].ids[:, 0]).sum())
        notes.append(f"At {same} of {length} positions the nearest token is that of the start.")
    notes.append(
        "The tokens nearest to a position say where it is, not what it does: a prompt can be kept at the "
        "words of any text and still learn its task (Khashabi et al. 2022)."
    )
    return tuple(notes)


TIGHTNESS = {
    "above": "tighter than around",
    "below": "looser than around",
    "within": "not told apart from those around",
}
FREQUENCY = {"above": "more than of", "below": "fewer than of", "within": "not told apart from"}
AMOUNT = {
    "above": "more than of as many",
    "below": "fewer than of as many",
    "within": "not told apart from as many",
}


def _chart(
    values: Mapping[str, Mapping[str, np.ndarray]],
    near: Mapping[str, Neighbours],
    text: Callable[[int], str],
) -> Points:
    groups = []
    for side in values:
        clusters = values[side][CLUSTER]
        if side in NULLS or not np.isfinite(clusters).all():
            continue
        labelled = side == "prompt" and len(clusters) <= FEW
        labels = tuple(text(int(ids[0])).strip("▁") for ids in near[side].ids) if labelled else ()
        x = tuple(map(float, range(1, len(clusters) + 1)))
        groups.append(Group(side, x, tuple(map(float, clusters)), labels))
    levels = [
        Level(null, float(values[null][CLUSTER].mean()))
        for null in NULLS
        if np.isfinite(values[null][CLUSTER]).all()
    ]
    title = f"How near the {COUNT} tokens nearest to a position are to each other"
    return Points(title, "position", "mean cosine", tuple(groups), tuple(levels))
