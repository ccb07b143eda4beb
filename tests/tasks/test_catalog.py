"""Names from every source, and mixtures; the mini suite is a fake here but for the last test."""

from __future__ import annotations

import os
import sys
import types

import pytest

from spot.errors import SpotError
from spot.tasks import catalog
from spot.tasks.catalog import (
    DataSettings,
    find,
    find_all,
    find_mixture,
    find_task,
    load_task,
    mixture_names,
    task,
    task_names,
)
from spot.tasks.inspection import inspect_table
from spot.tasks.published.catalog import TASKS
from spot.tasks.published.mixtures import BUILT_IN
from spot.tasks.task import Task

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
        find_mixture("supergleu", NOTHING)
    with pytest.raises(SpotError, match='found "mini_c"'):
        find_mixture("mini_a+mini_c", NOTHING)
    with pytest.raises(SpotError, match='found "mini_a" more than once'):
        find_mixture("mini_a+mini_a", NOTHING)
    with pytest.raises(SpotError, match='mixture "glue", task "cola": no folder of local data'):
        find_mixture("glue", NOTHING)


def test_name_used_twice_and_missing_toml(mini, tmp_path):
    (tmp_path / "a.toml").write_text(TOML.format(name="boolq"))
    with pytest.raises(SpotError, match='found "boolq" in the published tasks and in .*a.toml'):
        task_names(DataSettings(tasks=(tmp_path,)))
    with pytest.raises(SpotError, match="TOML file or a folder of them at .*nowhere"):
        task_names(DataSettings(tasks=(tmp_path / "nowhere",)))


def test_a_path_is_a_name(mini, tmp_path, monkeypatch):
    (tmp_path / "a+b").mkdir()
    paths = [tmp_path / "one.toml", tmp_path / "a+b" / "two.toml"]
    for path in paths:
        path.write_text(TOML.format(name=path.stem))
        (path.parent / "a.csv").write_text("a,b\nx,y\nz,w\nu,v\n")
    one, two = map(str, paths)
    for named in (
        NOTHING,
        DataSettings(tasks=(tmp_path, paths[0])),
    ):  # the same file, twice or more
        assert find_task(one, named).name == find(one, named).name == task(one, named).name == "one"
        assert find(two, named).name == "two"
        mixed = find(f"mini_a+{one}", named)
        assert (mixed.name, [m.name for m in mixed.members]) == ("mini_a+one", ["mini_a", "one"])
        assert find_mixture(f"mini_a+{one}", named).rates == mixed.rates
        assert [each.name for each in find_all((two, one), named)] == ["two", "one"]
    monkeypatch.chdir(tmp_path)
    assert find_task("one.toml", DataSettings(tasks=(paths[0],))).name == "one"
    assert load_task("one.toml", tasks=[one]).name == "one"
    (tmp_path / "again.toml").write_text(TOML.format(name="one"))
    with pytest.raises(SpotError, match='found "one" in .*one.toml and in .*again.toml'):
        find_task("again.toml", DataSettings(tasks=(paths[0],)))


def test_what_is_near_a_path(mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tickets.toml").write_text(TOML.format(name="tickets"))
    with pytest.raises(SpotError, match='found "tickets". Did you mean "tickets.toml"'):
        find_task("tickets", NOTHING)
    with pytest.raises(SpotError, match="TOML at ticket.toml, found: No such file"):
        find_task("ticket.toml", NOTHING)
    with pytest.raises(SpotError, match='found the table "tickets.CSV"') as caught:
        find("tickets.CSV", NOTHING)
    assert caught.value.hint == "describe it first: spot init tickets.CSV"


def test_mixture_rates(mini, tmp_path, write_rows):
    mini = find_mixture("mini", NOTHING)
    assert ([member.name for member in mini.members], mini.rates) == (
        ["mini_a", "mini_b"],
        (0.5, 0.5),
    )
    for name, n in {"sst2": 6, "cola": 2}.items():
        for split in ("train", "validation"):
            rows = [{"sentence": f"x {i}", "label": 1} for i in range(n)]
            write_rows(tmp_path / name / f"{split}.jsonl", rows)
    settings = DataSettings(dir=tmp_path)
    mixture = find_mixture("sst2+cola", settings)
    assert [member.name for member in mixture.members] == ["sst2", "cola"]
    assert (mixture.rates, mixture.family) == ((0.75, 0.25), "mixture")
    assert find("sst2+cola", settings).rates == mixture.rates
    assert (find("sst2", settings).rates, find("sst2", settings).name) == ((1.0,), "sst2")
    names = [member.name for member in find_all(("mini", "sst2", "cola+sst2"), settings)]
    assert names == ["mini_a", "mini_b", "sst2", "cola"]


def test_mixtures_of_real_tasks(mini, shared_data):
    found = find_mixture("superglue", DataSettings(dir=shared_data / "tasks"))
    assert len(found.members) == 8
    assert sum(found.rates) == pytest.approx(1)


def test_real_mini_suite():
    pytest.importorskip("spot.tasks.mini.suite")
    names = task_names(NOTHING)
    assert "mini_boolq" in names
    assert task("mini_boolq", NOTHING).name == "mini_boolq"
    member_names = [member.name for member in find_mixture("mini", NOTHING).members]
    assert all(name.startswith("mini_") for name in member_names)


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


def test_missing_data_is_fetched_first(mini, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    settings = DataSettings(source="hf", hf_dir=tmp_path)
    for name in ("sst2", "sst2+cola"):
        with pytest.raises(SpotError, match='task "sst2": .*huggingface-hub is not installed'):
            find(name, settings)


def test_an_unknown_source_is_named_with_the_nearest(mini):
    with pytest.raises(SpotError, match='found "tdfs". Did you mean "tfds"') as caught:
        task("sst2", DataSettings(source="tdfs"))
    assert "local: JSONL files" in caught.value.hint and "parquet" in caught.value.hint


@pytest.fixture
def films(tmp_path, write_rows):
    """A folder with rows of sst2."""
    for split in ("train", "validation", "test"):
        write_rows(tmp_path / "sst2" / f"{split}.jsonl", [{"sentence": split, "label": 1}])
    return tmp_path


def test_wording_of_the_settings(mini, films):
    settings = DataSettings(
        films, template="gpt3", list_labels=True, text="Judge.", shots=2, shot_seed=7
    )
    found = find_task("sst2", settings)
    assert found.wording == {
        "list_labels": True, "template": "gpt3", "text": "Judge.", "shots": 2, "shot_seed": 7,
    }  # fmt: skip
    assert next(found.read("train")).inputs == "negative | positive. Review: train\nSentiment:"
    assert find_task("sst2", DataSettings(films, shot_seed=7)).wording == {}
    judged = find_task("sst2", DataSettings(films, text="Judge.", shot_seed=7))
    assert judged.wording == {"text": "Judge."}
    mixed = find_mixture("sst2+mini_a", DataSettings(films, templates={"sst2": "flan"}, shots=1))
    assert mixed.wording == {"template": {"sst2": "flan"}, "shots": 1}


def test_load_task_takes_names_folders_and_toml_files(mini, films, tmp_path, monkeypatch):
    assert load_task("sst2", data=films).rows("train") == 1
    assert load_task("sst2", str(films), template="flan", shots=1).wording == {
        "template": "flan", "shots": 1,
    }  # fmt: skip
    assert load_task("mini_a").name == "mini_a"
    assert load_task("mini").rates == (0.5, 0.5)
    (tmp_path / "a.csv").write_text("a,b\nx,y\n")
    (tmp_path / "mine.toml").write_text(TOML.format(name="mine"))
    assert load_task(tmp_path / "mine.toml").rows("train") == 1
    assert load_task("mine", tasks=[tmp_path / "mine.toml"]).name == "mine"
    with pytest.raises(SpotError, match='found "mini_x". Did you mean "mini_'):
        load_task("mini_x")
    with pytest.raises(SpotError, match='task "cola": .*cola/train.jsonl is not there'):
        load_task("cola", data=films)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SpotError, match=f"0 of 1 files {films}/nyu-mll/glue/cola/train"):
        load_task("cola", data=films, source="hf")
    with pytest.raises(SpotError, match='found "lokal". Did you mean "local"'):
        load_task("cola", data=films, source="lokal")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_name_of_a_mixture_is_no_name_for_a_task(mini, tmp_path, name):
    (tmp_path / "mine.toml").write_text(TOML.format(name=name))
    path = tmp_path / "mine.toml"
    for settings in (DataSettings(tasks=(path,)), DataSettings(tasks=(tmp_path,))):
        for door in (find, find_task, find_mixture, task):
            for named in (name, str(path), f"{path}+mini_a"):
                if door in (find, find_mixture) or named != f"{path}+mini_a":
                    with pytest.raises(
                        SpotError,
                        match=f'mine.toml: key "name": .* no mixture has, as "my_{name}"',
                    ):
                        door(named, settings)
        with pytest.raises(SpotError, match="no mixture has"):
            task_names(settings)
    with pytest.raises(SpotError, match=f'task "{name}": key "name": .* no mixture has'):
        Task.from_rows(name, [{"text": "a", "label": "x"}], labels=["x", "y"])
    (tmp_path / f"{name}.csv").write_text("text,label\n" + "a b c,x\nd e f,y\n" * 9)
    with pytest.raises(SpotError, match=f'{name}.csv: key "name": .* no mixture has'):
        inspect_table(tmp_path / f"{name}.csv", text="text", label="label")
    with pytest.raises(SpotError, match=f'expected a task, found the mixture "{name}"'):
        find_task(name, NOTHING)


def test_a_pipe_among_the_users_tasks_is_named(mini, tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    for settings in (
        DataSettings(tasks=(tmp_path,)),
        DataSettings(tasks=(tmp_path / "pipe.toml",)),
    ):
        with pytest.raises(SpotError, match="pipe.toml, found: it is a pipe, not a regular file"):
            find("mini_a", settings)
