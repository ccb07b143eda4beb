"""Checkpoints come back bit for bit; a damaged one is passed over for the one before."""

from __future__ import annotations

import gc
import json
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.errors import SpotError
from spot.training.checkpoint import DIGEST, Checkpoints
from tests.disks import small_disk


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


def restored(folder):
    """(step, tree) of the newest whole checkpoint, and the notes beside it."""
    checkpoints = Checkpoints(folder)
    found = checkpoints.restore(tree(0))
    checkpoints.close()
    return found, checkpoints.notes


def test_a_flipped_bit_in_any_file_never_gives_other_numbers(folder, tmp_path, caplog):
    rng = np.random.default_rng(0)
    for path in [path for path in (folder / "9").rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        for place in {0, len(whole) - 1, int(rng.integers(len(whole)))}:
            copy = tmp_path / "copy"
            shutil.copytree(folder, copy)
            changed = bytearray(whole)
            changed[place] ^= 1 << int(rng.integers(8))
            (copy / path.relative_to(folder)).write_bytes(changed)
            (step, found), _ = restored(copy)
            assert step == 5, (path, place)
            assert_same(found, tree(5))
            shutil.rmtree(copy)
    assert "its steps are made again" in caplog.text


def test_a_pipe_in_the_place_of_any_file_is_never_waited_for(folder, tmp_path):
    names = sorted(path.relative_to(folder) for path in (folder / "9").rglob("*") if path.is_file())
    assert len(names) > 3
    for number, name in enumerate(names):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        (copy / name).unlink()
        os.mkfifo(copy / name)
        (step, found), _ = restored(copy)
        assert step == 5
        assert_same(found, tree(5))


def test_a_checkpoint_that_lost_its_digest_after_opening_is_passed_over(opened, folder):
    (folder / "9" / DIGEST).unlink()
    step, found = opened.restore(tree(0))
    assert step == 5
    assert_same(found, tree(5))


def test_a_step_that_was_damaged_is_written_again(folder):
    cut(folder / "9" / DIGEST)
    checkpoints = Checkpoints(folder)
    assert checkpoints.restore(tree(0))[0] == 5
    checkpoints.save(9, tree(99))
    step, found = checkpoints.restore(tree(0))
    checkpoints.close()
    assert step == 9
    assert_same(found, tree(99))


def no_digest(folder):
    (folder / "9" / DIGEST).unlink()


def test_a_checkpoint_without_a_digest_is_said_to_have_none(folder, caplog):
    no_digest(folder)
    assert restored(folder)[0][0] == 5
    assert (
        f"{folder / '9'} is not used (it has no {DIGEST}); its steps are made again" in caplog.text
    )


def test_want_of_memory_removes_no_checkpoint(opened, monkeypatch):
    def short(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(opened._inner, "load", short)
        with pytest.raises(SpotError, match="out of memory"):
            opened.restore(tree(0))
    assert opened.restore(tree(0))[0] == 9


def another_steps_digest(folder):
    shutil.copy(folder / "5" / DIGEST, folder / "9" / DIGEST)


def another_step(folder):
    shutil.rmtree(folder / "9")
    shutil.copytree(folder / "5", folder / "9")


def another_file(folder):
    (folder / "9" / "state" / "more").write_text("x")


def a_pipe(folder):
    path = folder / "9" / "state" / "manifest.ocdbt"
    path.unlink()
    os.mkfifo(path)


def a_file_for_the_step(folder):
    shutil.rmtree(folder / "9")
    (folder / "9").write_text("x")


@pytest.mark.parametrize(
    "damage",
    [no_digest, another_steps_digest, another_step, another_file, a_pipe, a_file_for_the_step],
)
def test_what_does_not_agree_with_its_digest_is_passed_over(folder, damage):
    damage(folder)
    (step, found), _ = restored(folder)
    assert step == 5
    assert_same(found, tree(5))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 90, b"[]", b"7", b"{}", b"[" * 10**6, b'{"sha256": 1}', b'{"step": 1e999}'],
)
def test_a_digest_of_another_form_is_passed_over(folder, content):
    (folder / "9" / DIGEST).write_bytes(content)
    assert restored(folder)[0][0] == 5


def test_notes_come_back_with_their_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (2, 5):
        checkpoints.save(step, tree(step), [{"b": step, "a": 0.1}])
    checkpoints.close()
    _, notes = restored(tmp_path / "checkpoints")
    assert json.dumps(notes) == '[{"b": 5, "a": 0.1}]'
    cut(tmp_path / "checkpoints" / "5" / DIGEST)
    assert restored(tmp_path / "checkpoints")[1] == [{"b": 2, "a": 0.1}]


def test_a_file_in_the_place_of_the_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoints").write_text("x")
    assert restored(tmp_path / "checkpoints") == (None, None)


@pytest.mark.parametrize("kilobytes", [4, 40, 64, 100])
def test_a_disk_that_is_full_is_a_sentence_and_the_run_goes_on(tmp_path, kilobytes, caplog):
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        saved = []
        with pytest.raises(SpotError, match=r"step \d could not be written.*No space left"):
            checkpoints = Checkpoints(disk / "checkpoints")
            for step in (1, 2, 3, 4):
                checkpoints.save(step, tree(step, (100, 30)))
                saved.append(step)
        checkpoints.close()
        checkpoints = Checkpoints(disk / "checkpoints")
        found = checkpoints.restore(tree(0, (100, 30)))
        checkpoints.close()
        assert (found[0] if found else 0) == max(saved, default=0)
        if found:
            assert_same(found[1], tree(found[0], (100, 30)))
    assert not [record for record in caplog.records if record.name == "absl"]
