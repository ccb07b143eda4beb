"""Nearest neighbours, class means, softmax regression and kNN-LM on features of the frozen model: what can
be told from its states, with a prompt in front of the texts and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from spot.models.counts import Counts, count
from spot.prompts.prompt import SoftPrompt
from spot.study.methods import neighbours
from spot.study.methods.method import (
    PROMPT_TUNING,
    Lines,
    Refused,
    Row,
    Runner,
    Trial,
    free_answers,
    undesigned,
)
from spot.study.methods.neighbours import Classes
from spot.study.methods.vectors import Vectors
from spot.tasks.examples import TokenizedSplit
from spot.tasks.metrics import main_metric
from spot.training.batches import sample
from spot.training.evaluate import split_metrics
from spot.training.runs import (
    data_digest,
    model_facts,
    prompt_digest,
    scoring_facts,
    split_digest,
)
from spot.training.source import source_of

ROWS = 5000
"""The most training rows that are read, a seeded sample: a forward pass takes seconds then, not hours."""
NEIGHBOURS = (1, 5, 25)
"""k, of which validation chooses."""
TEMPERATURES = (0.1, 0.3, 1.0)
"""τ of kNN-LM as a multiple of the width H: standardised features of two rows lie about 2H apart."""
MIXTURES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""λ of kNN-LM, the weight of the neighbours: 0 is the model's answer alone, 1 that of the neighbours."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The classes [N] that a classifier gives to validation and test rows, what it chose, how many numbers it
    fitted, and what a reader has to know.
    """

    validation: Classes
    test: Classes
    choices: dict[str, float] = field(default_factory=dict)
    fitted: int = 0
    note: str = ""


Score = Callable[[Classes], float]
"""The validation score of classes [N] of the validation rows, by the task's metrics."""
Classifier = Callable[[Vectors, Score], Answers]


def nearest_neighbours(runner: Runner) -> Lines | Refused:
    """The commonest class among the nearest training rows, by cosine."""
    return lines(runner, "nearest-neighbours", by_neighbours)


def class_mean(runner: Runner) -> Lines | Refused:
    """The class whose mean over training rows is nearest."""
    return lines(runner, "class-mean", by_means)


def probe(runner: Runner) -> Lines | Refused:
    """Softmax regression on the features."""
    return lines(runner, "probe", by_regression)


def knn_lm(runner: Runner) -> Lines | Refused:
    """The model's probabilities of label words, mixed with those of the nearest training rows."""
    return lines(runner, "knn-lm", by_mixture)


def by_neighbours(vectors: Vectors, score: Score) -> Answers:
    """k of the best validation score, of equals the largest."""
    train, validation, test = vectors.features
    found = {
        k: neighbours.nearest_classes(train, vectors.classes, validation, k)
        for k in usable(len(train))
    }
    k = max(found, key=lambda k: (score(found[k]), k))
    answers = neighbours.nearest_classes(train, vectors.classes, test, k)
    return Answers(found[k], answers, {"k": k})


def by_means(vectors: Vectors, _score: Score) -> Answers:
    """Nothing is chosen; a mean of H numbers is kept for each class."""
    train, *others = vectors.features
    classes = vectors.classes
    validation, test = (neighbours.mean_classes(train, classes, rows) for rows in others)
    return Answers(validation, test, fitted=len(np.unique(classes)) * train.shape[1])


def by_regression(vectors: Vectors, _score: Score) -> Answers:
    """C by cross-validation on the training rows; of a single class there is nothing to fit."""
    train, validation, test = vectors.features
    classes = vectors.classes
    known, counts = np.unique(classes, return_counts=True)
    if len(known) == 1:
        note = "all training rows have one class, which is the answer"
        answers = [np.full(len(rows), known[0]) for rows in (validation, test)]
        return Answers(answers[0], answers[1], note=note)
    fitted = neighbours.probe(train, classes)
    note, rarest = "", int(counts.min())
    if not fitted.folds:
        note = "C is 1, for a class has a single training row: there are no folds to choose it over"
    elif fitted.folds < neighbours.FOLDS:
        note = (
            f"C was chosen over {fitted.folds} folds, not {neighbours.FOLDS}: a class has "
            f"{rarest} training rows"
        )
    return Answers(
        fitted.classes(validation),
        fitted.classes(test),
        {"C": fitted.strength},
        fitted.count,
        note,
    )


def by_mixture(vectors: Vectors, score: Score) -> Answers:
    """λ, τ and k of the best validation score, of equals the smallest λ, then the largest k and τ."""
    train, validation, test = vectors.features
    width, labels = train.shape[1], len(vectors.data.labels)
    own_validation, own_test = vectors.likelihoods
    ks = usable(len(train))
    near_validation, near_test = (
        neighbours.nearby(train, vectors.classes, rows, ks[-1]) for rows in (validation, test)
    )

    def mixed(near: neighbours.Nearby, own: neighbours.Matrix, choice: Choice) -> Classes:
        weight, k, temperature = choice
        theirs = neighbours.neighbour_probabilities(near, k, temperature, labels)
        found: Classes = (weight * theirs + (1 - weight) * own).argmax(axis=1)
        return found

    choices = list(product(MIXTURES, ks, [width * times for times in TEMPERATURES]))
    scores = {choice: score(mixed(near_validation, own_validation, choice)) for choice in choices}
    best = max(choices, key=lambda choice: (scores[choice], -choice[0], *choice[1:]))
    weight, k, temperature = best
    return Answers(
        mixed(near_validation, own_validation, best),
        mixed(near_test, own_test, best),
        {"lambda": weight, "k": k, "tau": temperature},
    )


Choice = tuple[float, int, float]
"""λ, k and τ."""


def usable(rows: int) -> list[int]:
    """The numbers of neighbours that so many training rows have, at least one."""
    return [k for k in NEIGHBOURS if k <= rows] or [1]


def lines(runner: Runner, method: str, classify: Classifier) -> Lines | Refused:
    """A line without a prompt, and one with the given prompt, or those of prompt tuning, where there are."""
    target = undesigned(runner.target)
    if target.scoring != "rank":
        return free_answers(target)
    bare = vectors_of(runner, None)
    if bare.classes.min() < 0:
        return Refused(f"not every training row of {target.name} has a class")
    rows = [line(runner, method, {None: trial_of(runner, method, classify, bare)})]
    for name, prompts in prompted(runner):
        own = {
            seed: trial_of(runner, method, classify, vectors_of(runner, prompt))
            for seed, prompt in prompts.items()
        }
        rows.append(line(runner, method, own, name, next(iter(prompts.values())).count))
    return Lines(tuple(rows))


def prompted(runner: Runner) -> Iterator[tuple[str, Mapping[Any, SoftPrompt]]]:
    """(name, prompts by seed) to read texts behind: a given prompt is one without a seed."""
    if runner.prompt is not None:
        yield "given", {None: runner.prompt}
    elif runner.tuned:
        yield PROMPT_TUNING, runner.tuned


def vectors_of(runner: Runner, prompt: SoftPrompt | None) -> Vectors:
    """The target's rows behind a prompt, of the training rows at most ROWS: the same for all methods."""
    key = "" if prompt is None else prompt_digest(prompt)
    if key not in runner.vectors:
        target, model = undesigned(runner.target), runner.model
        (data,) = source_of(target, model, runner.recipe).members
        data = replace(data, train=sample(data.train, ROWS))
        _, test, _ = runner.test_split(target)
        runner.vectors[key] = Vectors(model, prompt, data, test, runner.runs.reporter)
    return runner.vectors[key]


@dataclass(frozen=True)
class Fitted:
    """A trial with the numbers that were fitted for it, and its note."""

    trial: Trial
    fitted: int
    note: str


def line(
    runner: Runner,
    method: str,
    own: Mapping[int | None, Fitted],
    prompt: str = "",
    of_prompt: int = 0,
) -> Row:
    """The line of what was fitted by seed, behind prompts of so many numbers."""
    first = next(iter(own.values()))
    counts = Counts(first.fitted + of_prompt, count(runner.model.network))
    trials = [replace(one.trial, seed=seed) for seed, one in own.items()]
    return runner.row(method, 0, counts, trials, prompt=prompt, note=first.note)


def trial_of(runner: Runner, method: str, classify: Classifier, vectors: Vectors) -> Fitted:
    """The scores of a classifier, without a seed; computed once."""
    data, test, prompt = vectors.data, vectors.test, vectors.prompt
    task = data.definition
    read = {
        "method": [method, NEIGHBOURS, TEMPERATURES, MIXTURES, neighbours.STRENGTHS],
        "model": model_facts(runner.model),
        "prompt": None if prompt is None else prompt_digest(prompt),
        "data": data_digest(data),
        "test": [scoring_facts(task, data.labels), split_digest(test)],
    }

    def scores(split: TokenizedSplit, classes: Classes) -> tuple[dict[str, float], list[str]]:
        words = [task.labels[number] for number in classes]
        return split_metrics(task, split, words), words

    def score(classes: Classes) -> float:
        return main_metric(scores(data.validation, classes)[0])

    def made() -> dict[str, Any]:
        answers = classify(vectors, score)
        metrics, words = scores(test, answers.test)
        trial = Trial(
            None, main_metric(metrics), metrics, tuple(words),
            validation=score(answers.validation), choices=answers.choices,
        )  # fmt: skip
        return {"trial": asdict(trial), "fitted": answers.fitted, "note": answers.note}

    facts = runner.runs.remembered("features", task.name, read, made)
    own = {**facts["trial"], "predictions": tuple(facts["trial"]["predictions"])}
    return Fitted(Trial(**own), facts["fitted"], facts["note"])
