"""Search for a target: the query that is kept, refusals before training, exclusions, reranking."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from spot.training.data import find_task, task_data

from bank.errors import BankError
from bank.store import Bank
from spot.errors import SpotError
from spot.models.model import vocabulary
from spot.retrieval.query import query_entry, query_recipe
from spot.retrieval.target import search_target, value_of, zero_shot_losses
from spot.training.batches import sample
from spot.training.slots import Reporter
from tests.lab import learned
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


@pytest.fixture
def bank(lab, tmp_path):
    return Bank.open(lab.copy(tmp_path / "bank"))


def never():
    pytest.fail("the backbone was loaded")


def test_a_query_is_trained_once_and_then_found(lab, bank, tmp_path, tiny_backbone, request):
    config = lab.config(runs=tmp_path)
    first = search_target("house", config, bank, lambda: tiny_backbone)
    assert [one.id for one in bank.queries()] == [first.queries[0].id]
    assert not list((tmp_path / "queries" / first.queries[0].id).glob("checkpoints"))
    request.getfixturevalue("no_training")
    again = search_target("house", config, bank, never)
    assert again.result == first.result
    assert (again.prompts[0].key == first.prompts[0].key).all()
    with pytest.raises(pytest.fail.Exception, match="was loaded"):  # another seed, another query
        search_target("house", lab.config("search.seeds=[1]", runs=tmp_path), bank, never)


def test_queries_of_several_seeds_are_searched_as_their_mean(lab, bank, tmp_path, tiny_backbone):
    alone = [
        search_target(
            "house", lab.config(f"search.seeds=[{seed}]", runs=tmp_path), bank,
            lambda: tiny_backbone, k=4,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    assert (alone[0].prompts[0].key != alone[1].prompts[0].key).any()
    both = search_target(
        "house", lab.config("search.seeds=[0, 1]", runs=tmp_path), bank, never, k=4
    )
    assert both.queries == alone[0].queries + alone[1].queries
    scores = [{hit.task: hit.score for hit in one.result.hits} for one in alone]
    for hit in both.result.hits:
        mean = (scores[0][hit.task] + scores[1][hit.task]) / 2
        assert (hit.score, hit.pairs) == (pytest.approx(mean, abs=1e-6), 2)


def test_a_query_is_made_as_a_key_is(lab, bank, tmp_path, tiny_backbone):
    """A source searched as a target: its query is its key, bit for bit, since the recipe is one."""
    answer = search_target("place", lab.config("train.slots=1", runs=tmp_path), bank,
                           lambda: tiny_backbone)  # fmt: skip
    entry = next(one for one in bank.entries() if one.task == "place")
    kept = bank.prompts(entry)
    assert (answer.prompts[0].init == kept.init).all()
    np.testing.assert_allclose(answer.prompts[0].key, kept.key, rtol=1e-4, atol=1e-5)
    assert learned(answer.result.warnings) == []
    assert query_recipe(lab.config()).items() <= entry.recipe.items()


@pytest.mark.parametrize(
    ("sets", "k", "message"),
    [
        ((), 0, "k of 1 or more, found 0"),
        (('search.similarity="averag"',), 1, 'found "averag". Did you mean "average"'),
        (("prompt.length=5",), 1, "does not fit the bank"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_training(lab, bank, sets, k, message):
    with pytest.raises(BankError, match=message):
        search_target("house", lab.config(*sets), bank, never, k=k)
    assert bank.queries() == []


def test_unknown_targets_and_empty_banks_are_refused_before_training(lab, bank, tmp_path):
    with pytest.raises(SpotError, match='found "huose". Did you mean "house"'):
        search_target("huose", lab.config(), bank, never)
    with pytest.raises(BankError, match="has no entries to search"):
        search_target("house", lab.config(), Bank.create_or_open(tmp_path / "empty"), never)


def test_a_bank_of_another_backbone_is_refused_before_training(lab, bank, tmp_path):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    with pytest.raises(BankError, match="does not fit the bank"):
        search_target("house", lab.config(f"model.name={model}"), bank, never)


def test_more_than_there_are_are_all_listed_with_a_warning(lab, bank, tmp_path, tiny_backbone):
    found = search_target("house", lab.config(runs=tmp_path), bank, lambda: tiny_backbone, k=9)
    assert len(found.result.hits) == 4
    assert learned(found.result.warnings) == ["asked for k=9 of 4 tasks: all are listed"]


def test_the_targets_own_entry_and_its_mixtures_are_left_out(lab, bank, tmp_path, tiny_backbone):
    found = search_target("bird", lab.config(runs=tmp_path), bank, lambda: tiny_backbone, k=9)
    assert {hit.task for hit in found.result.hits} == {"colour", "place"}


def test_another_recipe_is_a_warning(lab, bank, tmp_path, tiny_backbone):
    config = lab.config("train.learning_rate=0.4", runs=tmp_path)
    found = search_target("house", config, bank, lambda: tiny_backbone)
    assert any(
        "learning_rate differs: query 0.4, 0.5 in 4 of 4" in w for w in found.result.warnings
    )


def test_a_query_that_fails_is_named_and_not_kept(lab, bank, tmp_path, tiny_backbone, monkeypatch):
    from spot.training import build

    real = build.Slot
    monkeypatch.setattr(build, "Slot", lambda *facts: real(*facts[:-1], float("inf")))
    with pytest.raises(SpotError, match="the query of house failed at step 1: its loss is not"):
        search_target("house", lab.config(runs=tmp_path), bank, lambda: tiny_backbone)
    assert bank.queries() == []


def test_a_bank_that_cannot_be_written_costs_a_warning(
    lab, bank, tmp_path, tiny_backbone, monkeypatch
):
    def refuse(*_):
        raise BankError("cannot write the bank: Read-only file system", "")

    monkeypatch.setattr(Bank, "add", refuse)
    reporter = Reporter()
    found = search_target("house", lab.config(runs=tmp_path), bank, lambda: tiny_backbone, reporter)
    assert len(found.result.hits) == 3
    assert reporter.warnings == [
        "the query could not be kept: cannot write the bank: Read-only file system"
    ]


def slow_loss(backbone, prompt, inputs, targets):
    """Cross entropy a target token of one row, without padding or batches."""
    model = backbone.network
    encoded = model.encode(jnp.asarray(inputs)[None], jnp.asarray(prompt)[None], None)
    logits = np.asarray(model.decode(encoded, jnp.asarray(targets)[None], None)[0], np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean([shares[place, token] for place, token in enumerate(targets)])


def test_reranking_orders_by_the_loss_of_each_value(lab, bank, tmp_path, tiny_backbone):
    config = lab.config("search.rerank_examples=3", runs=tmp_path)
    found = search_target("house", config, bank, lambda: tiny_backbone, k=4)
    data = task_data(find_task("house", config), config, vocabulary(config.model))
    rows = sample(data.train, 3, config.search.seeds[0])
    slow = {
        hit.id: np.mean([
            slow_loss(tiny_backbone, value_of(bank, hit.id), rows.inputs[row], rows.targets[row])
            for row in range(3)
        ])
        for hit in found.result.hits
    }  # fmt: skip
    quick = zero_shot_losses("house", list(slow), config, bank, tiny_backbone)
    for id, loss in slow.items():
        assert quick[id] == pytest.approx(loss, rel=1e-4)
    assert [hit.id for hit in found.result.hits] == sorted(slow, key=slow.get)
    assert [hit.rank for hit in found.result.hits] == [1, 2, 3, 4]


def test_earlier_transfers_to_the_target_are_shown(lab, bank, tmp_path, tiny_backbone):
    from bank.outcomes import Outcome

    one = Outcome(bank.get("place").id, "house", "best", 0, "accuracy", 70.0, 60.0, "test", 16)
    other = dataclasses.replace(one, target="bird")
    bank.add_outcomes([one, other])
    found = search_target("house", lab.config(runs=tmp_path), bank, lambda: tiny_backbone, k=4)
    assert found.outcomes == (one,)


def test_the_query_depends_on_data_seed_and_recipe_but_not_on_the_budget(lab, tiny_backbone):
    def id(*sets, seed=0):
        return query_entry("house", lab.config(*sets), tiny_backbone.identity, seed).id

    assert id() == id("train.steps=50") == id("search.k=7") == id("bank.seeds=[5]")
    others = {
        id(seed=1),
        id("data.train_examples=5"),
        id("train.key_step=3"),
        id("prompt.init=random"),
    }
    assert len(others | {id()}) == 5
