"""The nearest of unrelated tasks: by hand, and against a slow version over the similarity matrix."""

from __future__ import annotations

import numpy as np
import pytest

from bank.entry import Prompts
from bank.errors import BankError
from bank.nearness import nearest_unrelated
from bank.similarities import SIMILARITIES

ANGLES = {"a": (0, "x"), "b": (10, "x"), "c": (40, "y"), "d": (90, "z")}


def direction(degrees):
    """A prompt of one token in the plane, at this angle."""
    angle = np.deg2rad(degrees)
    key = np.array([[np.cos(angle), np.sin(angle)]], dtype=np.float32)
    return Prompts(np.zeros_like(key), key, key)


@pytest.fixture
def plane(bank, entry_of):
    bank.add_many(
        [(entry_of(task, family=family), direction(at)) for task, (at, family) in ANGLES.items()]
    )
    return bank


def cosines(*degrees):
    return pytest.approx([np.cos(np.deg2rad(each)) for each in degrees], abs=1e-6)


def test_each_task_is_compared_with_other_families_alone(plane):
    assert nearest_unrelated(plane) == cosines(40, 30, 30, 50)


def test_excluded_tasks_mixtures_and_tasks_without_a_family_do_not_count(plane, entry_of):
    plane.add(entry_of("none", family=""), direction(39))
    for kind in ("mixture", "meta"):
        plane.add(entry_of(kind, family="mixture", kind=kind, members=("p", "q")), direction(41))
    assert nearest_unrelated(plane) == cosines(40, 30, 30, 50)
    assert nearest_unrelated(plane, exclude_tasks=("c",)) == cosines(90, 80, 80)


def test_seeds_of_a_task_are_averaged(plane, entry_of):
    plane.add(entry_of("c", seed=1, family="y"), direction(60))
    mean = np.mean(np.cos(np.deg2rad([30, 50])))
    assert nearest_unrelated(plane)[1] == pytest.approx(mean, abs=1e-6)


def test_one_family_or_an_unknown_init_has_none(bank, entry_of):
    bank.add(entry_of("a", family="x"), direction(0))
    bank.add(entry_of("b", family="x"), Prompts(None, *2 * (direction(5).key,)))
    assert nearest_unrelated(bank) == []
    bank.add(entry_of("c", family="y"), direction(9))
    assert len(nearest_unrelated(bank)) == 3
    assert nearest_unrelated(bank, "delta") == []


def test_an_unknown_similarity_is_an_error(plane):
    with pytest.raises(BankError, match="expected a similarity out of"):
        nearest_unrelated(plane, "nearness")


@pytest.mark.parametrize("name", SIMILARITIES)
def test_every_similarity_agrees_with_its_matrix(bank, entry_of, name):
    rng = np.random.default_rng(3)
    families = ("x", "x", "y", "y", "z")
    prompts = [
        Prompts(*np.float32(rng.normal(size=(2, 3, 4))), np.float32(rng.normal(size=(3, 4))))
        for _ in families
    ]
    pairs = [
        (entry_of(f"t{number}", family=family), each)
        for number, (family, each) in enumerate(zip(families, prompts, strict=True))
    ]
    bank.add_many(pairs)
    keys, inits = (np.stack([getattr(each, part) for each in prompts]) for part in ("key", "init"))
    slow = []
    for own, family in enumerate(families):
        order = [n for n in range(5) if n != own] + [own]  # the task itself is not in the bank
        matrix = SIMILARITIES[name].matrix(keys[order], inits[order], bank_size=4)
        slow.append(max(matrix[4, n] for n in range(4) if families[order[n]] != family))
    np.testing.assert_allclose(nearest_unrelated(bank, name), slow, rtol=1e-5, atol=1e-6)
