"""Weights of the prompts of an ensemble: by their validation scores, or by how near they are to a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bank.entry import Entry
from bank.index import build_index, read_keys
from bank.similarities import find_similarity
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.task import Task


def validation_weights(
    prompts: Sequence[SoftPrompt], names: Sequence[str], task: Task
) -> tuple[float, ...]:
    """Each prompt's recorded validation score less that of guessing, 0 where it is no better.

    Guessing is the commonest label where it is recorded of all prompts, else one of C label words at
    random, and 0 for generated answers. names: of the prompts, for errors. Raises SpotError for a prompt
    without a recorded score, and for prompts none of which is better than guessing.
    """
    scores: list[dict[str, Any]] = []
    for name, prompt in zip(names, prompts, strict=True):
        score = dict(prompt.facts.scores.get("validation", {})) if prompt.facts else {}
        if score.get("value") is None:
            raise SpotError(
                f"expected a validation score in the facts of {name}, found none",
                "entries of a bank and prompts that are written as .safetensors have one; or give "
                "the weights as numbers: --weights 0.5,0.5",
            )
        scores.append(score)
    guess = 100 / len(task.labels) if task.scoring == "rank" else 0.0
    recorded = all(score.get("majority") is not None for score in scores)
    weights = tuple(
        max(0.0, score["value"] - (score["majority"] if recorded else guess)) for score in scores
    )
    if not any(weights):
        found = ", ".join(f"{score['value']:g}" for score in scores)
        raise SpotError(
            f"expected a prompt whose validation score is above that of guessing, found {found}",
            "leave --weights out, or train the prompts for longer",
        )
    return weights


def similarity_weights(
    bank: Bank, entries: Sequence[Entry], target: str, model: Model, similarity: str
) -> tuple[float, ...]:
    """The similarity of each entry's key to the bank's queries of the target, 0 where it is below 0.

    The mean over the queries of the model's, one a seed. Raises SpotError where the bank has no query of the
    target, and for entries none of which is near to it.
    """
    queries = [
        found[1]
        for entry in bank.queries()
        if entry.task == target and entry.backbone.fingerprint == model.fingerprint
        if (found := bank.query(entry.id)) is not None
    ]
    if not queries:
        raise SpotError(
            f"expected a query of {target} in {bank.path}, by which its entries are weighted, found none",
            f"search for it first: spot search --target {target} --bank {bank.path}",
        )
    measure = find_similarity(similarity)
    index = build_index(measure, read_keys(bank, measure))
    scores = np.mean([index.scores(measure, query) for query in queries], axis=0)
    by_id = dict(zip(index.ids, map(float, scores), strict=True))
    weights = tuple(max(0.0, by_id.get(entry.id, 0.0)) for entry in entries)
    if not any(weights):
        raise SpotError(
            f"expected an entry with a similarity above 0 to {target}, found none",
            "leave --weights out, or choose entries that spot search finds",
        )
    return weights
