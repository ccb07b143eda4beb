"""Prompt tuning and model tuning: gradient descent on the training rows, as many steps for both."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from spot.models.counts import Counts, count
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import score_on_test, train_starts
from spot.study.methods.method import PROMPT_TUNING, Lines, Runner, Trial, scored, undesigned
from spot.training.evaluate import evaluate
from spot.training.runs import (
    discard_checkpoints,
    model_facts,
    scoring_facts,
    source_digest,
    split_digest,
)
from spot.training.source import source_of


def prompt_tuning(runner: Runner) -> Lines:
    """A soft prompt from scratch, as `spot transfer` trains it."""
    model, recipe, runs = runner.model, runner.recipe, runner.runs
    target = undesigned(runner.target)
    candidates = train_starts(model, target, [Start(SCRATCH)], recipe, runner.plan, runs)
    scores = [score_on_test(model, target, candidate, recipe, runs) for candidate in candidates]
    trials = [
        Trial(
            run.seed,
            run.test,
            run.test_metrics,
            run.predictions,
            run.learning_rate,
            run.step,
            run.validation,
        )
        for run in scores
    ]
    trained = scores[0].prompt.count
    row = runner.row(PROMPT_TUNING, 0, Counts(trained, count(model.network)), trials)
    return Lines((row,), {run.seed: run.prompt for run in scores})


def model_tuning(runner: Runner) -> Lines:
    """All weights, for as many steps as a prompt."""
    from spot.training.fine_tuning import best_rate

    model, target, runs = runner.model, undesigned(runner.target), runner.runs
    steps = runner.plan.steps
    recipe = runner.recipe.replace(steps=steps, key_step=min(steps, runner.recipe.key_step))
    source = source_of(target, model, recipe)
    task, test, labels = runner.test_split(target)

    def tune(seed: int) -> dict[str, Any]:
        tune_at_rate = partial(runs.fine_tune, model, source, seed, recipe=recipe)
        tuned = best_rate(runner.rates, tune_at_rate, source.name)
        score = evaluate(tuned.on(model), None, task, test, labels)
        chosen = {"step": tuned.best.step, "validation": tuned.best.score}
        return asdict(scored(seed, score, learning_rate=tuned.learning_rate, **chosen))

    trials: list[Trial] = []
    for seed in runner.plan.seeds:
        places = [
            runs.fine_tuning_place(model, source, seed, rate, recipe) for rate in runner.rates
        ]
        read = {
            "model": model_facts(model),
            "runs": sorted(place.name for place in places),
            "data": source_digest(source),
            "test": [scoring_facts(task, labels), split_digest(test)],
        }
        title = f"model tuning on {target.name} (seed {seed})"
        facts = runs.remembered("fine-tuned", target.name, read, partial(tune, seed), title)
        trials.append(Trial(**{**facts, "predictions": tuple(facts["predictions"])}))
        for place in places:
            discard_checkpoints(place, runs.reporter)
    return Lines((runner.row("model-tuning", 0, Counts(count(model.network), 0), trials),))
