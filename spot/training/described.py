"""Trained prompts with their facts: task, wording, label words, model, recipe and score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import spot
from bank.formats import Facts
from spot.models.model import Model
from spot.prompts.facts import task_facts
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Mixture, Task
from spot.training.recipe import Recipe
from spot.training.slots import Check, Trained


def described(
    model: Model, source: Task | Mixture, recipe: Recipe, trained: Trained, start: str = ""
) -> SoftPrompt:
    """The value of a trained prompt with its facts. start: what it began from, where that is not the
    recipe's init.
    """
    source = source.on(model)
    recorded = recipe.on(model).entry_facts(model.precision, source.wording)
    recorded["learning_rate"] = trained.slot.learning_rate
    if start:
        recorded["init"] = start
    facts = Facts(
        **task_facts(source),  # type: ignore[arg-type]
        model=model.identity,
        recipe=recorded,
        seed=trained.slot.seed,
        step=trained.value_step,
        scores={} if trained.best is None else {"validation": validation_score(trained.best)},
        code=spot.__version__,
    )
    return replace(trained.value, facts=facts)


def validation_score(check: Check) -> dict[str, Any]:
    """A check as an entry and a prompt's facts record it."""
    names = list(check.metrics)
    return {
        "metric": names[0] if len(names) == 1 else "mean",
        "value": round(check.score, 4),
        "n": check.n,
        "metrics": {name: round(value, 4) for name, value in check.metrics.items()},
    }
