"""Tasks of rows in memory: the same examples as from a file, and what every mistake says."""

from __future__ import annotations

import json

import pytest

from spot.errors import SpotError
from spot.tasks.splits import in_test, in_validation
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
    held_out = [row["text"] for row in ROWS if in_validation(row["text"])]
    assert texts["train"] == [row["text"] for row in ROWS if not in_validation(row["text"])]
    assert texts["test"] == [text for text in held_out if in_test(text)]
    assert texts["validation"] == [text for text in held_out if not in_test(text)]
    assert "no validation rows given" in task.split_rule
    given = Task.from_rows("tickets", ROWS[:100], ROWS[100:], labels=WORDS)
    assert given.rows("train") == 100 and given.rows("validation") + given.rows("test") == 100


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
    "neither": ({"labels": None}, {}, "expected labels .the label words. or target .*found neither"),
    "both": ({"target": "text"}, {}, "found both"),
    "one text": ({"labels": "billing"}, {}, 'labels as a list of different words, found "billing"'),
    "twice": ({"labels": ["bug", "bug"]}, {}, "a list of different words"),
    "none": ({"labels": []}, {}, "a list of different words"),
    "blank": ({"labels": ["bug", " "]}, {}, "expected a word for the value"),
    "metric": ({"metrics": ["acuracy"]}, {}, 'task "t": .*found "acuracy". Did you mean "accuracy"'),
    "kind": ({"metrics": ["squad_f1"]}, {}, "which needs another kind of answer"),
    "text": ({"inputs": "text"}, {}, 'task "t": expected "inputs" to name fields'),
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


def test_a_mixture_of_rows():
    small = Task.from_rows("small", ROWS[:20], ROWS, ROWS, labels=WORDS)
    large = Task.from_rows("large", ROWS[:60], ROWS, ROWS, labels=WORDS)
    assert mixture_of("both", [small, large]) == Mixture("both", (small, large), (0.25, 0.75))
    assert (small.members, small.rates) == ((small,), (1.0,))
