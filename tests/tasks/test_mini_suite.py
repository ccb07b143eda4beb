"""The mini suite's splits: stored digests, no shared text, balance, lengths, errors."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from spot.errors import SpotError
from spot.tasks.mini import generate
from spot.tasks.mini.specs import SPECS
from spot.tasks.mini.suite import (
    bag_of_words_accuracy,
    family_of,
    mini_task,
    mini_task_names,
    source_names,
    target_names,
)

DIGESTS = {
    ("mini_boolq", "train"): "9c8101b07a35a59d",
    ("mini_sst", "test"): "8b70de61c3f06168",
    ("mini_cb", "validation"): "03304365b58ff22c",
    ("mini_qqp", "train"): "248dbec1541a9525",
    ("mini_cola", "test"): "08c05d82d0e7ef07",
    ("mini_crossword", "test"): "532118ee51b87831",
    ("mini_next", "validation"): "8d6a31d504fa1c7c",
}


def _digest(name: str, split: str) -> str:
    text = "\n".join(f"{e.inputs}\t{e.targets}" for e in mini_task(name).read(split))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "split"), list(DIGESTS))
def test_splits_are_the_stored_ones(name, split):
    assert _digest(name, split) == DIGESTS[name, split]


def test_another_process_with_another_hash_seed_gives_the_same_rows():
    code = (
        "from spot.tasks.mini.suite import mini_task\n"
        "import hashlib\nt = mini_task('mini_rte')\n"
        "rows = '\\n'.join(f'{e.inputs}\\t{e.targets}' for e in t.read('test'))\n"
        "print(hashlib.sha256(rows.encode()).hexdigest()[:16])"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(root)}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True
    )
    assert out.stdout.strip() == _digest("mini_rte", "test"), out.stderr


def test_names_roles_and_families():
    assert len(source_names()) == 16
    assert len(target_names()) == 10
    assert set(mini_task_names()) == {*source_names(), *target_names()}
    assert "mini_boolq" in target_names()
    families = Counter(family_of(name) for name in source_names())
    assert set(families.values()) == {2} and len(families) == 8
    assert {family_of(name) for name in target_names()} == set(families)
    assert family_of("mini_boolq") == "yes/no question"


def test_definitions_say_what_read_gives():
    for name in mini_task_names():
        definition = mini_task(name)
        assert definition.name == name
        assert definition.family == family_of(name)
        assert definition.metrics == ("accuracy",)
        assert definition.scoring == "rank"
        assert definition.available() == ""
        for split in definition.splits:
            examples = list(definition.read(split))
            assert len(examples) == definition.rows(split)
            assert all(definition.labels[e.label] == e.targets for e in examples)


def test_every_text_begins_with_its_label_words_in_class_order():
    for name in mini_task_names():
        definition = mini_task(name)
        front = " | ".join(definition.labels) + ". "
        assert definition.front == front
        assert all(e.inputs.startswith(front) for e in definition.read("test")), name


def test_sizes_are_those_of_sources_and_low_resource_targets():
    for name in source_names():
        assert 2000 <= mini_task(name).rows("train") <= 4000
        assert [mini_task(name).rows(s) for s in ("validation", "test")] == [300, 300]
    for name in target_names():
        assert 32 <= mini_task(name).rows("train") <= 250
        assert [mini_task(name).rows(s) for s in ("validation", "test")] == [200, 400]


def test_no_input_and_no_main_text_is_in_two_splits_or_two_tasks_of_a_family():
    places: dict[tuple[str, str], set[str]] = {}
    for spec in SPECS:
        for split in ("train", "validation", "test"):
            for item in generate.items(spec, split):
                roles = dict(item.fields)
                texts = [" | ".join(roles.values())]
                if spec.family != "alternatives":
                    main = ("text", "sentence", "premise", "passage", "first", "second")
                    texts += [roles[role] for role in main if role in roles]
                for text in texts:
                    letters = "".join(c for c in text.lower() if c.isalnum())
                    places.setdefault((spec.family, letters), set()).add(f"{spec.name} {split}")
    shared = {key: value for key, value in places.items() if len(value) > 1}
    assert not shared, list(shared.items())[:3]


def test_no_row_is_doubled_within_a_split():
    for name in mini_task_names():
        for split in ("train", "validation", "test"):
            inputs = [e.inputs for e in mini_task(name).read(split)]
            assert len(inputs) == len(set(inputs)), name


def test_labels_are_balanced_within_five_percent():
    for name in mini_task_names():
        definition = mini_task(name)
        for split in definition.splits:
            counts = Counter(e.label for e in definition.read(split))
            fair = definition.rows(split) / len(definition.labels)
            assert len(counts) == len(definition.labels)
            assert all(abs(n - fair) <= max(1, 0.05 * fair) for n in counts.values()), (name, split)


def test_lengths_run_from_short_to_about_a_hundred_words():
    lengths = [len(e.inputs.split()) for n in mini_task_names() for e in mini_task(n).read("train")]
    assert min(lengths) >= 4
    assert 85 <= max(lengths) <= 120
    assert sum(lengths) / len(lengths) < 40


def test_label_words_and_keys_name_no_task_and_differ_between_tasks():
    labels = [definition.labels for definition in map(mini_task, mini_task_names())]
    assert len(set(labels)) == len(labels)
    assert all(len(word.split()) <= 2 for words in labels for word in words)
    for name in mini_task_names():
        definition = mini_task(name)
        first = next(definition.read("test")).inputs.removeprefix(definition.front)
        assert not first.startswith(name) and not first.startswith(name.removeprefix("mini_"))
        assert first.split(":")[0] in {spec.keys[0] for spec in SPECS if spec.name == name}


def test_fingerprints_differ_and_stay():
    prints = {mini_task(name).fingerprint() for name in mini_task_names()}
    assert len(prints) == 26
    assert mini_task("mini_rte").fingerprint() == mini_task("mini_rte").fingerprint()


def test_one_split_from_nothing_takes_less_than_a_second_of_processor_time():
    generate._made.cache_clear()
    start = time.process_time()
    list(mini_task("mini_boolq").read("train"))
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["mini_boolq", "mini_snli"])
def test_a_bag_of_words_cannot_read_the_label(name):
    assert bag_of_words_accuracy(name) < 65


def test_wrong_names_splits_and_roles_are_errors_with_a_hint():
    with pytest.raises(SpotError, match='Did you mean "mini_boolq"'):
        mini_task("mini_bolq")
    with pytest.raises(SpotError, match="no mini task is called"):
        family_of("rte")
    with pytest.raises(SpotError, match='found "dev"'):
        list(mini_task("mini_rte").read("dev"))
    with pytest.raises(SpotError, match='found "dev"'):
        mini_task("mini_rte").rows("dev")
    with pytest.raises(SpotError, match='"source" or "target"'):
        mini_task_names("both")
