"""A tuned model is written whole or not at all, and what was trained for it is found again."""

from __future__ import annotations

import shutil

import pytest

from bank.errors import BankError
from spot.errors import SpotError
from spot.models.model import load
from spot.training.tune import tune
from tests.disks import small_disk
from tests.toys import model_settings

pytest_plugins = ("tests.lab",)

SETS = ("train.steps=3", "train.key_step=2", "train.check_every=3")


@pytest.fixture
def call(lab, tmp_path):
    """A function that tunes the lab's model on "colour" into a folder."""
    at = lab.objects(*SETS, runs=tmp_path / "runs")
    return lambda out: tune(
        at.model, at.task("colour"), out, at.recipe, rates=(0.01,), runs=at.runs
    )


def same(folder, expected):
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in names:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_full_disk_is_a_sentence_and_the_next_call_writes_the_model(call, tmp_path, share):
    call(tmp_path / "whole")
    size = sum(path.stat().st_size for path in (tmp_path / "whole").iterdir())
    with small_disk(tmp_path / "disk", max(4, int(share * size / 1024))) as disk:
        with pytest.raises(BankError, match=r"cannot write .*: No space left on device"):
            call(disk / "tuned")
        assert list(disk.iterdir()) == []
    call(tmp_path / "again")
    same(tmp_path / "again", tmp_path / "whole")


def test_what_a_kill_left_is_replaced(call, tmp_path):
    call(tmp_path / "whole")
    (tmp_path / ".tmp-tuned").mkdir()
    (tmp_path / ".tmp-tuned" / "spiece.model").write_text("half")
    (tmp_path / "tuned").mkdir()  # an empty folder may be there
    call(tmp_path / "tuned")
    same(tmp_path / "tuned", tmp_path / "whole")
    assert not (tmp_path / ".tmp-tuned").exists()
    assert load(model_settings(tmp_path / "tuned")).width == 16


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_place_that_is_taken_is_refused_before_training(call, tmp_path, kind, no_training):
    if kind == "file":
        (tmp_path / "tuned").write_text("mine")
    else:
        (tmp_path / "tuned" / "mine").mkdir(parents=True)
    with pytest.raises(SpotError, match="is not an empty folder"):
        call(tmp_path / "tuned")
    shutil.rmtree(tmp_path / "tuned", ignore_errors=True)
