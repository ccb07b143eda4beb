"""Search for a target: its query prompt (found or trained), the nearest keys, and past outcomes.

Nothing here imports JAX unless a query has to be trained or hits are to be reranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bank.entry import Entry, Prompts
from bank.index import Keys, read_keys
from bank.nearest import SearchResult, rerank
from bank.nearest import search as search_keys
from bank.nearness import nearest_unrelated
from bank.outcomes import Outcome
from bank.similarities import find_similarity
from bank.store import Bank
from spot.models.model import Model
from spot.retrieval.estimators import Estimator, zero_shot_losses
from spot.retrieval.query import cached_query, query_entry, train_query
from spot.retrieval.settings import SearchSettings
from spot.tasks.task import Task
from spot.training.recipe import Recipe, recipe_of_entries
from spot.training.runs import Runs
from spot.verdicts.nearness import judge_nearness
from spot.verdicts.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Answer:
    """The hits for a target, nearest first, and the queries that found them, one per seed.

    `outcomes` are earlier transfers from one of the hits to this target. `verdict` judges whether the
    nearest source, by similarity, is near.
    """

    target: str
    queries: tuple[Entry, ...]
    prompts: tuple[Prompts, ...]
    result: SearchResult
    outcomes: tuple[Outcome, ...]
    verdict: Verdict


def search(
    bank: Bank,
    model: Model,
    target: Task,
    k: int | None = None,
    *,
    recipe: Recipe | None = None,
    settings: SearchSettings | None = None,
    runs: Runs | None = None,
) -> Answer:
    """Search for the k tasks most similar to the target's queries; new queries are trained and stored.

    k: by default `settings.k`. recipe: of the query; by default the one that most of the bank's keys
    were trained with. settings: by default three hits by the similarity that suits the model's
    prompts. The target's own entries, and mixtures that hold it, are left out. Raises BankError for
    an empty bank, a bad k or similarity, or another model, SpotError for unusable rows.
    """
    recipe = recipe_for(bank, model, recipe)
    settings = settings_for(bank, model, recipe, settings)
    runs = runs or Runs()
    count = settings.k if k is None else k
    queries = tuple(query_entry(target, model, recipe, seed) for seed in settings.seeds)
    cached = [cached_query(bank, entry) for entry in queries]
    if any(prompts is None for prompts in cached):
        _refuse_early(bank, queries[0], recipe, settings, count)
    prompts = [
        train_query(bank, entry, target, model, recipe, runs) if query is None else query
        for entry, query in zip(queries, cached, strict=True)
    ]
    keys = read_keys(bank, find_similarity(settings.similarity))
    result = search_keys(
        bank,
        prompts,
        similarity=settings.similarity,
        k=count,
        exclude_tasks=(target.name,),
        query_entry=queries[0],
        unlearned=settings.unlearned,
        keys=keys,
    )
    if settings.rerank_examples:
        runs.reporter.phase(f"ranking the hits on {settings.rerank_examples} rows of {target.name}")
        losses = losses_of(bank, model, target, recipe, [hit.id for hit in result.hits], settings)
        result = SearchResult(
            rerank(result.hits, losses), result.warnings, result.similarity, result.n
        )
    ids = {hit.id for hit in result.hits} | {hit.task for hit in result.hits}
    outcomes = tuple(
        outcome
        for outcome in bank.outcomes()
        if outcome.target == target.name and outcome.source in ids
    )
    verdict = judge_hits(bank, target, result, settings, keys)
    return Answer(target.name, queries, tuple(prompts), result, outcomes, verdict)


def judge_hits(
    bank: Bank,
    target: Task,
    result: SearchResult,
    settings: SearchSettings,
    keys: Keys | None = None,
) -> Verdict:
    """The verdict on the nearest hit, whatever orders the hits, against the bank's unrelated tasks.

    keys: the bank's, where they have been read already.
    """
    nearest = max(result.hits, key=lambda hit: hit.score)
    unrelated = nearest_unrelated(
        bank,
        result.similarity,
        exclude_tasks=(target.name,),
        unlearned=settings.unlearned,
        keys=keys,
    )
    return judge_nearness(nearest.task, nearest.score, unrelated, result.similarity)


def recipe_for(bank: Bank, model: Model, recipe: Recipe | None) -> Recipe:
    """The recipe, or the one that most of the bank's keys were trained with, with a known start."""
    return (recipe_of_entries(bank.entries()) if recipe is None else recipe).on(model)


def settings_for(
    bank: Bank, model: Model, recipe: Recipe, settings: SearchSettings | None
) -> SearchSettings:
    """The settings, or the defaults with the similarity that suits the model's prompts; "average" for
    fewer than three keys, since two prompts minus their mean are opposites.
    """
    if settings is not None:
        return settings
    own = model.defaults
    if (recipe.init, recipe.text) == (own.init, own.text) and len(bank.entries()) > 2:
        return SearchSettings(similarity=own.similarity)
    return SearchSettings()


def losses_of(
    bank: Bank,
    model: Model,
    target: Task,
    recipe: Recipe,
    ids: Sequence[str],
    settings: SearchSettings,
    estimator: Estimator = zero_shot_losses,
) -> dict[str, float]:
    """The estimate for each entry's value on `settings.rerank_examples` rows of the target, the lower
    the better a start.
    """
    from spot.prompts.stored import value_of

    values = [value_of(bank, bank.get(id)) for id in ids]
    losses = estimator(model, target, recipe, values, settings.rerank_examples, settings.seeds[0])
    return dict(zip(ids, losses.tolist(), strict=True))


def _refuse_early(
    bank: Bank, entry: Entry, recipe: Recipe, settings: SearchSettings, k: int
) -> None:
    """Search with a random query of the right shape, so that errors come before any training."""
    manifest = bank.manifest
    width = manifest.width if manifest else 1
    stand_in = np.random.default_rng(0).normal(size=(recipe.length, width)).astype(np.float32)
    search_keys(
        bank,
        Prompts(np.zeros_like(stand_in), stand_in, None),
        similarity=settings.similarity,
        k=k,
        exclude_tasks=(entry.task,),
        query_entry=entry,
        unlearned=settings.unlearned,
    )
