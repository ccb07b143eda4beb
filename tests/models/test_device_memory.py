"""Limits of control groups, from written trees of both versions; the process's own numbers."""

from __future__ import annotations

import numpy as np

from spot.models.device_memory import forget_peak, free, group_room, held, peak


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_every_group_up_to_the_root_has_its_say(tmp_path):
    own = tmp_path / "own"
    own.write_text("0::/jobs/one\n")
    stat = "anon 5\ninactive_file 40\n"
    groups = tmp_path / "groups"
    write(groups / "jobs/one", memory__max=1000, memory__current=300, memory__stat=stat)
    write(groups / "jobs", memory__max="max", memory__current=300, memory__stat=stat)
    write(groups, memory__max=500, memory__current=600, memory__stat="inactive_file 0")
    assert list(group_room(groups, own)) == [740, 0]


def test_a_limit_of_the_first_version(tmp_path):
    own = tmp_path / "own"
    own.write_text("5:cpu,cpuacct:/x\n9:memory:/docker/abc\n")
    files = {"memory__limit_in_bytes": 900, "memory__usage_in_bytes": 500}
    write(tmp_path / "memory/docker/abc", memory__stat="total_inactive_file 100", **files)
    assert list(group_room(tmp_path, own)) == [500]


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert list(group_room(tmp_path, tmp_path / "none")) == []
    (tmp_path / "own").write_text("0::/gone\n")
    assert list(group_room(tmp_path, tmp_path / "own")) == []


def test_what_a_process_takes_is_seen():
    forget_peak()
    before, room = held(), free()
    assert 10_000_000 < before < 10**12 and room > 0
    array = np.ones(40_000_000)  # 320 MB, touched
    assert held() - before > 300_000_000
    most = peak()
    del array
    assert most is None or most - before > 300_000_000
