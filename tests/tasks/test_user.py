"""A user's own files: what a ten-line TOML gives, and what every mistake says."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from spot.errors import SpotError
from spot.tasks.files import Row
from spot.tasks.text import Example
from spot.tasks.user import user_task

TOML = """
name = "shop"
inputs = "review: {text}"
label = "stars"
labels = {"1" = "bad", "2" = " bad", "5" = "good"}
family = "sentiment"
metrics = ["accuracy", "macro_f1"]
[files]
train = "train.csv"
validation = "dev.csv"
test = "test.csv"
"""
CSV = "text,stars\nfine shoes,5\ntorn shoes, 2 \n"


def without(*keys: str) -> str:
    return "\n".join(line for line in TOML.split("\n") if not line.startswith(keys))


@pytest.fixture
def write(tmp_path):
    """A function that writes files by name and gives the TOML's path back."""

    def make(toml: str, **files: str):
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content, "utf-8")
        (tmp_path / "task.toml").write_text(toml, "utf-8")
        return tmp_path / "task.toml"

    return make


def test_classes_from_csv(write):
    task = user_task(write(TOML, train_csv=CSV, dev_csv=CSV, test_csv=CSV))
    assert list(task.read("test")) == [
        Example("review: fine shoes", "good", 1),
        Example("review: torn shoes", "bad", 0),
    ]
    assert (task.name, task.family, task.labels) == ("shop", "sentiment", ("bad", "good"))
    assert (task.metrics, task.scoring) == (("accuracy", "macro_f1"), "rank")
    assert task.split_rule.startswith("train, validation and test as given; train leaves out")
    assert (task.columns, task.render(Row(Path("new"), 1, {"text": "new shoes"}))) == (
        ("text",), "review: new shoes",
    )  # fmt: skip
    assert (task.rows("train"), task.available()) == (2, "")


def test_tsv_and_json_values(write):
    toml = TOML.replace("csv", "jsonl").replace('"1" =', '"true" =').replace('"5"', '"5.5"')
    rows = '{"text": "a", "stars": true}\n{"text": 4, "stars": 5.5}\n{"text": "b", "stars": 2}\n'
    task = user_task(write(toml, train_jsonl=rows, dev_jsonl=rows, test_jsonl=rows))
    assert [(e.inputs, e.label) for e in task.read("train")] == [
        ("review: a", 0),
        ("review: 4", 1),
        ("review: b", 0),
    ]


def test_generation_with_several_answers_and_groups(write):
    toml = """
name = "qa"
inputs = "{{q}} {question} in {passage}"
target = "answer"
group = "passage"
metrics = ["squad_f1", "record_em"]
[files]
train = "a.jsonl"
validation = "a.jsonl"
test = "a.jsonl"
"""
    rows = (
        '{"question": "who", "passage": "p1", "answer": ["Ann", "Bo"]}\n'
        '{"question": "when", "passage": "p1", "answer": 1990}\n'
    )
    task = user_task(write(toml, a_jsonl=rows))
    assert list(task.read("train")) == [
        Example("{q} who in p1", "Ann", -1, ("Ann", "Bo"), "p1"),
        Example("{q} when in p1", "1990", -1, ("1990",), "p1"),
    ]
    assert (task.labels, task.scoring) == ((), "generate")


def test_numbers(write):
    toml = """
name = "rating"
inputs = "{a}"
target = "b"
metrics = ["pearson"]
[files]
train = "a.tsv"
validation = "a.tsv"
test = "a.tsv"
"""
    task = user_task(write(toml, a_tsv="a\tb\nx\t-1.5\n"))
    assert list(task.read("train")) == [Example("x", "-1.5", -1, -1.5)]
    write(toml, a_tsv="a\tb\nx\t1\ny\tmuch\n")
    with pytest.raises(SpotError, match='line 3: expected a number in "b", found "much"'):
        list(task.read("train"))


@pytest.mark.parametrize("absent", [("test",), ("validation",), ("validation", "test")])
def test_missing_splits_are_cut_without_overlap(absent, write):
    toml = "\n".join(line for line in TOML.split("\n") if not line.startswith(absent))

    def rows(word: str) -> str:
        return "text,stars\n" + "".join(f"{word} {i % 300},{5 - i % 2}\n" for i in range(600))

    toml = toml.replace('"2" =', '"4" =')
    task = user_task(write(toml, train_csv=rows("a"), dev_csv=rows("b"), test_csv=rows("c")))
    found = {split: [e.inputs for e in task.read(split)] for split in task.splits}
    sizes = {split: len(texts) for split, texts in found.items()}
    assert (
        sizes
        == {
            ("test",): {"train": 600, "validation": 300, "test": 300},
            ("validation",): {"train": 480, "validation": 120, "test": 600},
            ("validation", "test"): {"train": 360, "validation": 120, "test": 120},
        }[absent]
    )
    for a in task.splits:
        labels = [e.label for e in task.read(a)]
        assert labels.count(0) * 2 == len(labels)
        assert not any(set(found[a]) & set(found[b]) for b in task.splits if a != b)
    assert 'sha256("spot-split-v2:" + text)' in task.split_rule


def test_group_stays_on_one_side(write):
    toml = TOML.replace('validation = "dev.csv"', "").replace('test = "test.csv"', "")
    toml = toml.replace("[files]", 'group = "shop"\n[files]')
    many = "text,stars,shop\n" + "".join(f"shoe {i},{i % 2 + 1},s{i % 90}\n" for i in range(900))
    toml = toml.replace('"2" = "bad"', '"2" = "good"')
    task = user_task(write(toml, train_csv=many))
    groups = [{e.group for e in task.read(split)} for split in task.splits]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 90
    assert list(map(len, groups)) == [54, 18, 18]
    assert 'sha256("spot-split-v2:" + shop)' in task.split_rule


def test_too_few_rows_to_cut(write):
    toml = TOML.replace('validation = "dev.csv"', "").replace('test = "test.csv"', "")
    task = user_task(write(toml, train_csv="text,stars\na,5\n"))
    with pytest.raises(SpotError, match="found none in .*train.csv.*a file of its own for test"):
        list(task.read("test"))


def test_missing_file_and_fingerprint(write, tmp_path):
    path = write(TOML, train_csv=CSV, dev_csv=CSV)
    task = user_task(path)
    assert task.available() == f"{tmp_path / 'test.csv'} is not there; correct [files] in {path}"
    with pytest.raises(SpotError, match="expected a data file at"):
        list(task.read("test"))
    assert task.labels == ("bad", "good")
    found = user_task(write(without("labels"), train_csv=CSV))
    assert (found.labels, found.scoring) == ((), "rank")
    assert "test.csv is not there" in found.available()
    path = write(TOML, test_csv=CSV)
    first = user_task(path).fingerprint()
    assert user_task(path).fingerprint() == first
    write(TOML, dev_csv=CSV + "x,5\n")
    assert user_task(path).fingerprint() != first
    second = user_task(path).fingerprint()
    write(TOML.replace("review:", "text:"))
    assert user_task(path).fingerprint() != second


def test_a_pipe_in_the_place_of_a_data_file_is_called_one(write):
    path = write(TOML, dev_csv=CSV, test_csv=CSV)
    os.mkfifo(path.parent / "train.csv")
    said = "train.csv cannot be read (it is a pipe, not a regular file); correct [files]"
    assert said in user_task(path).available()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("worn shoes,3", 'line 4: expected one of the values 1, 2, 5 in "stars", found "3"'),
        ("worn shoes,", 'line 4: expected one of the values 1, 2, 5 in "stars", found ""'),
        ("worn shoes,5.", 'found "5."'),
        (",5", 'line 4: expected text in "text", found empty text'),
    ],
)
def test_bad_rows(row, message, write):
    task = user_task(write(TOML, train_csv=CSV + row + "\n"))
    with pytest.raises(SpotError, match=message):
        list(task.read("train"))


def test_column_that_is_not_there(write):
    task = user_task(write(TOML.replace("{text}", "{txt}"), train_csv=CSV))
    with pytest.raises(SpotError, match='line 2: expected a field "txt".*Did you mean "text"'):
        list(task.read("train"))


BAD = {
    "not TOML": (
        "name =",
        "expected a task in TOML at .*task.toml, found: Invalid value .at end",
    ),
    "unknown key": ('famly = "x"' + TOML, 'task.toml: unknown key "famly". Did you mean "family"'),
    "unknown split": (TOML + 'tests = "x"', 'unknown key "files.tests". Did you mean "test"'),
    "wrong type": (
        TOML.replace('"stars"', "4"),
        'task.toml: key "label": expected a text, found 4 .for example label = "queue"',
    ),
    "inputs": (
        TOML.replace('"review: {text}"', "3"),
        r'key "inputs": expected a text, found 3 .for example inputs = "{text}", with the names',
    ),
    "metrics": (
        TOML.replace('["accuracy", "macro_f1"]', "3"),
        'key "metrics": expected a list, found 3',
    ),
    "a metric": (
        TOML.replace('"macro_f1"', "3"),
        'key "metrics.1": expected a text, found 3 .for ex',
    ),
    "files": (
        without("[files]", "train", "validation", "test") + 'files = "x"',
        r'key "files": expected a table, found "x" .for example \[files\] with train',
    ),
    "name": (
        TOML.replace('"shop"', '"a/b"'),
        'key "name": expected letters, digits and _ - . : alone, found "a/b" .for example name = "tic',
    ),
    "no name": (
        without("name"),
        'key "name": expected a value, found none .for example name = "ti',
    ),
    "no train": (
        without("train"),
        'key "files.train": expected a value, found none .for example train',
    ),
    "no inputs": (
        without("inputs"),
        'key "inputs": expected a value, found none .for example inputs',
    ),
    "no files": (
        without("[files]", "train", "validation", "test"),
        'key "files": expected a value, found none',
    ),
    "neither": (
        without("label"),
        'expected "label" or "target", found neither .for example label = "q',
    ),
    "both": ('target = "x"' + TOML, 'expected "label" or "target", found both .keep one: label'),
    "labels of a target": (
        'target = "x"' + without("label =", "metrics"),
        r'expected no "labels" beside "target", found \["1", "2", "5"\]',
    ),
    "labels of no kind": (
        TOML.replace('{"1"', '3 # {"1"'),
        'key "labels": expected a table, found 3',
    ),
    "a label of no kind": (
        TOML.replace('"good"', "3"),
        'key "labels.5": expected a text, found 3 .for example labels = ."billing", "bug".',
    ),
    "a label twice": (
        TOML.replace('{"1" = "bad", "2" = " bad", "5" = "good"}', '["bad", "good", " bad"]'),
        'key "labels": expected each label once, found "bad" more than once',
    ),
    "one word": (
        TOML.replace('"good"', '"bad"'),
        'key "labels": expected two different words at least, found "bad" alone: with one answer',
    ),
    "empty word": (
        TOML.replace('"good"', '""'),
        'task.toml: key "labels": expected a word for the value "5", found ""',
    ),
    "blank word": (TOML.replace('"good"', '" \\t"'), 'a word for the value "5", found ""'),
    "seqio too": ('seqio = "x"' + TOML, 'expected no key "inputs" beside "seqio"'),
    "metric": (TOML.replace("macro_f1", "macrof1"), 'found "macrof1". Did you mean "macro_f1"'),
    "other metric": (TOML.replace("macro_f1", "squad_em"), "which needs another kind of answer"),
    "other classes": (
        TOML.replace("macro_f1", "cb_f1"),
        'task.toml: expected metrics for 2 classes, found "cb_f1", which is for 3 .*macro_f1',
    ),
    "three classes": (
        TOML.replace("macro_f1", "f1").replace('" bad"', '"fair"'),
        'task.toml: expected metrics for 3 classes, found "f1", which is for 2 .*macro_f1',
    ),
    "no group": (TOML.replace("macro_f1", "multirc_em"), "which needs a group"),
    "mixed metrics": (
        TOML.replace('label = "stars"', 'target = "stars"')
        .replace("labels =", "#")
        .replace('["accuracy", "macro_f1"]', '["pearson", "squad_em"]'),
        'found "squad_em", which needs another kind of answer',
    ),
    "no field": (
        TOML.replace("{text}", "text"),
        'key "inputs": expected names of fields in braces, found "review: text"',
    ),
    "attribute": (TOML.replace("{text}", "{text.x}"), "expected names of fields in braces"),
    "conversion": (TOML.replace("{text}", "{text!r}"), "expected names of fields in braces"),
    "width": (TOML.replace("{text}", "{text:9}"), "expected names of fields in braces"),
    "place": (TOML.replace("{text}", "{}"), "expected names of fields in braces"),
    "brace": (
        TOML.replace("{text}", "{text"),
        r'key "inputs": expected text with {field}s, found: expected',
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_in_the_toml(case, write):
    toml, message = BAD[case]
    with pytest.raises(SpotError, match=message):
        user_task(write(toml))


def test_toml_that_is_missing_or_not_utf8(tmp_path):
    with pytest.raises(
        SpotError, match="TOML at .*none.toml, found: No such file.*spot init TABLE"
    ):
        user_task(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SpotError, match="expected a task in TOML at"):
        user_task(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = " + "[" * 100_000, "lists and objects are nested in more than 64 levels"),
        ("a = " + "[" * 70 + "]" * 70, "lists and objects are nested in more than 64 levels"),
        ("a" + ".b" * 100_000 + " = 1", "nested in more than 64 levels"),
        ("a = " + "7" * 4400, "."),
        ("a = " + "7" * 200, "a whole number of more than 100 digits"),
        ('name = "\\ud800"', "."),
        ("files = 3", 'key "name": expected a value'),
        ("name = inf", 'key "name": expected a text, found Infinity'),
        ('name = "t"\nlabels = nan', 'key "labels": expected a table, found NaN'),
        (
            'name = "t"\nlabels = {a = 1979-05-27}',
            'key "labels.a": expected a text, found "1979-05-27"',
        ),
        ('name = "t"\nlabels = [[1], {a = 2}, 1e999]', "."),
    ],
)
def test_toml_that_no_honest_file_has_is_a_sentence(content, message, tmp_path):
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(SpotError, match=message) as caught:
        user_task(tmp_path / "a.toml")
    assert "a.toml" in caught.value.message and len(caught.value.message) < 500


def test_a_pipe_or_a_device_is_no_task(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name, found in (("pipe", "it is a pipe"), ("zero", "it is a device")):
        with pytest.raises(SpotError, match=f"task in TOML at .*{name}.toml, found: {found}"):
            user_task(tmp_path / f"{name}.toml")


def test_the_classes_of_found_labels_decide_about_metrics(write):
    lines = "".join(
        json.dumps({"title": "t", "body": f"b {i}", "queue": f"q{i % 3}"}) + "\n" for i in range(30)
    )
    toml = TICKETS.replace("[files]", 'metrics = ["f1"]\n[files]')
    with pytest.raises(SpotError, match='task.toml: .*for 3 classes, found "f1", which is for 2'):
        user_task(write(toml, train_jsonl=lines))
    assert user_task(write(toml.replace('"f1"', '"macro_f1"'))).labels == ("q0", "q1", "q2")


SAID = {
    "validation of one class": ("a", "b", "c", 'every row of validation has the label "good"'),
    "test of one class": ("a", "c", "b", 'every row of test has the label "good"'),
    "training of one class": ("b", "a", "c", 'every row of train has the label "good": nothing'),
    "train as test": ("a", "c", "a", "train and test hold the same texts"),
    "train as validation": ("a", "a", "c", "train and validation hold the same texts"),
    "validation as test": ("c", "a", "a", "validation and test hold the same texts"),
}


@pytest.mark.parametrize("case", SAID)
def test_splits_whose_scores_say_nothing(case, write, caplog):
    *places, said = SAID[case]
    contents = {
        "a": "text,stars\n" + "".join(f"shoe {i},{5 - i % 2 * 4}\n" for i in range(30)),
        "b": "text,stars\n" + "".join(f"boot {i},5\n" for i in range(30)),
        "c": "text,stars\n" + "".join(f"hat {i},{5 - i % 2 * 4}\n" for i in range(30)),
    }
    names = ("train_csv", "dev_csv", "test_csv")
    files = {name: contents[place] for name, place in zip(names, places, strict=True)}
    user_task(write(TOML, **files)).read("test")
    assert [said in record.getMessage() for record in caplog.records].count(True) == 1


TICKETS = """
name = "tickets"
inputs = "{title} {body}"
label = "queue"
[files]
train = "train.jsonl"
"""


def test_labels_are_found_in_the_rows_or_listed(write):
    rows = [
        ("a b", True),
        ("c d", False),
        ("e f", "bug "),
        ("g h", 4),
        ("i j", 2.5),
        ("k l", "bug"),
    ]
    lines = "".join(
        f'{{"title": {{}}, "body": "{text}", "queue": {json.dumps(label)}}}\n'.replace("{}", title)
        for (text, label), title in zip(rows, ["null", '""', '"t"', "3", '"u"', '"v"'], strict=True)
    )
    found = user_task(write(TICKETS, train_jsonl=lines))
    assert found.labels == ("2.5", "4", "bug", "false", "true")
    listed = user_task(
        write(TICKETS.replace("[files]", "labels = [true, false, 4, 2.5, ' bug']\n[files]"))
    )
    assert listed.labels == ("true", "false", "4", "2.5", "bug")
    assert listed.scoring == "rank" and listed.metrics == ("accuracy",)
    inputs = {split: {e.inputs for e in listed.read(split)} for split in ("train", "test")}
    assert set.union(*inputs.values()) == {" a b", " c d", "t e f", "3 g h", "u i j", "v k l"}
    assert inputs["test"] < {"t e f", "v k l"}  # of a label with one row, train has it


def test_the_order_of_labels_is_part_of_the_fingerprint(write):
    def fingerprint(labels: str) -> str:
        toml = TICKETS.replace("[files]", f"{labels}\n[files]")
        return user_task(write(toml, train_jsonl=line)).fingerprint()

    line = (
        '{"title": "t", "body": "b", "queue": "bug"}\n{"title": "u", "body": "c", "queue": "ad"}\n'
    )
    listed = fingerprint('labels = ["bug", "ad"]')
    assert fingerprint('labels = {bug = "bug", ad = "ad"}') == listed
    assert fingerprint('labels = ["ad", "bug"]') == fingerprint("") != listed


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("a", "x"), ("b", None)],
            'train.jsonl, line 2: expected a label in "queue", found nothing',
        ),
        ([("a", "x"), ("b", " ")], 'line 2: expected a label in "queue", found empty text'),
        ([("a", "x"), ("b", ["x"])], r'line 2: expected a label in "queue", found \["x"\]'),
        ([("a", "x"), ("b", "x")], 'two different labels at least in "queue", found "x" alone'),
        (
            [(f"a {i}", f"word {i}") for i in range(12)],
            'task.toml: expected classes in "queue", found 12 different values in 12 rows: it looks like '
            'free text .*say target = "queue"',
        ),
    ],
)
def test_labels_that_cannot_be_found(rows, message, write):
    lines = "".join(json.dumps({"title": "t", "body": a, "queue": b}) + "\n" for a, b in rows)
    with pytest.raises(SpotError, match=message):
        user_task(write(TICKETS, train_jsonl=lines))


def test_a_row_without_any_text(write):
    toml = TICKETS.replace("[files]", 'labels = ["x", "y"]\n[files]')
    task = user_task(write(toml, train_jsonl='{"title": " ", "body": null, "queue": "x"}\n'))
    with pytest.raises(SpotError, match="line 1: expected text in one of title, body, found empty"):
        list(task.read("train"))


def test_texts_of_two_splits_are_left_out_of_train_and_said_once(write, caplog):
    more = CSV + "Fine  SHOES,1\nwarm boots,5\nold boots,1\n"
    task = user_task(write(TOML, train_csv=more, dev_csv=CSV[:24], test_csv=CSV[:11] + CSV[24:]))
    with caplog.at_level(logging.WARNING, "spot"):
        inputs = {s: [e.inputs for e in task.read(s)] for s in task.splits for _ in range(2)}
    assert inputs == {
        "train": ["review: warm boots", "review: old boots"],
        "validation": ["review: fine shoes"],
        "test": ["review: torn shoes"],
    }
    assert [record.getMessage() for record in caplog.records] == [
        'task "shop": 1 row of train left out: test has the same text',
        'task "shop": 2 rows of train left out: validation has the same texts',
        'task "shop": every row of validation has the label "good": its score says nothing',
        'task "shop": every row of test has the label "bad": its score says nothing',
    ]
