"""Seeded mutations of everything that a task is read from: rows or a sentence, never another exception."""

from __future__ import annotations

import datetime
import decimal
import json
import logging
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bank.errors import UserError
from spot.tasks.inspection import inspect_table, write_task
from spot.tasks.published.catalog import find_template, published_task
from spot.tasks.published.sources import Places
from spot.tasks.task import Task
from spot.tasks.user import user_task

TOML = b"""name = "shop"
inputs = "{text} {title}"
label = "stars"
labels = {"1" = "bad", "5" = "good"}
group = "g"
metrics = ["accuracy", "macro_f1"]
[files]
train = "train.csv"
validation = "dev.jsonl"
"""
FREE = b"""name = "free"
inputs = "{text}"
target = "stars"
metrics = ["squad_f1"]
[files]
train = "train.tsv"
"""
TEMPLATE = b"""[sst2]
inputs = "Review: {sentence} {options}"
labels = ["bad", "good"]
clean = { sentence = ["strip"] }
"""
CSV = b"text,title,stars,g\n" + b"".join(
    f"shoe {i},t {i % 7},{1 + 4 * (i % 2)},g{i % 11}\n".encode() for i in range(40)
)
JSONL = b"".join(
    json.dumps(
        {"text": f"boot {i}", "title": None, "stars": 1 + 4 * (i % 2), "g": f"h{i}"}
    ).encode()
    + b"\n"
    for i in range(20)
)
SENTENCES = b"".join(
    json.dumps({"sentence": f"a film {i}", "label": i % 2}).encode() + b"\n" for i in range(30)
)
FILES = {
    "task.toml": TOML,
    "free.toml": FREE,
    "own.toml": TEMPLATE,
    "train.csv": CSV,
    "train.tsv": CSV.replace(b",", b"\t"),
    "dev.jsonl": JSONL,
    "sst2/train.jsonl": SENTENCES,
    "sst2/validation.jsonl": SENTENCES,
    "sst2/meta.json": b'{"label_names": ["a", "b"], "licence": "x"}',
}
PIECES = [
    *(b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b";", b"\xff", b"\xef\xbb\xbf", b"\x00"),
    *(b"{", b"}", b"[", b"]", b"[" * 70, b"NaN", b"1e999", b"-1", b"9" * 4400, b'"\\ud800"'),
    *(b"null", b"true", b"\xe2\x80\x8b", b"sep=,\n", b"#", b"'''", b"=", b"inf", b"../../x"),
    *(b"/dev/zero", b"\x1b[2J", b"{text}", b"{0}", b"{text!r}", b"{text:>1000000000}", b"a.b."),
]


def mutated(content: bytes, drawn: random.Random) -> bytes:
    """The content with some bits, bytes or pieces changed, put in, doubled or cut away."""
    changed = bytearray(content)
    for _ in range(drawn.choice([0, 1, 1, 2, 3, 8])):
        place, kind = drawn.randrange(len(changed) + 1), drawn.random()
        if kind < 0.25 and changed:
            changed[min(place, len(changed) - 1)] = drawn.randrange(256)
        elif kind < 0.6:
            changed[place:place] = drawn.choice(PIECES)
        elif kind < 0.8:
            del changed[place : place + drawn.randint(1, 30)]
        elif kind < 0.9:
            changed[place:place] = changed[drawn.randrange(len(changed) + 1) :][:60]
        else:
            del changed[place:]
    return bytes(changed)


def read(task: Task) -> None:
    """Everything that a stage reads of a task."""
    task.fingerprint()
    for split in task.splits:
        assert task.rows(split) == len(list(task.read(split)))


def inspected(folder: Path, file: str) -> None:
    report = inspect_table(folder / file, text="text", label="stars", title="title")
    report.to_json()
    write_task(report, folder / "written.toml", force=True)
    read(user_task(folder / "written.toml"))


READERS: dict[str, Callable[[Path], None]] = {
    "a task": lambda folder: read(user_task(folder / "task.toml")),
    "free answers": lambda folder: read(user_task(folder / "free.toml")),
    "a published task": lambda folder: read(published_task("sst2", "local", Places(folder))),
    "its template": lambda folder: read(
        published_task(
            "sst2", "local", Places(folder), find_template("sst2", str(folder / "own.toml"))
        )
    ),
    "a csv": lambda folder: inspected(folder, "train.csv"),
    "a tsv": lambda folder: inspected(folder, "train.tsv"),
    "jsonl": lambda folder: inspected(folder, "dev.jsonl"),
}


def sentence(error: UserError) -> None:
    """An error is one that can be printed, and read."""
    assert error.message and len(error.message.encode()) < 20_000


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_rows_or_a_sentence(name, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "spot")
    drawn = random.Random(name)
    whole = refused = 0
    (tmp_path / "sst2").mkdir()
    for _ in range(120):
        for file, original in FILES.items():
            content = mutated(original, drawn) if drawn.random() < 0.3 else original
            (tmp_path / file).write_bytes(content)
        try:
            READERS[name](tmp_path)
            whole += 1
        except UserError as error:
            sentence(error)
            refused += 1
    assert min(whole, refused) > 10


VALUES = [
    *(
        None,
        math.nan,
        math.inf,
        True,
        0,
        10**400,
        -1,
        1.5,
        "",
        "x",
        " ",
        "\u200b",
        "\ud800",
        "a\0b",
    ),
    *(
        b"x",
        b"\xff",
        [],
        ["a"],
        ["a", 1],
        [[]],
        {},
        {"a": 1},
        ("a", "b"),
        {"a"},
        range(3),
        1j,
        object(),
    ),
    *(
        decimal.Decimal(1),
        decimal.Decimal("nan"),
        datetime.date(2020, 1, 1),
        bytearray(b"x"),
        float,
    ),
    *(
        np.int64(3),
        np.float32("nan"),
        np.array([1, 2]),
        np.datetime64("NaT"),
        np.str_("q"),
        np.bool_(1),
    ),
]
OPTIONS: dict[str, list[object]] = {
    "inputs": ["{text}", "{text} {t}", "{g}", "{text", "{}", "", 5, None, "{text[0]}", "{0}"],
    "labels": [
        *(["a", "b"], {"a": "x", "b": "y"}, {"a": 1}, ["a", "a"], "ab", [], [None, "a"], 5),
        *({True: "a", None: "b"}, [["a"], "b"], {"a": None}, ["\ud800", "b"], [" a", "b"]),
    ],
    "label": ["label", "g", "t", "zz", None, 5],
    "target": ["text", "t", "zz", 5],
    "metrics": [["accuracy"], ["f1"], ["cb_f1"], ["pearson"], ["x"], "accuracy", [None], 5],
    "family": ["x", 5, None],
    "group": ["g", "text", "zz", 5],
    "list_labels": [True, False, None],
}


def test_odd_rows_of_programs_are_rows_or_a_sentence(caplog):
    caplog.set_level(logging.CRITICAL, "spot")
    drawn = random.Random(3)
    whole = refused = 0
    for _ in range(600):
        plain = [
            {"text": f"row {i}", "label": "ab"[i % 2], "g": i % 5, "t": "x"} for i in range(12)
        ]
        odd = drawn.choice([0, 0.02, 0.2])
        rows: list[object] = [
            {name: drawn.choice(VALUES) if drawn.random() < odd else row[name] for name in row}
            for row in plain
        ]
        given = drawn.choice([rows] * 8 + [None, [], 5, "abc", [1], [None], {"a": 1}, [{1: 2}]])
        options = {k: drawn.choice(v) for k, v in OPTIONS.items() if drawn.random() < 0.1}
        more = [plain[:4]] if drawn.random() < 0.3 else []
        try:
            read(Task.from_rows("t", given, *more, **options))  # type: ignore[arg-type]
            whole += 1
        except UserError as error:
            sentence(error)
            refused += 1
    assert whole > 50 and refused > 150


@pytest.mark.parametrize("rows", [None, 5, object()])
def test_rows_that_are_none_are_named(rows):
    from spot.errors import SpotError

    with pytest.raises(
        SpotError, match='task "t": expected (rows of train|the rows of train as a)'
    ):
        Task.from_rows("t", rows)
    with pytest.raises(SpotError, match='key "metrics": expected a list, found "accuracy"'):
        Task.from_rows("t", [{"text": "a", "label": "x"}], metrics="accuracy")
