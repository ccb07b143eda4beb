"""Search for a target: its query prompt (found or trained), the nearest keys, and what is known of
them.

Nothing here imports JAX unless a query has to be trained or hits are to be reranked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bank.entry import Entry, Prompts
from bank.nearest import SearchResult, rerank, search
from bank.outcomes import Outcome
from bank.store import Bank
from spot.config import Config
from spot.models.model import identity
from spot.retrieval.query import cached_query, query_entry, train_query

if TYPE_CHECKING:
    from spot.models.model import Model
    from spot.training.slots import Reporter

LoadBackbone = Callable[[], "Model"]


@dataclass(frozen=True, eq=False)
class Answer:
    """The hits for a target, nearest first, with the queries they were found by, one a seed, and past
    outcomes.

    `outcomes` are transfers recorded earlier from one of the hits to this target.
    """

    target: str
    queries: tuple[Entry, ...]
    prompts: tuple[Prompts, ...]
    result: SearchResult
    outcomes: tuple[Outcome, ...]


def search_target(
    target: str,
    config: Config,
    bank: Bank,
    load_backbone: LoadBackbone,
    reporter: Reporter | None = None,
    *,
    k: int | None = None,
) -> Answer:
    """The k tasks most similar to the target's queries; trains and keeps those that are new.

    The target's own entries, and mixtures that hold it, are left out. Raises SpotError for an
    unknown target and BankError for an empty bank, a bad k or similarity, or another backbone.
    """
    settings = config.search
    count = settings.k if k is None else k
    model = identity(config.model)
    queries = tuple(query_entry(target, config, model, seed) for seed in settings.seeds)
    known = [cached_query(bank, entry) for entry in queries]
    if any(prompts is None for prompts in known):
        _refuse_early(bank, queries[0], config, count)
    found = [
        train_query(bank, entry, config, load_backbone(), reporter) if prompts is None else prompts
        for entry, prompts in zip(queries, known, strict=True)
    ]
    result = search(
        bank,
        found,
        similarity=settings.similarity,
        k=count,
        exclude_tasks=(target,),
        query_entry=queries[0],
        unlearned=config.search.unlearned,
    )
    if settings.rerank_examples:
        found_ids = [hit.id for hit in result.hits]
        losses = zero_shot_losses(target, found_ids, config, bank, load_backbone())
        result = SearchResult(
            rerank(result.hits, losses), result.warnings, result.similarity, result.n
        )
    ids = {hit.id for hit in result.hits} | {hit.task for hit in result.hits}
    outcomes = tuple(one for one in bank.outcomes() if one.target == target and one.source in ids)
    return Answer(target, queries, tuple(found), result, outcomes)


def _refuse_early(bank: Bank, entry: Entry, config: Config, k: int) -> None:
    """Searches with an arbitrary query of the right shape, so that errors come before any training."""
    manifest = bank.manifest
    width = manifest.width if manifest else 1
    stand_in = (
        np.random.default_rng(0).normal(size=(config.prompt.length, width)).astype(np.float32)
    )
    search(
        bank,
        Prompts(np.zeros_like(stand_in), stand_in, None),
        similarity=config.search.similarity,
        k=k,
        exclude_tasks=(entry.task,),
        query_entry=entry,
        unlearned=config.search.unlearned,
    )


def zero_shot_losses(
    target: str, ids: Sequence[str], config: Config, bank: Bank, backbone: Model
) -> dict[str, float]:
    """Mean loss (nats a target token) of each entry's value on a few target training rows, in one
    mixed batch.
    """
    from spot.prompts.stacked import stack
    from spot.training.batches import batch_of, sample
    from spot.training.data import find_task, task_data
    from spot.training.step import batch_losses

    data = task_data(find_task(target, config), config, backbone.vocabulary)
    rows = sample(data.train, config.search.rerank_examples, config.search.seeds[0])
    count = len(rows)
    values = [value_of(bank, id) for id in ids]
    inputs = [rows.inputs[row] for row in range(count)] * len(ids)
    targets = [rows.targets[row] for row in range(count)] * len(ids)
    losses = batch_losses(backbone.network, stack(values), batch_of(inputs, targets))
    means = np.asarray(losses).reshape(len(ids), count).mean(axis=1)
    return {id: float(mean) for id, mean in zip(ids, means, strict=True)}


def value_of(bank: Bank, id: str) -> np.ndarray:
    """The value prompt [P, H] of an entry, or its key when it holds no value."""
    return bank.prompts(bank.get(id)).start
