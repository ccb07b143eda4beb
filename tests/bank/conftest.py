"""Small made-up entries and banks for the tests of `bank`."""

from __future__ import annotations

import numpy as np
import pytest

from bank.entry import Backbone, Entry, Prompts, entry_id
from bank.store import Bank

P, H = 4, 6


def make_entry(task="boolq", *, seed=0, kind="source", backbone="fp-a", recipe=None, **more):
    """An entry whose id its fields give."""
    members, data = more.pop("members", ()), more.pop("data", "data-1")
    recipe = {"init": "vocab", "learning_rate": 0.3} if recipe is None else recipe
    id = entry_id(
        kind=kind,
        task=task,
        members=members,
        seed=seed,
        backbone=backbone,
        recipe=recipe,
        data=data,
    )
    fields = {"family": "", "key_step": 100, **more}
    own = Backbone("tiny", backbone)
    return Entry(
        id=id, kind=kind, task=task, members=members, seed=seed, backbone=own, recipe=recipe,
        data=data, **fields,
    )  # fmt: skip


def make_prompts(seed=0, shape=(P, H), scale=1.0):
    """Random init, key and value."""
    rng = np.random.default_rng(seed)
    return Prompts(*(scale * rng.normal(size=(3, *shape))).astype(np.float32))


def read_tree(bank):
    """Every file of a bank with its content."""
    return {
        path.relative_to(bank.path).as_posix(): path.read_bytes()
        for path in bank.path.rglob("*")
        if path.is_file() and path.name != "bank.lock"
    }


@pytest.fixture
def bank(tmp_path):
    """An empty bank."""
    return Bank.create_or_open(tmp_path / "bank")


@pytest.fixture
def filled(bank):
    """A bank of seven entries of tasks t0 … t6, the prompts of seeds 0 … 6."""
    bank.add_many([(make_entry(f"t{n}"), make_prompts(n)) for n in range(7)])
    return bank


@pytest.fixture(scope="session")
def entry_of():
    """The function `make_entry`."""
    return make_entry


@pytest.fixture(scope="session")
def prompts_of():
    """The function `make_prompts`."""
    return make_prompts


@pytest.fixture(scope="session")
def tree():
    """The function `read_tree`."""
    return read_tree
