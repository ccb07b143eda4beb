"""Token arrays against a tokeniser called directly, and the promises of their cache."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from spot.errors import SpotError
from spot.tasks.mini.suite import mini_task
from spot.tasks.published.catalog import local_task
from spot.tasks.task import with_wording
from spot.tasks.text import Example
from spot.tasks.tokens import Lengths, cache_file, tokens
from spot.tasks.vocabulary import VocabularyFile, label_tokens
from tests.tasks.seqio_reference import seqio_rows

REPOSITORY = Path(__file__).resolve().parents[2]
LONG = Lengths(64, 8)


def test_ids_equal_sentencepiece(words, tmp_path, fake):
    rows = [
        Example("good day", "yes", 1, reference=("yes", "y"), group="a"),
        Example("bad night; 7", "no", 0, reference=2.5),
    ]
    split = tokens(fake(rows=rows), "train", words, LONG, tmp_path)
    pieces = words.processor()
    for i, row in enumerate(rows):
        assert split.inputs[i].tolist() == [*pieces.EncodeAsIds(row.inputs), 1]
        assert split.targets[i].tolist() == [*pieces.EncodeAsIds(row.targets), 1]
    assert split.labels.tolist() == [1, 0]
    assert split.references == [("yes", "y"), 2.5]
    assert split.groups == ["a", ""]
    assert split.target_texts == ["yes", "no"]
    assert split.truncated == 0
    assert [split.targets[i].tolist() for i in (1, 0)] == label_tokens(fake(), words)


def test_long_inputs_are_cut_and_counted(words, tmp_path, caplog, fake):
    rows = [Example("abcdef", "no", 0), Example("abc", "no", 0)]  # 7 and 4 pieces, and EOS
    with caplog.at_level(logging.WARNING):
        split = tokens(fake(rows=rows), "train", words, Lengths(5, 8), tmp_path)
    pieces = words.processor()
    assert split.inputs[0].tolist() == [*pieces.EncodeAsIds("abc"), 1]
    assert split.inputs[1].tolist() == [*pieces.EncodeAsIds("abc"), 1]
    assert split.truncated == 1
    assert '"toy", train: 1 of 2 inputs (50.0 %) were cut to 5 tokens' in caplog.text


def test_target_that_does_not_fit(words, tmp_path, fake):
    rows = [Example("a", "no", 0), Example("a", "yes", 1)]
    with pytest.raises(SpotError, match='train row 1: expected a target of at most 4 .* 5: "yes"'):
        tokens(fake(rows=rows), "train", words, Lengths(9, 4), tmp_path)
    assert not list(tmp_path.rglob("*.npz"))


def test_bad_requests(words, tmp_path, fake):
    with pytest.raises(SpotError, match="at least 2 tokens"):
        tokens(fake(), "train", words, Lengths(1, 8), tmp_path)
    with pytest.raises(SpotError, match='Did you mean "train"'):
        tokens(fake(), "trian", words, LONG, tmp_path)
    with pytest.raises(SpotError, match="gone fishing"):
        tokens(fake(available=lambda: "gone fishing"), "train", words, LONG, tmp_path)


def test_cache_folder_that_cannot_be_written(words, tmp_path, fake):
    (tmp_path / "file").touch()
    with pytest.raises(SpotError, match="expected to write the token cache"):
        tokens(fake(), "train", words, LONG, tmp_path / "file")


def test_full_disk_is_reported_and_leaves_nothing(words, tmp_path, monkeypatch, fake):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spot.tasks.examples.np.savez_compressed", full)
    with pytest.raises(SpotError, match="token cache .*No space left on device"):
        tokens(fake(), "train", words, LONG, tmp_path)
    assert [p.suffix for p in (tmp_path / "tokens").iterdir() if p.suffix != ".lock"] == []


def test_cache_name_holds_everything_that_matters(words, tmp_path, fake):
    base = cache_file(fake(), "train", words, LONG, tmp_path)
    others = [
        cache_file(fake(fingerprint=lambda: "other"), "train", words, LONG, tmp_path),
        cache_file(fake(), "test", words, LONG, tmp_path),
        cache_file(fake(), "train", dataclasses.replace(words, extra_ids=9), LONG, tmp_path),
        cache_file(fake(), "train", words, Lengths(65, 8), tmp_path),
        cache_file(fake(), "train", words, Lengths(64, 9), tmp_path),
    ]
    assert len({base, *others}) == 6
    assert base == cache_file(fake(), "train", words, LONG, tmp_path)
    assert "/" not in cache_file(fake("a/../b"), "train", words, LONG, tmp_path).name


def test_damaged_cache_is_rebuilt(words, tmp_path, caplog, fake):
    first = tokens(fake(), "train", words, LONG, tmp_path)
    path = cache_file(fake(), "train", words, LONG, tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        again = tokens(fake(), "train", words, LONG, tmp_path)
    assert np.array_equal(again.inputs.flat, first.inputs.flat)
    assert "rebuilding" in caplog.text


def test_second_call_reads_the_cache_only(words, tmp_path, fake):
    def read(split):
        raise AssertionError("the rows were read again")

    tokens(fake(), "train", words, LONG, tmp_path)
    assert len(tokens(fake(read=read), "train", words, LONG, tmp_path)) == 2
    with pytest.raises(AssertionError):
        tokens(fake(read=read), "test", words, LONG, tmp_path)


def test_an_empty_split_is_refused(words, tmp_path, fake):
    with pytest.raises(SpotError, match='task "toy": the train split is empty'):
        tokens(fake(read=lambda split: iter(())), "train", words, LONG, tmp_path)


def test_text_and_shots_are_applied_with_the_vocabularys_own_lengths(words, tmp_path, fake):
    rows = [Example("good day", "yes", 1), Example("bad night", "no", 0)]
    task = with_wording(fake(rows=rows), text="say", shots=2)
    by_hand = [f"say\n\n{other.inputs} {other.targets}\n\n{row.inputs}"
               for row, other in zip(rows, rows[::-1], strict=True)]  # fmt: skip
    split = tokens(task, "test", words, LONG, tmp_path)
    assert [ids.tolist() for ids in split.inputs] == [[*words.encode(t), 1] for t in by_hand]
    length = max(len(words.encode(text)) + 1 for text in by_hand)
    short = tokens(task, "test", words, Lengths(length - 1, 8), tmp_path)
    assert short.truncated == 0 and short.inputs.lengths().min() < length - 5


SCRIPT = """
    import sys
    from pathlib import Path
    from spot.tasks.published.catalog import local_task
    from spot.tasks.tokens import Lengths, tokens
    from spot.tasks.vocabulary import VocabularyFile
    vocabulary, data, cache = sys.argv[1:]
    task, words = local_task("sst2", Path(data)), VocabularyFile(Path(vocabulary), 2)
    split = tokens(task, "train", words, Lengths(64, 12), Path(cache))
    print(len(split), "tensorflow" in sys.modules, "seqio" in sys.modules, "jax" in sys.modules)
"""


def start(words, data, cache) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(words.path), str(data), str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def test_two_processes_build_one_cache_silently_and_without_tensorflow(words, tmp_path, write_rows):
    for name in ("train", "validation"):
        rows = [{"sentence": f"fine film {i} of {name}", "label": i % 2} for i in range(50)]
        write_rows(tmp_path / "data" / "sst2" / f"{name}.jsonl", rows)
    pair = [start(words, tmp_path / "data", tmp_path / "cache") for _ in range(2)]
    results = [process.communicate(timeout=300) for process in pair]
    assert [(out.split(), err) for out, err in results] == [(["50", *["False"] * 3], "")] * 2
    assert len(list((tmp_path / "cache" / "tokens").glob("*.npz"))) == 1
    assert not list((tmp_path / "cache" / "tokens").glob(".tmp*"))


@pytest.mark.parametrize("name", ["mini_next", "odd"])
def test_ids_are_those_of_the_same_task_in_seqio(name, words, tmp_path, fake):
    odd = [Example("<extra_id_1> é…\u00a0 \n\ttab  two", "yes no", 1), Example(" ", "no", 0)]
    task = fake("odd", rows=odd) if name == "odd" else mini_task(name)
    split = tokens(task, "validation", words, Lengths(512, 16), tmp_path)
    theirs = seqio_rows(task, "validation", words)
    assert [
        (source.tolist(), target.tolist())
        for source, target in zip(split.inputs, split.targets, strict=True)
    ] == theirs


def test_real_task_with_the_t5_vocabulary(shared_data, t5_vocabulary_file, tmp_path):
    t5 = VocabularyFile(t5_vocabulary_file, 100)
    task = local_task("cb", shared_data / "tasks")
    split = tokens(task, "train", t5, Lengths(512, 8), tmp_path)
    pieces = t5.processor()
    rows = list(task.read("train"))
    assert len(split) == len(rows) == 250
    for i in (0, 100, 249):
        assert split.inputs[i].tolist() == [*pieces.EncodeAsIds(rows[i].inputs), 1]
    words = label_tokens(task, t5)
    assert all(split.targets[i].tolist() == words[split.labels[i]] for i in range(250))
