"""The generator of the mini suite: its rows are the stored ones, and no text is in two splits."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pretraining.mini import bag_of_words, generate
from pretraining.mini.write import content_of, write_suite
from spot.tasks.mini.rows import DATA, checksums_file, rows_file
from spot.tasks.mini.suite import SPECS, SPLITS


def stored(name: str, split: str) -> bytes:
    """The content of a split in the package."""
    return lzma.decompress(rows_file(name, split).read_bytes())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_generator_makes_the_stored_rows(spec):
    for split in SPLITS:
        assert content_of(spec, split) == stored(spec.name, split), split


def test_another_process_with_another_hash_seed_makes_the_same_rows():
    code = (
        "import hashlib\n"
        "from pretraining.mini.write import content_of\n"
        "from spot.tasks.mini.suite import SPECS\n"
        "spec = next(spec for spec in SPECS if spec.name == 'mini_rte')\n"
        "print(hashlib.sha256(content_of(spec, 'test')).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(root)}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True
    )
    expected = hashlib.sha256(stored("mini_rte", "test")).hexdigest()
    assert out.stdout.strip() == expected, out.stderr


def test_the_files_are_written_with_their_checksums(tmp_path):
    specs = [spec for spec in SPECS if spec.name in ("mini_sst", "mini_cb", "mini_trec")]
    write_suite(tmp_path, specs)
    all_sums, sums = (json.loads(checksums_file(f).read_text()) for f in (DATA, tmp_path))
    assert sums == {spec.name: all_sums[spec.name] for spec in specs}
    for spec in specs:
        for split in SPLITS:
            content = lzma.decompress(rows_file(spec.name, split, tmp_path).read_bytes())
            assert content == stored(spec.name, split), (spec.name, split)


def test_no_input_and_no_main_text_is_in_two_splits_or_two_tasks_of_a_family():
    places: dict[tuple[str, str], set[str]] = {}
    for spec in SPECS:
        for split in SPLITS:
            for item in generate.items(spec, split):
                roles = dict(item.fields)
                texts = [" | ".join(item.texts)]
                if spec.family != "alternatives":
                    main = ("text", "sentence", "premise", "passage", "first", "second")
                    texts += [roles[role] for role in main if role in roles]
                for text in texts:
                    letters = "".join(c for c in text.lower() if c.isalnum())
                    places.setdefault((spec.family, letters), set()).add(f"{spec.name} {split}")
    shared = {key: value for key, value in places.items() if len(value) > 1}
    assert not shared, list(shared.items())[:3]


def test_one_task_takes_less_than_a_second_of_processor_time():
    spec = next(spec for spec in SPECS if spec.name == "mini_boolq")
    generate._family_until.cache_clear()
    start = time.process_time()
    generate.items(spec, "train")
    assert time.process_time() - start < 1


@pytest.mark.parametrize("name", ["mini_boolq", "mini_snli"])
def test_a_bag_of_words_cannot_read_the_label(name):
    assert bag_of_words.accuracy(name) < 65
