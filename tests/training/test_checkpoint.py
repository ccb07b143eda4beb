"""Checkpoints come back bit for bit; a damaged one is passed over for the one before."""

from __future__ import annotations

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.training.checkpoint import Checkpoints


def tree(number, shape=(3, 2)):
    """Arrays of the kinds that training keeps."""
    rng = np.random.default_rng(number)
    return {
        "state": (jnp.asarray(rng.normal(size=shape), jnp.float32), [jnp.asarray(number)]),
        "progress": {"on": np.asarray([True, False]), "best": np.asarray([-np.inf, 1], np.float32)},
    }


def assert_same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# What Orbax leaves behind when it cannot read is reported when it is collected: do that here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


@pytest.fixture
def folder(tmp_path):
    """A folder with checkpoints of steps 2, 5 and 9 written."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (2, 5, 9):
        checkpoints.save(step, tree(step))
    checkpoints.close()
    return tmp_path / "checkpoints"


@pytest.fixture
def opened(folder):
    checkpoints = Checkpoints(folder)
    yield checkpoints
    checkpoints.close()


def test_nothing_is_there_at_first(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.steps() == []
    assert checkpoints.restore(tree(0)) is None
    checkpoints.close()


def test_the_newest_comes_back_and_the_two_newest_are_kept(opened):
    assert opened.steps() == [5, 9]
    step, found = opened.restore(tree(0))
    assert step == 9
    assert_same(found, tree(9))


def test_a_step_that_is_there_is_not_written_again(opened):
    opened.save(9, tree(1))
    assert_same(opened.restore(tree(0))[1], tree(9))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", ["cut everything", "remove arrays", "cut metadata"])
def test_a_damaged_checkpoint_is_passed_over(folder, damage):
    files = [path for path in (folder / "9").rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        if damage == "cut everything":
            cut(path)
        elif damage == "remove arrays" and path.parent.name == "d":
            path.unlink()
        elif damage == "cut metadata" and path.name.startswith("_"):
            cut(path)
    checkpoints = Checkpoints(folder)
    step, found = checkpoints.restore(tree(0))
    checkpoints.close()
    assert step == 5
    assert_same(found, tree(5))


def test_a_checkpoint_of_another_shape_is_not_used(opened):
    assert opened.restore(tree(0, shape=(4, 2))) is None


def test_what_a_kill_left_unfinished_is_no_checkpoint(folder):
    half = folder / "11.orbax-checkpoint-tmp-1"
    half.mkdir()
    (half / "piece").write_text("x")
    checkpoints = Checkpoints(folder)
    assert checkpoints.steps() == [5, 9]
    checkpoints.save(11, tree(11))
    assert checkpoints.restore(tree(0))[0] == 11
    checkpoints.close()


def test_a_full_disk_is_explained(opened, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opened._inner, "save", full)
    with pytest.raises(SpotError, match="step 12 could not be written.*No space left") as caught:
        opened.save(12, tree(12))
    assert "one before" in caught.value.hint
