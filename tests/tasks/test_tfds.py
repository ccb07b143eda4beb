"""TFDS as a source, with a hand-written data set that TFDS itself prepares; no network."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from spot.errors import SpotError
from spot.tasks.published.catalog import TASKS, local_task, published_task
from spot.tasks.published.sources import Places
from spot.tasks.sources import tfds as source
from spot.tasks.sources.tfds import Tfds, plain, prepared, tfds_store

QUESTION = {
    "context": "Ann won.",
    "question": "Who won?",
    "answers": {"text": ["Ann", "she"], "answer_start": [0, 1]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data_dir in which TFDS has prepared rows of the shape of SQuAD, ten a split."""
    pytest.importorskip("tensorflow_datasets")
    tfds = source.import_tfds()

    class SpotToySquad(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.2.0")
        url_infos: dict = {}  # there is nothing to download

        def _info(self):
            answers = {"text": np.str_, "answer_start": np.int32}
            features = {"context": np.str_, "question": np.str_}
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {**features, "answers": tfds.features.Sequence(answers)}
                )
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(), "validation": self._generate_examples()}

        def _generate_examples(self):
            for number in range(10):
                yield number, {**QUESTION, "question": f"Who won {number}?"}

    place = tmp_path_factory.mktemp("tfds")
    SpotToySquad(data_dir=str(place)).download_and_prepare()
    return place


def toy(folder):
    """squad, read from that data set."""
    record = replace(TASKS["squad"], tfds=Tfds("spot_toy_squad"))
    return published_task("squad", "tfds", Places(tfds=folder), tasks={**TASKS, "squad": record})


def test_rows_of_tfds_read_like_local_ones(folder, tmp_path, write_rows):
    task = toy(folder)
    assert task.available() == ""
    task.fetch()  # nothing to do, so no network is asked
    examples = list(task.read("train"))
    rows = [{**QUESTION, "question": f"Who won {number}?"} for number in range(10)]
    for split in ("train", "validation"):
        write_rows(tmp_path / "squad" / f"{split}.jsonl", rows)
    local = list(local_task("squad", tmp_path).read("train"))
    assert {e.inputs: e for e in examples} == {e.inputs: e for e in local}
    assert examples[0].reference == ("Ann", "she")
    assert list(task.read("train")) == examples  # the order is that of the files
    assert task.fingerprint() == toy(folder).fingerprint()


def test_the_newest_prepared_version_is_taken(tmp_path):
    assert prepared("toy", tmp_path) is None
    for version in ("1.9.0", "1.10.0", "incomplete.TMP"):
        (tmp_path / "toy" / version).mkdir(parents=True)
        (tmp_path / "toy" / version / "dataset_info.json").touch()
    (tmp_path / "toy" / "2.0.0").mkdir()  # begun, not finished
    assert prepared("toy", tmp_path) == tmp_path / "toy" / "1.10.0"


def test_the_fingerprint_follows_the_files_of_its_splits(tmp_path):
    place = tmp_path / "toy" / "1.0.0"
    place.mkdir(parents=True)
    (place / "dataset_info.json").touch()
    (place / "toy-train.tfrecord-00000-of-00001").write_bytes(b"a")
    (place / "toy-test.tfrecord-00000-of-00001").write_bytes(b"b")
    hashes = tfds_store("x", Tfds("toy", {"train": "train"}), tmp_path).hashes
    before = hashes()
    (place / "toy-test.tfrecord-00000-of-00001").write_bytes(b"c")
    assert hashes() == before
    (place / "toy-train.tfrecord-00000-of-00001").write_bytes(b"c")
    assert hashes() != before


def test_missing_data_is_prepared_or_the_error_says_where_to_put_it(monkeypatch, tmp_path, capsys):
    trouble: list[Exception] = [ConnectionError("no route to host")]

    class Library:
        def builder(self, name, data_dir):
            assert (name, data_dir) == ("glue/sst2", str(tmp_path))
            return self

        def download_and_prepare(self):
            print("preparing")
            raise trouble[0]

    monkeypatch.setattr(source, "import_tfds", Library)
    task = published_task("sst2", "tfds", Places(tfds=tmp_path))
    assert task.available() == f"no prepared version of glue/sst2 is in {tmp_path}"
    with pytest.raises(SpotError, match="failed: ConnectionError: no route to host") as caught:
        task.fetch()
    assert str(tmp_path / "glue/sst2") in caught.value.hint
    assert capsys.readouterr().out == ""  # stdout is for results
    trouble[0] = ModuleNotFoundError("No module named 'importlib_resources'")
    with pytest.raises(
        SpotError, match="all that TFDS needs to prepare glue/sst2, found"
    ) as caught:
        task.fetch()
    assert "spot-transfer[tfds]" in caught.value.hint
    with pytest.raises(SpotError, match="no prepared version of glue/sst2"):
        next(task.read("train"))
    data = TASKS["sst2"].tfds
    for call in (tfds_store("sst2", data, tmp_path).hashes,
                 lambda: list(source.tfds_rows(data, "train", tmp_path))):  # fmt: skip
        with pytest.raises(SpotError, match="no prepared version"):
            call()


def test_a_damaged_data_set_is_named(folder):
    data = Tfds("spot_toy_squad", {"train": "no_such_split"})
    with pytest.raises(SpotError, match="expected the split no_such_split of a TFDS data set in"):
        list(source.tfds_rows(data, "train", folder))


@pytest.mark.parametrize("name", ["*-train.*", "dataset_info.json", "features.json"])
def test_damaged_bytes_of_a_data_set_are_named(folder, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (file,) = (copy / "spot_toy_squad" / "1.2.0").glob(name)
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 20):
        content[place] ^= 0xFF
    file.write_bytes(content)
    data = Tfds("spot_toy_squad", {"train": "train"})
    with pytest.raises(
        SpotError, match="expected the split train of a TFDS data set in .*, found: "
    ):
        list(source.tfds_rows(data, "train", copy))


def test_folders_that_are_no_versions_are_passed_over(tmp_path):
    for version in ("1.0.0", "²", "1.x"):
        (tmp_path / "toy" / version).mkdir(parents=True)
        (tmp_path / "toy" / version / "dataset_info.json").touch()
    assert source.prepared("toy", tmp_path) == tmp_path / "toy" / "1.0.0"


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(SpotError, match="expected tensorflow-datasets") as caught:
        source.import_tfds()
    assert "spot-transfer[tfds]" in caught.value.hint


def test_values_become_plain():
    class Ragged:
        def to_list(self):
            return [[b"a"], [b"b", b"c"]]

    fields = {"text": b"caf\xc3\xa9", "label": np.int64(1), "options": Ragged(),
              "answers": {"text": np.array([b"x"], object), "start": np.array([3], np.int32)}}  # fmt: skip
    assert plain(fields) == {
        "text": "café",
        "label": 1,
        "options": [["a"], ["b", "c"]],
        "answers": {"text": ["x"], "start": [3]},
    }
    assert type(plain(np.int64(1))) is int


def test_fields_that_differ_between_publishers():
    news = TASKS["ag_news"].tfds.adapt({"title": "Cup won", "description": "Ann wins.", "label": 1})
    assert news["text"] == "Cup won Ann wins."
    assert TASKS["trec"].tfds.adapt({"label-coarse": 4, "text": "How many?"})["label"] == 4
    choices = {"text": list("wxyz"), "label": ["1", "2", "3", "4"]}
    arc = {"question": "q", "choices": {**choices, "label": list("ABCD")}, "answerKey": 2}
    assert TASKS["arc_easy"].tfds.adapt(arc)["label"] == 2
    assert TASKS["snli"].tfds.adapt({"label": -1}) is None
