"""Combine entries for a target: weights that suit a few of its rows, and the comparison with the parts.

Weights are found without gradients, as LoraHub finds those of adapters (Huang et al., arXiv 2307.13269,
section 3.3). A combination is judged on the test split as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bank.combine import Parts, combined_entry
from bank.entry import Entry, Prompts
from bank.store import Bank
from spot.models.model import Model
from spot.prompts.kinds import find_kind
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import check_model, soft_prompt, value_of
from spot.tasks.examples import TokenizedSplit
from spot.tasks.task import Task
from spot.tasks.vocabulary import label_tokens
from spot.training.batches import batch_of, sample
from spot.training.evaluate import Evaluation, sample_of, with_intervals
from spot.training.judging import compared, metric_name
from spot.training.recipe import Recipe
from spot.training.runs import (
    Runs,
    array_digest,
    model_facts,
    prompt_digest,
    scoring_facts,
    split_digest,
)
from spot.training.source import source_of, test_rows
from spot.verdicts.differences import judge_difference
from spot.verdicts.verdict import Verdict

MOST_WEIGHT = 1.5
PRICE = 0.05  # nats that a weight of 1 has to gain
TRIALS = 20  # losses computed for each weight, at most
"""The bounds of weights and the price of their size are LoraHub's."""

NO_PROMPT = "without a prompt"


@dataclass(frozen=True, eq=False)
class Scored:
    """A prompt as it is on the target: its validation score, and its test scores with their intervals."""

    name: str
    validation: float
    test: Evaluation


@dataclass(frozen=True, eq=False)
class CombinationReport:
    """A combination for a target. `item` is the entry as `Bank.add` takes it, `expression` has the weights
    that were used and `rows` is the number of training rows that chose them, 0 where they were given.

    `trials` counts the losses computed for them. `best` is the part that is best on validation, `bare` the
    model without a prompt.
    """

    target: str
    metric: str
    item: tuple[Entry, Prompts]
    expression: str
    rows: int
    trials: int
    combined: Scored
    parts: tuple[Scored, ...]
    bare: Scored
    best: str
    best_id: str
    tfidf: float | None
    verdict: Verdict


def combine(
    bank: Bank,
    model: Model,
    target: Task,
    expression: str,
    *,
    name: str = "",
    base: str = "",
    match_norms: bool = False,
    rows: int = 0,
    seed: int = 0,
    recipe: Recipe | None = None,
    runs: Runs | None = None,
) -> CombinationReport:
    """Combine entries, as `Bank.combine`, and compare the combination with its parts on the target.

    rows: so many training rows of the target, drawn by the seed, choose the weights of the terms; 0: those
    of the expression. recipe: how the target's rows are read, by default the model's own. Nothing is added
    to the bank. Raises BankError as `Bank.combine` does, SpotError for entries of another model and for
    unusable rows.
    """
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    parts = bank.parts(expression, base=base, match_norms=match_norms)
    for entry, _ in parts.items.values():
        check_model(entry, model)
    runs.reporter.phase(f"reading the rows of {target.name}")
    target = target.on(model)
    data = source_of(target, model, recipe).members[0]
    test = test_rows(target, model, recipe)
    trials = 0
    if rows:
        chosen = sample(data.train, rows, seed)
        runs.reporter.phase(f"choosing {len(parts.expression.terms)} weights on {len(chosen)} rows")
        weights, trials = fitted_weights(parts, model, target, chosen, runs)
        parts = replace(parts, expression=parts.expression.with_weights(weights))
        rows = len(chosen)
    item = combined_entry(parts, name.strip() or str(parts.expression))

    def scored(name: str, prompt: SoftPrompt | None) -> Scored:
        validation, tested = (
            runs.evaluate(model, prompt, target, split, data.labels)
            for split in (data.validation, test)
        )
        return Scored(name, validation.value, with_intervals(tested, target, test))

    kind = find_kind(item[0].prompt_kind)
    combined = scored(item[0].task, soft_prompt(kind, item[1].start, {}, item[0].id))
    prompts = {name: value_of(bank, entry) for name, (entry, _) in parts.items.items()}
    alone = tuple(scored(name, prompt) for name, prompt in prompts.items())
    best = max(alone, key=lambda part: part.validation)
    beside = compared(target, "test", test, train_examples=recipe.train_examples, runs=runs)
    samples = [sample_of([each.test.predictions], target, test) for each in (combined, best)]
    return CombinationReport(
        target=target.name,
        metric=metric_name(target),
        item=item,
        expression=str(parts.expression),
        rows=rows,
        trials=trials,
        combined=combined,
        parts=alone,
        bare=scored(NO_PROMPT, None),
        best=best.name,
        best_id=parts.items[best.name][0].id,
        tfidf=beside.tfidf_score,
        verdict=judge_difference(
            metric_name(target),
            len(test),
            ("the combination", samples[0]),
            (f"its best part, {best.name},", samples[1]),
            beside.floors,
            beside.tfidf,
        ),
    )


def fitted_weights(
    parts: Parts, model: Model, target: Task, rows: TokenizedSplit, runs: Runs
) -> tuple[list[float], int]:
    """The weights of the expression's terms that minimise the loss of the combination on the rows plus PRICE
    for their sizes, and how many were tried; computed once for the same prompts and rows.

    The search begins at the expression's weights, and may return them, and needs no gradients (COBYQA:
    Ragonneau 2022).
    """
    kind = find_kind(next(iter(parts.items.values()))[0].prompt_kind)
    loss = loss_on(model, target, rows)
    prompts = {name: SoftPrompt.of(kind, arrays.start) for name, (_, arrays) in parts.items.items()}
    start = np.clip([term.weight for term in parts.expression.terms], -MOST_WEIGHT, MOST_WEIGHT)

    def price(weights: np.ndarray) -> float:
        prompt = SoftPrompt.of(kind, parts.prompts(weights.tolist()).start)
        return loss(prompt) + PRICE * float(np.abs(weights).sum())

    def search() -> tuple[list[float], int]:
        from scipy.optimize import Bounds, minimize

        result = minimize(
            price,
            start,
            method="COBYQA",
            bounds=Bounds(-MOST_WEIGHT, MOST_WEIGHT),
            options={"maxfev": TRIALS * (1 + len(start)), "initial_tr_radius": 0.5},
        )
        return [round(float(weight), 4) for weight in result.x], int(result.nfev)

    read = {
        "model": model_facts(model),
        "task": scoring_facts(target, label_tokens(target, model.vocabulary)),
        "rows": split_digest(rows),
        "terms": [
            [[prompt_digest(prompts[term.name]), term.weight] for term in terms]
            for terms in parts.expression.sums
        ],
        "inits": [None if init is None else array_digest(init) for init in parts.inits()],
        "norms": parts.match_norms,
    }
    title = f"weights for {target.name}"
    weights, trials = runs.remembered("combinations", target.name, read, search, title)
    return weights, trials


def loss_on(model: Model, target: Task, rows: TokenizedSplit) -> Callable[[SoftPrompt], float]:
    """The mean loss of a prompt on the rows, in nats: cross entropy of the label words' scores, or, where
    answers are generated, of a target token.
    """
    if target.scoring == "rank":
        labels = label_tokens(target, model.vocabulary)

        def of_labels(prompt: SoftPrompt) -> float:
            scores = model.score(rows.inputs, labels, prompt).astype(np.float64)
            right = np.take_along_axis(scores, rows.labels[:, None], axis=1)[:, 0]
            return float((np.logaddexp.reduce(scores, axis=1) - right).mean())

        return of_labels

    from spot.models.sharding import place_rows
    from spot.prompts.stacked import stack
    from spot.training.step import batch_losses

    every = range(len(rows))
    batch = batch_of([rows.inputs[row] for row in every], [rows.targets[row] for row in every])
    batch = place_rows(model.network.mesh, batch)

    def of_tokens(prompt: SoftPrompt) -> float:
        return float(np.asarray(batch_losses(model.network, stack([prompt]), batch)).mean())

    return of_tokens
