"""Prompts of several kinds in one bank: kept, checked, merged and searched side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bank.errors import BankError
from bank.integrity import verify
from bank.nearest import search, seeds_of_tasks
from bank.store import Bank

RECIPE = {"init": "vocab", "learning_rate": 0.3}
LAYERED = RECIPE | {"prompt_kind": "layered"}


def with_layers(prompts, seed=0):
    layers = np.random.default_rng(seed).normal(size=(3, 4, 6)).astype(np.float32)
    return prompts._replace(arrays={"layers": layers})


@pytest.fixture
def mixed(bank, entry_of, prompts_of):
    """A plain entry and one with layers, of one task."""
    bank.add(entry_of("t", recipe=RECIPE), prompts_of(0))
    bank.add(entry_of("t", recipe=LAYERED), with_layers(prompts_of(1)))
    return bank


def test_both_are_kept_and_whole(mixed):
    kinds = {entry.prompt_kind: mixed.prompts(entry) for entry in mixed.entries()}
    assert set(kinds) == {"prefix", "layered"}
    assert kinds["prefix"].arrays == {} and kinds["layered"].arrays["layers"].shape == (3, 4, 6)
    assert verify(mixed) == []


def test_a_search_ranks_both_and_names_the_difference(mixed, entry_of, prompts_of):
    query = entry_of("q", kind="query", recipe=RECIPE)
    result = search(mixed, prompts_of(1), query_entry=query, k=2)
    assert [mixed.get(hit.id).prompt_kind for hit in result.hits] == ["layered", "prefix"]
    [warning] = result.warnings
    assert warning.startswith('prompt_kind differs: query not set, "layered" in 1 of 2 keys')
    other = dataclasses.replace(query, recipe=LAYERED)
    [warning] = search(mixed, prompts_of(1), query_entry=other, k=2).warnings
    assert warning.startswith('prompt_kind differs: query "layered", not set in 1 of 2 keys')


def test_kinds_are_no_seeds_of_one_task(mixed):
    assert len(seeds_of_tasks(mixed.entries())) == 2


def test_merging_takes_named_arrays_along(mixed, tmp_path):
    copy = Bank.create_or_open(tmp_path / "copy")
    assert len(copy.merge(mixed)) == 2 and verify(copy) == []
    for entry in mixed.entries():
        own, copied = mixed.prompts(entry).tensors(), copy.prompts(entry).tensors()
        assert {n: a.tobytes() for n, a in own.items()} == {
            n: a.tobytes() for n, a in copied.items()
        }


def test_other_named_arrays_under_the_same_id_are_refused(mixed, entry_of, prompts_of):
    entry = entry_of("t", recipe=LAYERED)
    assert mixed.add(entry, with_layers(prompts_of(1))) == []
    with pytest.raises(BankError, match="is in the bank .* already, with other"):
        mixed.add(entry, with_layers(prompts_of(1), seed=9))


def test_damage_in_named_arrays_is_reported(mixed):
    [entry] = [entry for entry in mixed.entries() if entry.prompt_kind == "layered"]
    path = mixed.folder(entry) / "prompt.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    [problem] = verify(mixed)
    assert entry.id in problem and "checksum" in problem
