"""The target's query prompt: trained with the keys' recipe up to the key step, kept in the bank.

Finding a query that was trained before needs no JAX, so a repeated search is quick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import spot
from bank.entry import Backbone as Identity
from bank.entry import Entry, Prompts, id_of
from bank.store import Bank
from spot.config import Config, key_recipe
from spot.errors import SpotError
from spot.training.data import data_fingerprint, find_task

if TYPE_CHECKING:
    from spot.models.model import Model
    from spot.training.slots import Reporter


def query_recipe(config: Config) -> dict[str, Any]:
    """The key's recipe and step: all that decides a query beside task, seed, data and backbone."""
    return {**key_recipe(config), "key_step": config.train.key_step}


def query_entry(target: str, config: Config, identity: Identity, seed: int) -> Entry:
    """What the target's query is called and made of, whether or not it has been trained yet."""
    entry = Entry(
        id="", kind="query", task=target, members=(), family=find_task(target, config).family,
        seed=seed, backbone=identity, recipe=query_recipe(config),
        key_step=config.train.key_step, data=data_fingerprint(target, config), code=spot.__version__,
    )  # fmt: skip
    return replace(entry, id=id_of(entry))


def cached_query(bank: Bank, entry: Entry) -> Prompts | None:
    """The query's prompts when they were trained before, else None."""
    found = bank.query(entry.id)
    return None if found is None else found[1]


def train_query(
    bank: Bank, entry: Entry, config: Config, backbone: Model, reporter: Reporter | None = None
) -> Prompts:
    """Trains the query to the key step and keeps it in the bank.

    Raises SpotError when its loss is not finite. A bank that cannot be written only costs the
    next search its time: the query is used all the same, with a warning.
    """
    from bank.errors import BankError
    from spot.training.build import new_slot
    from spot.training.data import load_source
    from spot.training.runs import runs_of

    runs = runs_of(config, reporter)
    source = load_source(entry.task, config, backbone.vocabulary)
    name, embedding = f"query {entry.task}", backbone.embeddings
    slot = new_slot(name, source, entry.seed, config, backbone, embedding, bank)
    settings = config.train.model_copy(update={"steps": config.train.key_step})
    trained = runs.train_prompts(backbone, [slot], settings, title=name, validate=False)[0]
    if trained.key is None:
        raise SpotError(
            f"the query of {entry.task} failed at step {trained.failed_step}: its loss is not finite",
            "lower train.learning_rate, in the bank's build as well",
        )
    prompts = Prompts(slot.init, trained.key, None)
    try:
        bank.add(entry, prompts)
    except BankError as error:
        runs.reporter.warn(f"the query could not be kept: {error.message}")
    return prompts
