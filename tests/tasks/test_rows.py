"""Tasks of rows in memory: the same examples as from a file, and what every mistake says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from spot.errors import SpotError
from spot.tasks.files import Row
from spot.tasks.task import Mixture, Task, mixture_of
from spot.tasks.text import Example
from spot.tasks.user import user_task

ROWS = [{"text": f"ticket {i}", "label": "bug" if i % 3 else "billing"} for i in range(200)]
WORDS = ["billing", "bug"]


def test_rows_read_like_those_of_a_file(tmp_path):
    rows = [
        {"a": "x", "n": 4, "stars": 1},
        {"a": "y", "n": 5, "stars": 2},
        {"a": "z", "n": 6, "stars": 2},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "t.toml").write_text(
        'name = "t"\ninputs = "{a} of {n}"\nlabel = "stars"\nlabels = {"1" = "bad", "2" = "good"}\n'
        'metrics = ["f1"]\n[files]\ntrain = "a.jsonl"\nvalidation = "a.jsonl"\ntest = "a.jsonl"\n'
    )
    task = Task.from_rows(
        "t", rows, rows, rows, inputs="{a} of {n}", label="stars", labels={1: "bad", 2: "good"},
        metrics=["f1"],
    )  # fmt: skip
    file = user_task(tmp_path / "t.toml")
    for split in ("train", "validation", "test"):
        assert list(task.read(split)) == list(file.read(split))
    for field in ("labels", "metrics", "scoring", "splits", "split_rule"):
        assert getattr(task, field) == getattr(file, field)
    assert list(task.read("train"))[0] == Example("x of 4", "bad", 0)
    assert task.rows("train") == 3 and task.available() == ""


def test_missing_splits_are_cut_by_the_stated_rule():
    task = Task.from_rows("tickets", ROWS, labels=WORDS)
    texts = {split: [e.inputs for e in task.read(split)] for split in task.splits}
    expected = {"train": [], "validation": [], "test": []}
    for word in WORDS:
        of_class = [row["text"] for row in ROWS if row["label"] == word]
        ordered = sorted(
            of_class, key=lambda text: hashlib.sha256(f"spot-split-v2:{text}".encode()).digest()
        )
        first, second = round(len(ordered) / 5), round(2 * len(ordered) / 5)
        expected["test"] += ordered[:first]
        expected["validation"] += ordered[first:second]
        expected["train"] += ordered[second:]
    assert {split: sorted(rows) for split, rows in texts.items()} == {
        split: sorted(rows) for split, rows in expected.items()
    }
    assert [task.rows(split) for split in task.splits] == [120, 40, 40]
    assert texts["train"] == [row["text"] for row in ROWS if row["text"] in expected["train"]]
    assert 'in the order of sha256("spot-split-v2:" + text)' in task.split_rule
    given = Task.from_rows("tickets", ROWS[:100], ROWS[100:], labels=WORDS)
    assert [given.rows(split) for split in given.splits] == [100, 49, 51]
    assert given.split_rule.startswith("test is the first half of each class of validation, in the")


def test_label_words_are_found_where_none_are_given():
    rows = [{"text": "a", "label": True}, {"text": "b", "label": " no "}, {"text": "c", "label": 2}]
    task = Task.from_rows("t", rows, rows, [{"text": "a", "label": "aye"}])
    assert (task.labels, task.scoring, task.metrics) == (
        ("2", "aye", "no", "true"), "rank", ("accuracy",),
    )  # fmt: skip
    named = Task.from_rows("t", rows, rows, rows, labels={True: "yes", "no ": "no", 2: "maybe"})
    assert [e.targets for e in named.read("train")] == ["yes", "no", "maybe"]


def test_a_new_row_is_rendered_without_its_answer():
    task = Task.from_rows(
        "t", [{**row, "n": 1} for row in ROWS], inputs="no. {n}: {text}", labels=WORDS
    )
    assert task.columns == ("n", "text")
    assert task.render(Row(Path("x"), 1, {"n": 7, "text": "help"})) == "no. 7: help"
    with pytest.raises(SpotError, match='x, line 1: expected a field "text", found the fields n'):
        task.render(Row(Path("x"), 1, {"n": 7}))


def test_free_answers_numbers_and_groups():
    rows = [{"q": "who", "a": ["Ann", "Bo"], "p": 1}, {"q": "when", "a": 1990, "p": 1}]
    task = Task.from_rows("qa", rows, rows, rows, inputs="{q}", target="a", group="p")
    assert list(task.read("test")) == [
        Example("who", "Ann", -1, ("Ann", "Bo"), "1"),
        Example("when", "1990", -1, ("1990",), "1"),
    ]
    assert (task.scoring, task.metrics, task.labels) == ("generate", ("exact_match",), ())
    rated = [{"text": "x", "score": 2.5}]
    task = Task.from_rows("rated", rated, rated, rated, target="score", metrics=["pearson"])
    assert next(task.read("test")).reference == 2.5


def test_the_fingerprint_is_of_the_content_and_rows_are_copied():
    def fingerprint(rows, **options):
        return Task.from_rows("tickets", rows, **{"labels": WORDS, **options}).fingerprint()

    rows = [dict(row) for row in ROWS]
    task = Task.from_rows("tickets", rows, labels=WORDS)
    assert task.fingerprint() == fingerprint(ROWS)
    flipped = [{**ROWS[0], "label": "bug"}, *ROWS[1:]]
    others = [
        fingerprint(flipped), fingerprint(ROWS[::-1]), fingerprint(ROWS, inputs="{text}?"),
        fingerprint(ROWS, labels=WORDS[::-1]), fingerprint(ROWS, validation=ROWS),
        fingerprint(ROWS, list_labels=True), fingerprint(ROWS, metrics=["f1"]),
    ]  # fmt: skip
    assert len({task.fingerprint(), *others}) == 8
    before = list(task.read("train"))
    for row in rows:
        row["label"] = "bug"
    assert list(task.read("train")) == before


def test_listed_label_words():
    task = Task.from_rows("tickets", ROWS, labels=WORDS, list_labels=True)
    assert next(task.read("train")).inputs == "billing | bug. ticket 0"
    assert task.wording == {"list_labels": True}


MISTAKES = {
    "label": ({}, {"label": "bugs"}, 'task "t", train, row 2: expected one of the values billing, bug'),
    "field": ({"inputs": "{txt}"}, {}, 'train, row 1: expected a field "txt".*Did you mean "text"'),
    "empty": ({}, {"text": " "}, 'row 2: expected text in "text", found empty text'),
    "not text": ({}, {"text": None}, 'row 2: expected text in "text", found null'),
    "neither": ({"label": ""}, {}, 'task "t": expected "label" or "target", found neither'),
    "both": ({"target": "text"}, {}, 'expected no "labels" beside "target", found ."billing", "bug"'),
    "one": ({"labels": ["bug"]}, {}, 'two different words at least, found "bug" alone'),
    "no text": ({"inputs": ""}, {}, 'key "inputs": expected a value, found none'),
    "no label": ({"labels": None}, {"label": None}, 'row 2: expected a label in "label", found nothing'),
    "one label": ({"labels": None}, {"label": "billing"}, 'in "label", found "billing" alone'),
    "one text": ({"labels": "billing"}, {}, 'labels as a list of different words, found "billing"'),
    "twice": ({"labels": ["bug", "bug"]}, {}, 'each label once, found "bug" more than once'),
    "none": ({"labels": []}, {}, "a list of different words"),
    "blank": ({"labels": ["bug", " "]}, {}, "expected a word for the value"),
    "metric": ({"metrics": ["acuracy"]}, {}, 'task "t": .*found "acuracy". Did you mean "accuracy"'),
    "classes": ({"metrics": ["cb_f1"]}, {}, 'task "t": .*for 2 classes, found "cb_f1", which is for 3'),
    "found classes": (
        {"labels": None, "metrics": ["stance_f1"]}, {}, 'task "t": .*found "stance_f1", which is for 3',
    ),
    "kind": ({"metrics": ["squad_f1"]}, {}, "which needs another kind of answer"),
    "unseen": (
        {}, {"label": "bug\u200b"},
        r'found "bug\\u200b", which only looks like that: it is written bug\\u200b, the label bug',
    ),
    "unseen name": ({"inputs": "{text\u200b}"}, {}, r'expected a field "text\\u200b", found the fields text'),
    "text": ({"inputs": "text"}, {}, 'task "t": key "inputs": expected names of fields'),
    "name": ({"name": "a/b"}, {}, 'task "a/b": key "name"'),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case):
    options, change, message = MISTAKES[case]
    rows = [ROWS[0], {**ROWS[1], **change}]
    with pytest.raises(SpotError, match=message):
        Task.from_rows(**{"name": "t", "train": rows, "labels": WORDS, **options})


def test_rows_that_are_no_mappings_and_too_few_rows():
    with pytest.raises(
        SpotError, match='row 1: expected a mapping from fields to values, found "x"'
    ):
        Task.from_rows("t", ["x"], labels=WORDS)
    task = Task.from_rows("t", [ROWS[1]], labels=WORDS)
    with pytest.raises(
        SpotError, match='rows in the split "test", found none in the rows of train'
    ):
        task.read("test")
    with pytest.raises(SpotError, match='Did you mean "train"'):
        task.read("trian")


def test_a_training_split_that_the_others_have_whole():
    task = Task.from_rows("t", ROWS[:20], ROWS[:50], ROWS[10:60], labels=WORDS)
    with pytest.raises(
        SpotError, match="texts in train that test and validation have not, found none"
    ):
        task.read("train")


def test_a_mixture_of_rows():
    small = Task.from_rows("small", ROWS[:20], ROWS[60:130], ROWS[130:], labels=WORDS)
    large = Task.from_rows("large", ROWS[:60], ROWS[60:130], ROWS[130:], labels=WORDS)
    assert mixture_of("both", [small, large]) == Mixture("both", (small, large), (0.25, 0.75))
    assert (small.members, small.rates) == ((small,), (1.0,))


def test_labels_that_look_the_same_are_pointed_out(caplog):
    labels = ["0", "1", "0\u200b", "caf\xe9", "cafe\u0301"]
    rows = [{"text": f"row {i}", "label": labels[i % 5]} for i in range(100)]
    task = Task.from_rows("t", rows)
    task.read("train")
    assert [record.getMessage() for record in caplog.records] == [
        f'task "t": the labels {pair} look the same and are different classes: correct the rows, or give '
        "them one word in labels"
        for pair in ('"0" and "0\\u200b"', '"cafe\\u0301" and "caf\\xe9"')
    ]


def test_values_of_other_libraries_are_read_as_pythons():
    import datetime
    import decimal

    import numpy as np

    rows = [
        {"text": np.str_("a cat"), "label": np.int64(1), "n": np.float32("nan")},
        {"text": b"a dog", "label": np.bool_(True), "n": decimal.Decimal("2.5")},
        {"text": datetime.date(2024, 2, 29), "label": 1.0, "n": 4},
    ]
    task = Task.from_rows(
        "t", rows, rows, rows, inputs="{text} {n}", labels={1: "one", "true": "yes", "1.0": "float"}
    )
    assert [(e.inputs, e.targets) for e in task.read("test")] == [
        ("a cat ", "one"), ("a dog 2.5", "yes"), ("2024-02-29 4", "float"),
    ]  # fmt: skip
