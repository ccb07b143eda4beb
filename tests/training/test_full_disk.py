"""Commands on a disk that is soon full: a sentence, and once there is room the numbers of any other run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors import safe_open

from tests.disks import grow, small_disk
from tests.lab import lines

pytest_plugins = ("tests.lab",)


@pytest.fixture(scope="module")
def expected(lab_once, tmp_path_factory):
    """The file of a prompt that was trained on a disk with room."""
    folder = tmp_path_factory.mktemp("whole")
    done = lab_once.run(*train(folder), sets=(f"runs={folder / 'runs'}",))
    assert done.exit_code == 0, done.stderr
    return folder / "prompt.safetensors"


def train(folder):
    return ("train", "--task", "house", "--out", str(folder / "prompt.safetensors"), "--json")


def same(file, other):
    """Check arrays and facts; the order of facts in a file differs."""
    with safe_open(file, "np") as ours, safe_open(other, "np") as theirs:
        assert ours.keys() == theirs.keys() and ours.metadata() == theirs.metadata()
        for name in ours.keys():  # noqa: SIM118
            np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name))


@pytest.mark.parametrize("kilobytes", [4, 24, 60, 90, 110, 150])
def test_training_goes_on_once_there_is_room(lab, tmp_path, kilobytes, expected, capfd):
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        sets = (f"runs={disk / 'runs'}",)
        first = lab.run(*train(disk), sets=sets)
        if first.exit_code:
            assert "No space left" in first.stderr and "hint: " in first.stderr
            grow(disk, 4096)
            again = lab.run(*train(disk), sets=sets)
            assert again.exit_code == 0, again.stderr
        same(disk / "prompt.safetensors", expected)
    assert "Traceback" not in first.stderr + capfd.readouterr().err


@pytest.mark.parametrize("kilobytes", [4, 24])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_answers_are_written_once_there_is_room(lab, tmp_path, kilobytes, suffix, expected):
    pytest.importorskip("pyarrow")
    shutil.copy(expected, tmp_path)
    rows = "".join(f'{{"text": "a red cat is here", "id": "{n:0500}"}}\n' for n in range(99))
    (tmp_path / "in.jsonl").write_text(rows)
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        out = disk / f"out{suffix}"
        command = ("predict", "--prompt", "prompt.safetensors", "--in", "in.jsonl", "--out", out)
        first = lab.run(*command, "--json", sets=(f"runs={disk / 'runs'}",))
        if first.exit_code:
            assert "No space left" in first.stderr and not out.exists()
            grow(disk, 4096)
            first = lab.run(*command, "--json", sets=(f"runs={disk / 'runs'}",))
        assert first.exit_code == 0, first.stderr
        assert lines(first.stdout)[0]["rows"] == 99 and out.exists()
