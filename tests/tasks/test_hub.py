"""Parquet in the hub's layout and names gives what local JSONL in TFDS names gives; no network."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from spot.errors import SpotError
from spot.tasks.published.catalog import TASKS, local_task, published_task
from spot.tasks.published.sources import Places
from spot.tasks.sources.hub import CONVERTED
from spot.tasks.splits import SPLITS
from tests.tasks.test_published import CASES

HUB = {name: task.hf for name, task in TASKS.items() if task.hf}
TFDS = {name: task.tfds for name, task in TASKS.items() if task.tfds}

# What the hub calls differently, for the rows of CASES; label 1 where the row has none.
THEIRS = {
    "trec": ({"coarse_label": 1}, ("label",)),  # entity is 1 on both sides
    "winogrande": ({"answer": "2"}, ("label",)),
    "hellaswag": ({"ctx": "Ann lifts the pan.", "label": "1"}, ("context",)),
    "race": (
        {"question": "Who won?", "options": ["Ann", "Bo", "Cy", "Di"], "answer": "A"},
        ("questions", "answers"),
    ),
    "drop": (
        {"answers_spans": {"spans": ["5", "five"], "types": ["number", "number"]}},
        ("answer", "validated_answers"),
    ),
    "arc_easy": (
        {
            "choices": {"text": ["fire", "ice", "sand", "wood"], "label": ["1", "2", "3", "4"]},
            "answerKey": "2",
        },
        ("label",),
    ),
    **{f"anli_r{n}": ({"premise": "It rained."}, ("context",)) for n in (1, 2, 3)},
    "alpha_nli": ({"label": 2}, ()),
    "social_iqa": ({"label": "2"}, ()),
    **{
        f"mrqa_{name}": ({"subset": subset}, ())
        for name, subset in (
            ("hotpot_qa", "HotpotQA"), ("natural_questions", "NaturalQuestionsShort"),
            ("news_qa", "NewsQA"), ("search_qa", "SearchQA"), ("trivia_qa", "TriviaQA-web"),
            ("bio_asq", "BioASQ"), ("drop", "DROP"), ("duo_rc", "DuoRC.ParaphraseRC"),
            ("race", "RACE"), ("relation_extraction", "RelationExtraction"),
            ("textbook_qa", "TextbookQA"),
        )
    },
}  # fmt: skip


def put(folder: Path, name: str, split: str, rows: list[dict], part: str = "00000-of-00001"):
    """Writes rows where the hub would have them."""
    file = folder / HUB[name].repo / HUB[name].files[split].replace("*", part)
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file


def hub_task(name: str, folder: Path):
    return published_task(name, "hf", Places(hf=folder))


@pytest.mark.parametrize("name", HUB)
def test_rows_of_the_hub_read_like_those_of_tfds(name, tmp_path):
    row, expected = CASES[name]
    changes, without = THEIRS.get(name, ({}, ()))
    theirs = {k: v for k, v in {"label": 1, **row, **changes}.items() if k not in without}
    for split in HUB[name].files:
        put(tmp_path, name, split, [theirs])
    task = hub_task(name, tmp_path)
    assert task.available() == ""
    task.fetch()  # nothing to do, so no network is asked
    found = [e for split in task.splits if split in HUB[name].files for e in whole(task, split)]
    assert set(found) == {expected} and task.source == "hf"


def whole(task, split):
    """A split's examples; those of a split that is cut in two may all be on the other side."""
    try:
        return list(task.read(split))
    except SpotError as error:
        assert "expected rows in the split" in error.message
        return []


def test_what_is_stated_is_whole():
    assert set(HUB) <= set(TASKS) and set(TFDS) <= set(TASKS)
    for name, hub in HUB.items():
        assert re.fullmatch(r"[0-9a-f]{40}", hub.revision) or hub.revision == CONVERTED
        assert set(hub.files) <= set(SPLITS) and ("train" in hub.files) != TASKS[name].only_test
        assert all(pattern.endswith("*.parquet") for pattern in hub.files.values())


def test_classes_in_another_order_become_ours(tmp_path):
    # the hub's order: abbreviation, entity, description, human, location, number
    rows = [{"text": f"q {i}", "coarse_label": i} for i in range(6)]
    put(tmp_path, "trec", "train", [{"text": "other", "coarse_label": 0}] * 20)
    put(tmp_path, "trec", "test", rows)
    assert [e.targets for e in hub_task("trec", tmp_path).read("test")] == [
        "abbreviation", "entity", "description", "human", "location", "number",
    ]  # fmt: skip


def test_an_unknown_class_is_an_error_that_names_file_and_row(tmp_path):
    file = put(tmp_path, "winogrande", "train", [{"answer": "3", "sentence": "a _", "option1": "b",
                                                  "option2": "c"}])  # fmt: skip
    put(tmp_path, "winogrande", "validation", [])
    with pytest.raises(SpotError, match=r"from 0 to 1 in .label.*found -2") as caught:
        list(hub_task("winogrande", tmp_path).read("train"))
    assert f"{file}, row 1" in caught.value.message


def test_rows_without_an_answer_are_left_out(tmp_path):
    pair = {"premise": "It rained.", "hypothesis": "It was wet."}
    rows = [{**pair, "label": -1}, {**pair, "label": 0}]
    for split in SPLITS:
        put(tmp_path, "snli", split, rows)
    assert [e.label for e in hub_task("snli", tmp_path).read("train")] == [0]
    three = {"question": "q", "choices": {"text": list("abc"), "label": list("ABC")}}
    four = {"question": "q", "choices": {"text": list("abcd"), "label": list("ABCD")}}
    for split in SPLITS:
        put(tmp_path, "arc_easy", split, [{**row, "answerKey": "B"} for row in (three, four)])
    assert hub_task("arc_easy", tmp_path).rows("test") == 1
    question = {"context": "c", "question": "q", "answers": ["a"]}
    put(tmp_path, "mrqa_drop", "test", [{**question, "subset": s} for s in ("RACE", "DROP")])
    assert hub_task("mrqa_drop", tmp_path).rows("test") == 1


def test_parts_of_a_split_are_read_in_order_and_none_may_be_missing(tmp_path):
    for part in (1, 0):
        put(tmp_path, "sst2", "train", [{"sentence": f"part {part}", "label": 1}],
            f"0000{part}-of-00002")  # fmt: skip
    put(tmp_path, "sst2", "validation", [{"sentence": "x", "label": 1}])
    task = hub_task("sst2", tmp_path)
    assert [e.inputs for e in task.read("train")] == [f"sst2 sentence: part {n}" for n in (0, 1)]
    before = task.fingerprint()
    next(tmp_path.rglob("train-00000*")).unlink()
    assert "1 of 2 files" in task.available()
    with pytest.raises(SpotError, match="1 of 2 files"):
        task.fingerprint()
    put(tmp_path, "sst2", "train", [{"sentence": "new", "label": 1}], "00000-of-00002")
    assert hub_task("sst2", tmp_path).fingerprint() != before


def test_another_source_is_another_fingerprint(tmp_path, write_rows):
    row = {"sentence": "fine", "label": 1}
    for split in ("train", "validation"):
        put(tmp_path, "sst2", split, [row])
        write_rows(tmp_path / "sst2" / f"{split}.jsonl", [row])
    local = local_task("sst2", tmp_path)
    assert list(local.read("train")) == list(hub_task("sst2", tmp_path).read("train"))
    assert local.fingerprint() != hub_task("sst2", tmp_path).fingerprint()


@pytest.fixture
def hub_library(monkeypatch):
    """A stand-in for huggingface_hub that notes what it is asked for and writes what it is given."""
    asked: dict = {"files": []}

    def snapshot_download(repo, **wanted):
        asked.update(repo=repo, **wanted)
        if asked.get("error"):
            raise asked["error"]
        for name, split, rows in asked["files"]:
            put(wanted["local_dir"].parents[repo.count("/")], name, split, rows)

    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_missing_files_are_downloaded_at_the_stated_revision(hub_library, tmp_path):
    rows = [{"sentence": "fine", "label": 1}]
    hub_library["files"] = [("sst2", split, rows) for split in ("train", "validation")]
    task = hub_task("sst2", tmp_path)
    assert "0 of 1 files" in task.available()
    task.fetch()
    assert task.available() == "" and task.rows("train") == 1
    assert (hub_library["repo"], hub_library["repo_type"]) == ("nyu-mll/glue", "dataset")
    assert hub_library["revision"] == HUB["sst2"].revision
    assert hub_library["allow_patterns"] == ["sst2/train-*.parquet", "sst2/validation-*.parquet"]


def test_a_failed_download_says_which_files_to_put_where(hub_library, monkeypatch, tmp_path):
    hub_library["error"] = OSError("no route to host")
    with pytest.raises(SpotError, match="the download failed: OSError: no route") as caught:
        hub_task("sst2", tmp_path).fetch()
    hint = caught.value.hint
    assert "sst2/train-*.parquet, sst2/validation-*.parquet" in hint
    assert "datasets/nyu-mll/glue" in hint and HUB["sst2"].revision in hint
    assert str(tmp_path / "nyu-mll/glue") in hint
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SpotError, match="huggingface-hub is not installed") as caught:
        hub_task("sst2", tmp_path).fetch()
    assert "spot-transfer[hub]" in caught.value.hint


def test_a_task_that_the_source_lacks_says_so(tmp_path):
    task = hub_task("cxc", tmp_path)
    assert 'no data set is stated for the task "cxc" in the source "hf"' in task.available()
    for call in (task.fetch, task.fingerprint, lambda: task.rows("train")):
        with pytest.raises(SpotError, match="no data set is stated") as caught:
            call()
        assert "data.source=local" in caught.value.hint
    assert "no data set" in published_task("banking77", "tfds", Places()).available()
