"""Names from every source, and mixtures; the mini suite is a fake here but for the last test."""

from __future__ import annotations

import sys
import types

import pytest

from spot.errors import SpotError
from spot.tasks import catalog
from spot.tasks.catalog import DataSettings, mixture, mixture_names, task, task_names
from spot.tasks.published.catalog import TASKS

TOML = 'name = "{name}"\ninputs = "{{a}}"\ntarget = "b"\n[files]\ntrain = "a.csv"\n'
NOTHING = DataSettings()


@pytest.fixture
def mini(monkeypatch, fake):
    """A mini suite of three tasks."""
    suite = types.ModuleType("spot.tasks.mini.suite")
    names = {"source": ("mini_a", "mini_b"), "target": ("mini_boolq",)}
    suite.mini_task_names = lambda role: names.get(role, ("mini_a", "mini_b", "mini_boolq"))
    suite.mini_task = lambda name: fake(name, rows=None)
    monkeypatch.setitem(sys.modules, "spot.tasks.mini.suite", suite)


def test_names_from_all_sources(mini, tmp_path):
    (tmp_path / "mine.toml").write_text(TOML.format(name="mine"))
    names = task_names(DataSettings(tasks=(tmp_path,)))
    assert set(names) == {"mini_a", "mini_b", "mini_boolq", "mine", *TASKS}
    assert list(names) == sorted(names)
    assert task("mini_a", NOTHING).name == "mini_a"
    assert task("mine", DataSettings(tasks=(tmp_path / "mine.toml",))).name == "mine"
    assert mixture_names(NOTHING) == (
        "glue", "mini", "mrqa", "nli", "paraphrase", "rainbow", "sentiment", "superglue", "tweet_eval",
    )  # fmt: skip
    assert "tensorflow" not in vars(catalog)


def test_data_folder_from_the_settings_or_the_environment(mini, tmp_path, monkeypatch, write_rows):
    for split in ("train", "validation"):
        write_rows(tmp_path / "sst2" / f"{split}.jsonl", [{"sentence": "x", "label": 1}])
    assert "SPOT_DATA_DIR" in task("sst2", NOTHING).available()
    assert task("sst2", DataSettings(dir=tmp_path)).available() == ""
    monkeypatch.setenv("SPOT_DATA_DIR", str(tmp_path))
    assert task("sst2", NOTHING).available() == ""
    assert "elsewhere" in task("sst2", DataSettings(dir=tmp_path / "elsewhere")).available()


def test_unknown_names(mini):
    with pytest.raises(SpotError, match='found "bolq". Did you mean "boolq"'):
        task("bolq", NOTHING)
    with pytest.raises(SpotError, match='expected a task, found the mixture "glue"'):
        task("glue", NOTHING)
    with pytest.raises(SpotError, match='found "supergleu". Did you mean "superglue"'):
        mixture("supergleu", NOTHING)
    with pytest.raises(SpotError, match='found "mini_c"'):
        mixture("mini_a+mini_c", NOTHING)
    with pytest.raises(SpotError, match="found one twice"):
        mixture("mini_a+mini_a", NOTHING)
    with pytest.raises(SpotError, match='mixture "glue", task "cola": no folder of local data'):
        mixture("glue", NOTHING)


def test_name_used_twice_and_missing_toml(mini, tmp_path):
    (tmp_path / "a.toml").write_text(TOML.format(name="boolq"))
    with pytest.raises(SpotError, match='found "boolq" in the published tasks and in .*a.toml'):
        task_names(DataSettings(tasks=(tmp_path,)))
    with pytest.raises(SpotError, match="TOML file or a folder of them at .*nowhere"):
        task_names(DataSettings(tasks=(tmp_path / "nowhere",)))


def test_mixture_rates(mini, tmp_path, write_rows):
    assert mixture("mini", NOTHING).members == ("mini_a", "mini_b")
    assert mixture("mini", NOTHING).rates == (0.5, 0.5)
    for name, n in {"sst2": 6, "cola": 2}.items():
        for split in ("train", "validation"):
            rows = [{"sentence": f"x {i}", "label": 1} for i in range(n)]
            write_rows(tmp_path / name / f"{split}.jsonl", rows)
    found = mixture("sst2+cola", DataSettings(dir=tmp_path))
    assert (found.members, found.rates) == (("sst2", "cola"), (0.75, 0.25))


def test_mixtures_of_real_tasks(mini, shared_data):
    found = mixture("superglue", DataSettings(dir=shared_data / "tasks"))
    assert len(found.members) == 8
    assert sum(found.rates) == pytest.approx(1)


def test_real_mini_suite():
    pytest.importorskip("spot.tasks.mini.suite")
    names = task_names(NOTHING)
    assert "mini_boolq" in names
    assert task("mini_boolq", NOTHING).name == "mini_boolq"
    assert all(name.startswith("mini_") for name in mixture("mini", NOTHING).members)


def test_folders_of_the_sources(mini, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    tfds, hub = DataSettings(source="tfds"), DataSettings(source="hf", cache_dir=tmp_path / "cache")
    assert f"{home}/tensorflow_datasets" in task("sst2", tfds).available()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "env"))
    assert f"{tmp_path}/env" in task("sst2", tfds).available()
    own = DataSettings(source="tfds", tfds_dir=tmp_path / "own")
    assert f"{tmp_path}/own" in task("sst2", own).available()
    assert f"{tmp_path}/cache/huggingface/nyu-mll/glue" in task("sst2", hub).available()
    own = DataSettings(source="hf", hf_dir=tmp_path / "own")
    assert f"{tmp_path}/own/nyu-mll/glue" in task("sst2", own).available()


def test_a_mixture_brings_its_members_data_here(mini, monkeypatch):
    brought = []

    def fetch():
        brought.append("sst2")

    from dataclasses import replace

    made = catalog.published_task
    monkeypatch.setattr(catalog, "published_task", lambda *a: replace(made(*a), fetch=fetch))
    with pytest.raises(SpotError, match='mixture "sst2.cola", task "sst2"'):
        mixture("sst2+cola", NOTHING)
    assert brought == ["sst2"]
