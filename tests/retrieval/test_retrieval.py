"""Search for a target: the query that is kept, refusals before training, exclusions, reranking."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from bank.entry import Backbone, Entry, Prompts, id_of
from bank.errors import BankError
from bank.outcomes import Outcome
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.prompts.stored import value_of
from spot.retrieval.estimators import zero_shot_losses
from spot.retrieval.query import cached_query, query_entry
from spot.training.batches import sample
from spot.training.slots import Reporter
from spot.training.source import source_of
from tests.lab import learned
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


@pytest.fixture
def bank(lab, tmp_path):
    return Bank.open(lab.copy(tmp_path / "bank"))


@pytest.fixture
def unread(tiny_backbone):
    """The tiny model before its weights are read; reading them fails the test."""
    return replace(tiny_backbone, read_network=lambda: pytest.fail("the weights were read"))


def test_a_query_is_trained_once_and_then_reused(
    lab, bank, tmp_path, tiny_backbone, unread, request
):
    at = lab.objects(runs=tmp_path)
    first = at.find(bank, "house", model=tiny_backbone)
    assert [query.id for query in bank.queries()] == [first.queries[0].id]
    assert not list(tmp_path.rglob("checkpoints"))
    request.getfixturevalue("no_training")
    again = at.find(bank, "house", model=unread)
    assert again.result == first.result
    assert (again.prompts[0].key == first.prompts[0].key).all()
    with pytest.raises(pytest.fail.Exception, match="were read"):  # another seed, another query
        lab.objects("search.seeds=[1]", runs=tmp_path).find(bank, "house", model=unread)


def test_queries_of_several_seeds_are_searched_as_their_mean(
    lab, bank, tmp_path, tiny_backbone, unread
):
    alone = [
        lab.objects(f"search.seeds=[{seed}]", runs=tmp_path).find(
            bank, "house", k=4, model=tiny_backbone
        )
        for seed in (0, 1)
    ]
    assert (alone[0].prompts[0].key != alone[1].prompts[0].key).any()
    both = lab.objects("search.seeds=[0, 1]", runs=tmp_path).find(bank, "house", k=4, model=unread)
    assert both.queries == alone[0].queries + alone[1].queries
    scores = [{hit.task: hit.score for hit in answer.result.hits} for answer in alone]
    for hit in both.result.hits:
        mean = (scores[0][hit.task] + scores[1][hit.task]) / 2
        assert (hit.score, hit.pairs) == (pytest.approx(mean, abs=1e-6), 2)


def test_a_query_is_made_as_a_key_is(lab, bank, tmp_path, tiny_backbone):
    """A source searched as a target: its query is its key, since the recipe is the same."""
    at = lab.objects("train.slots=1", runs=tmp_path)
    answer = at.find(bank, "place", model=tiny_backbone)
    entry = next(entry for entry in bank.entries() if entry.task == "place")
    source = bank.prompts(entry)
    assert (answer.prompts[0].init == source.init).all()
    np.testing.assert_allclose(answer.prompts[0].key, source.key, rtol=1e-4, atol=1e-5)
    assert learned(answer.result.warnings) == []
    facts = at.recipe.on(tiny_backbone).query_facts(
        tiny_backbone.precision, at.task("place").wording
    )
    assert facts.items() <= entry.recipe.items()
    assert answer.queries[0].recipe == facts


@pytest.mark.parametrize(
    ("sets", "similarity", "k", "message"),
    [
        ((), "average", 0, "k of 1 or more, found 0"),
        ((), "averag", 1, 'found "averag". Did you mean "average"'),
        (("prompt.length=5",), "average", 1, "does not fit the bank"),
    ],
)
def test_an_impossible_search_is_refused_before_training(
    lab, bank, unread, sets, similarity, k, message
):
    at = lab.objects(*sets)
    at.search = at.search.model_copy(update={"similarity": similarity})
    with pytest.raises(BankError, match=message):
        at.find(bank, "house", k=k, model=unread)
    assert bank.queries() == []


def test_unknown_targets_and_empty_banks_are_refused_before_training(lab, bank, tmp_path, unread):
    at = lab.objects()
    with pytest.raises(SpotError, match='found "huose". Did you mean "house"'):
        at.find(bank, "huose", model=unread)
    with pytest.raises(BankError, match="has no entries to search"):
        at.find(Bank.create_or_open(tmp_path / "empty"), "house", model=unread)


def test_a_bank_of_another_model_is_refused_before_training(lab, bank, tmp_path, no_training):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    with pytest.raises(BankError, match="does not fit the bank"):
        lab.objects(f"model.name={model}").find(bank, "house")


def test_a_k_above_the_number_of_tasks_lists_all_with_a_warning(lab, bank, tmp_path, tiny_backbone):
    answer = lab.objects(runs=tmp_path).find(bank, "house", k=9, model=tiny_backbone)
    assert len(answer.result.hits) == 4
    assert learned(answer.result.warnings) == ["asked for k=9 of 4 tasks: all are listed"]


def test_the_targets_own_entry_and_its_mixtures_are_left_out(lab, bank, tmp_path, tiny_backbone):
    answer = lab.objects(runs=tmp_path).find(bank, "bird", k=9, model=tiny_backbone)
    assert {hit.task for hit in answer.result.hits} == {"colour", "place"}


def test_another_recipe_is_a_warning(lab, bank, tmp_path, tiny_backbone):
    at = lab.objects("train.learning_rate=0.4", runs=tmp_path)
    answer = at.find(bank, "house", model=tiny_backbone)
    assert any(
        "learning_rate differs: query 0.4, 0.5 in 4 of 4" in warning
        for warning in answer.result.warnings
    )


def test_a_query_that_fails_is_named_and_not_stored(lab, bank, tmp_path, tiny_backbone):
    at = lab.objects("train.learning_rate=1e39", runs=tmp_path)  # infinite in float32
    with pytest.raises(SpotError, match="the query of house failed at step 1: its loss is not"):
        at.find(bank, "house", model=tiny_backbone)
    assert bank.queries() == []


class FullBank(Bank):
    """A bank on a disk that takes no more."""

    def add_many(self, items):
        raise BankError("cannot write the bank: Read-only file system", "")


def test_a_bank_that_cannot_be_written_costs_a_warning(lab, bank, tmp_path, tiny_backbone):
    reporter = Reporter()
    at = lab.objects(runs=tmp_path, reporter=reporter)
    answer = at.find(FullBank.open(bank.path), "house", model=tiny_backbone)
    assert len(answer.result.hits) == 3
    assert reporter.warnings == [
        "the query could not be stored: cannot write the bank: Read-only file system"
    ]


def slow_loss(model, rows, inputs, targets):
    """Cross entropy a target token of one text behind a plain prompt, without padding or batches."""
    encoded = model.network.encode(
        jnp.asarray(inputs)[None], SoftPrompt.of(PREFIX, rows).stacked(), None
    )
    logits = model.network.decode(encoded, jnp.asarray(targets)[None], None)[0]
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean([shares[place, token] for place, token in enumerate(targets)])


def test_reranking_orders_by_the_loss_of_each_value(lab, bank, tmp_path, tiny_backbone):
    at = lab.objects("search.rerank_examples=3", runs=tmp_path)
    answer = at.find(bank, "house", k=4, model=tiny_backbone)
    target, seed = at.task("house"), at.search.seeds[0]
    rows = sample(source_of(target, tiny_backbone, at.recipe).members[0].train, 3, seed)
    values = {hit.id: value_of(bank, bank.get(hit.id)) for hit in answer.result.hits}
    slow = {
        id: np.mean(
            [
                slow_loss(tiny_backbone, value.key, rows.inputs[row], rows.targets[row])
                for row in range(3)
            ]
        )
        for id, value in values.items()
    }
    quick = zero_shot_losses(tiny_backbone, target, at.recipe, list(values.values()), 3, seed)
    np.testing.assert_allclose(quick, list(slow.values()), rtol=1e-4)
    assert [hit.id for hit in answer.result.hits] == sorted(slow, key=slow.get)
    assert [hit.rank for hit in answer.result.hits] == [1, 2, 3, 4]


def test_earlier_transfers_to_the_target_are_shown(lab, bank, tmp_path, tiny_backbone):
    recorded = Outcome(bank.get("place").id, "house", "best", 0, "accuracy", 70.0, 60.0, "test", 16)
    bank.add_outcomes([recorded, replace(recorded, target="bird")])
    answer = lab.objects(runs=tmp_path).find(bank, "house", k=4, model=tiny_backbone)
    assert answer.outcomes == (recorded,)


def test_the_query_depends_on_data_seed_and_recipe_but_not_on_the_budget(lab, tiny_backbone):
    def id(*sets, seed=0):
        at = lab.objects(*sets)
        return query_entry(at.task("house"), tiny_backbone, at.recipe, seed).id

    assert id() == id("train.steps=50") == id("search.k=7") == id("bank.seeds=[5]")
    others = {
        id(seed=1),
        id("data.train_examples=5"),
        id("train.key_step=3"),
        id("prompt.init=random"),
    }
    assert len(others | {id()}) == 5


def test_another_query_under_the_id_is_not_taken_for_it(tmp_path, monkeypatch):
    """A stranger's entry may bear any id, with checksums that are right."""
    bank, rows = Bank(tmp_path / "bank"), np.ones((2, 3), np.float32)
    entry = Entry("", "query", "house", (), "", 0, Backbone("m", "fp"), {"learning_rate": 0.3})
    entry = replace(entry, id=id_of(entry))
    bank.add(entry, Prompts(None, rows, None))
    assert np.array_equal(cached_query(bank, entry).key, rows)
    bank.remove([entry.id])
    monkeypatch.setattr("bank.store._check_id", lambda entry: None)
    bank.add(replace(entry, recipe={"learning_rate": 9.0}), Prompts(None, 2 * rows, None))
    assert bank.query(entry.id) is not None and cached_query(bank, entry) is None
