"""The target's query prompt: trained with the keys' recipe up to the key step, stored in the bank.

Reading a query that was trained before needs no JAX, so a repeated search is quick.
"""

from __future__ import annotations

from dataclasses import replace

import spot
from bank.entry import Entry, Prompts, id_of
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import Model
from spot.tasks.task import Task
from spot.training.recipe import Recipe
from spot.training.runs import Runs


def query_entry(target: Task, model: Model, recipe: Recipe, seed: int) -> Entry:
    """The record of the target's query, whether or not it has been trained yet."""
    from spot.training.source import data_fingerprint

    target, recipe = target.on(model), recipe.on(model)
    entry = Entry(
        id="",
        kind="query",
        task=target.name,
        members=(),
        family=target.family,
        seed=seed,
        backbone=model.identity,
        recipe=recipe.query_facts(model.precision, target.wording),
        key_step=recipe.key_step,
        data=data_fingerprint(target, recipe.train_examples),
        code=spot.__version__,
    )
    return replace(entry, id=id_of(entry))


def cached_query(bank: Bank, entry: Entry) -> Prompts | None:
    """The query's prompts if it was trained before, else None; a stranger's entry under its id, with
    other facts, is not it.
    """
    query = bank.query(entry.id)
    return None if query is None or id_of(query[0]) != entry.id else query[1]


def train_query(
    bank: Bank, entry: Entry, target: Task, model: Model, recipe: Recipe, runs: Runs
) -> Prompts:
    """Train the query to the key step and store it in the bank.

    If the bank cannot be written, the query is used all the same, with a warning; the next search
    trains it again. Raises SpotError when its loss is not finite.
    """
    from bank.errors import BankError
    from spot.prompts.stored import stored
    from spot.training.build import new_slot
    from spot.training.source import source_of

    short = recipe.on(model).replace(steps=recipe.key_step)
    runs.reporter.phase(f"reading the rows of {target.name}")
    rows = source_of(target, model, short)
    runs.reporter.phase(f"loading {model.name}")
    slot = new_slot(model, rows, short, entry.seed, bank)
    title = f"query {entry.task}"
    slot = replace(slot, name=title)
    trained = runs.train_prompts(model, [slot], short, title=title, validate=False)[0]
    if trained.key is None:
        raise SpotError(
            f"the query of {entry.task} failed at step {trained.failed_step}: its loss is not finite",
            "lower train.learning_rate, in the bank's build as well",
        )
    prompts = stored(slot.init, trained.key, None)
    try:
        bank.add_many([(entry, prompts)])
    except BankError as error:
        runs.reporter.warn(f"the query could not be stored: {error.message}")
    return prompts
