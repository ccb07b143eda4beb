"""The mini suite: stored rows, names, sizes, balance, lengths, damaged files, errors."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from spot.errors import SpotError
from spot.tasks.mini.rows import DATA, checksums_file, read_rows, rows_file
from spot.tasks.mini.suite import (
    SPECS,
    SPLITS,
    mini_task,
    mini_task_names,
    source_names,
    target_names,
    written,
)
from spot.tasks.task import Example

# SHA-256 of every split as examples, and the fingerprint of every task.
DIGESTS = json.loads((Path(__file__).parent / "mini_digests.json").read_text())


@pytest.fixture(scope="module")
def splits() -> dict[tuple[str, str], list[Example]]:
    """Every split of every task, read once."""
    return {
        (name, split): list(mini_task(name).read(split))
        for name in mini_task_names()
        for split in SPLITS
    }


def test_every_row_is_the_one_that_banks_were_built_with(splits):
    assert sum(map(len, splits.values())) == 67_422
    assert list(DIGESTS) == list(mini_task_names())
    for (name, split), examples in splits.items():
        text = "\n".join(
            json.dumps([e.inputs, e.targets, e.label, e.reference, e.group], ensure_ascii=False)
            for e in examples
        )
        assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[name][split], (name, split)


def test_fingerprints_are_those_that_banks_hold():
    for name in mini_task_names():
        assert mini_task(name).fingerprint() == DIGESTS[name]["fingerprint"]
    assert len({mini_task(name).fingerprint() for name in mini_task_names()}) == 26


def test_names_roles_and_families():
    assert len(source_names()) == 16
    assert len(target_names()) == 10
    assert set(mini_task_names()) == {*source_names(), *target_names()}
    assert "mini_boolq" in target_names()
    families = Counter(mini_task(name).family for name in source_names())
    assert set(families.values()) == {2} and len(families) == 8
    assert {mini_task(name).family for name in target_names()} == set(families)
    assert mini_task("mini_boolq").family == "yes/no question"


def test_tasks_describe_the_examples_that_they_read(splits):
    for name in mini_task_names():
        task = mini_task(name)
        assert task.name == name
        assert task.metrics == ("accuracy",)
        assert task.scoring == "rank"
        assert task.available() == ""
        assert task.splits == SPLITS
        for split in task.splits:
            examples = splits[name, split]
            assert len(examples) == task.rows(split)
            assert all(task.labels[e.label] == e.targets for e in examples)


def test_every_text_begins_with_its_label_words_in_class_order(splits):
    for name in mini_task_names():
        task = mini_task(name)
        front = " | ".join(task.labels) + ". "
        assert task.front == front
        assert all(e.inputs.startswith(front) for e in splits[name, "test"]), name


def test_sizes_are_those_of_sources_and_low_resource_targets():
    for name in source_names():
        assert 2000 <= mini_task(name).rows("train") <= 4000
        assert [mini_task(name).rows(s) for s in ("validation", "test")] == [300, 300]
    for name in target_names():
        assert 32 <= mini_task(name).rows("train") <= 250
        assert [mini_task(name).rows(s) for s in ("validation", "test")] == [200, 400]


def test_no_row_is_doubled_within_a_split(splits):
    for place, examples in splits.items():
        assert len(examples) == len({e.inputs for e in examples}), place


def test_labels_are_balanced_within_five_percent(splits):
    for (name, split), examples in splits.items():
        labels = mini_task(name).labels
        counts = Counter(e.label for e in examples)
        fair = len(examples) / len(labels)
        assert len(counts) == len(labels)
        assert all(abs(n - fair) <= max(1, 0.05 * fair) for n in counts.values()), (name, split)


def test_lengths_run_from_short_to_about_a_hundred_words(splits):
    lengths = [len(e.inputs.split()) for n in mini_task_names() for e in splits[n, "train"]]
    assert min(lengths) >= 4
    assert 85 <= max(lengths) <= 120
    assert sum(lengths) / len(lengths) < 40


def test_label_words_and_keys_name_no_task_and_differ_between_tasks(splits):
    labels = [task.labels for task in map(mini_task, mini_task_names())]
    assert len(set(labels)) == len(labels)
    assert all(len(word.split()) <= 2 for words in labels for word in words)
    for name in mini_task_names():
        first = splits[name, "test"][0].inputs.removeprefix(mini_task(name).front)
        assert not first.startswith(name) and not first.startswith(name.removeprefix("mini_"))
        assert first.split(":")[0] in {spec.keys[0] for spec in SPECS if spec.name == name}


def test_a_stored_row_has_the_columns_of_its_task():
    row = next(read_rows("mini_boolq", "train"))
    assert list(row.fields) == ["passage", "question", "label"]
    example = next(mini_task("mini_boolq").read("train"))
    text = written(("passage", "question"), (row.text("passage"), row.text("question")))
    assert example.inputs == f"no | yes. {text}" and example.label == row.fields["label"]


def test_a_split_is_read_in_a_fifth_of_a_second_of_processor_time():
    start = time.process_time()
    assert len(list(mini_task("mini_mnli").read("train"))) == 4000
    assert time.process_time() - start < 0.2


@pytest.fixture
def copy(tmp_path) -> Path:
    """A folder with the rows of one small split that may be damaged."""
    file = rows_file("mini_cb", "train", tmp_path)
    file.parent.mkdir()
    shutil.copy(rows_file("mini_cb", "train"), file)
    shutil.copy(checksums_file(), checksums_file(tmp_path))
    return tmp_path


def test_damaged_rows_are_never_read(copy):
    assert len(list(read_rows("mini_cb", "train", copy))) == 60
    file = rows_file("mini_cb", "train", copy)
    content = lzma.decompress(file.read_bytes())
    file.write_bytes(lzma.compress(content.replace(b'"label": 0', b'"label": 1', 1)))
    with pytest.raises(SpotError, match=r"train\.jsonl\.xz: expected content with the SHA-256"):
        list(read_rows("mini_cb", "train", copy))
    for broken in (b"", b"no xz file", lzma.compress(content)[:-40]):
        file.write_bytes(broken)
        with pytest.raises(SpotError, match="expected xz-compressed rows"):
            list(read_rows("mini_cb", "train", copy))
    file.unlink()
    with pytest.raises(SpotError, match="expected a file, found No such file"):
        list(read_rows("mini_cb", "train", copy))


@pytest.mark.parametrize("sums", ["", "[]", '{"mini_cb": {}}', '{"mini_cb": null}'])
def test_checksums_that_lack_a_split_are_an_error(copy, sums):
    checksums_file(copy).write_text(sums)
    with pytest.raises(SpotError, match="expected the SHA-256 of mini_cb, train, found none"):
        list(read_rows("mini_cb", "train", copy))
    checksums_file(copy).unlink()
    with pytest.raises(SpotError, match=r"sha256\.json: expected a file"):
        list(read_rows("mini_cb", "train", copy))


def test_the_data_folder_holds_the_splits_and_nothing_else():
    stored = {file for file in DATA.rglob("*") if file.is_file()}
    expected = {rows_file(name, split) for name in mini_task_names() for split in SPLITS}
    assert stored == {*expected, checksums_file()}


def test_wrong_names_splits_and_roles_are_errors_with_a_hint():
    with pytest.raises(SpotError, match='Did you mean "mini_boolq"'):
        mini_task("mini_bolq")
    with pytest.raises(SpotError, match="no mini task is called"):
        mini_task("rte")
    with pytest.raises(SpotError, match='found "dev"'):
        list(mini_task("mini_rte").read("dev"))
    with pytest.raises(SpotError, match='found "dev"'):
        mini_task("mini_rte").rows("dev")
    with pytest.raises(SpotError, match='"source" or "target"'):
        mini_task_names("both")
