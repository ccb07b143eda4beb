"""A small vocabulary and small data files for the tests of tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sentencepiece

from spot.tasks.task import Task, digest
from spot.tasks.text import Example
from spot.tasks.vocabulary import VocabularyFile

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="session")
def words(tmp_path_factory) -> VocabularyFile:
    """A SentencePiece model of single letters with T5's special ids (pad 0, eos 1, unk 2)."""
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "text").write_text("\n".join([" ".join(LETTERS), "true false yes no good bad"] * 40))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"),
        model_prefix=str(folder / "letters"),
        model_type="char",
        vocab_size=31,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return VocabularyFile(folder / "letters.model", 2)


@pytest.fixture
def write_rows():
    """A function that writes rows as JSONL and gives the path back."""

    def write(path: Path, rows: list) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def fake():
    """A function that makes a task whose every split has the same rows."""
    return _fake


def _fake(name: str = "toy", rows: list[Example] | None = None, **changes) -> Task:
    rows = rows or [Example("good day", "yes", 1), Example("bad night", "no", 0)]
    fields = {
        "name": name,
        "family": "toy",
        "labels": ("no", "yes"),
        "metrics": ("accuracy",),
        "scoring": "rank",
        "splits": ("train", "validation", "test"),
        "read": lambda split: iter(rows),
        "fingerprint": lambda: digest([e.inputs for e in rows]),
        "description": "",
        "rows": lambda split: len(rows),
    }
    return Task(**{**fields, **changes})
