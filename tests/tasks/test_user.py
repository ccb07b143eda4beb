"""A user's own files: what a ten-line TOML gives, and what every mistake says."""

from __future__ import annotations

import pytest

from spot.errors import SpotError
from spot.tasks.text import Example
from spot.tasks.user import user_task

TOML = """
name = "shop"
inputs = "review: {text}"
label = "stars"
labels = {"1" = "bad", "2" = "bad", "5" = "good"}
family = "sentiment"
metrics = ["accuracy", "macro_f1"]
[files]
train = "train.csv"
validation = "dev.csv"
test = "test.csv"
"""
CSV = "text,stars\nfine shoes,5\ntorn shoes, 2 \n"


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
    assert task.split_rule == "train, validation and test as given"
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
    many = "text,stars\n" + "".join(f"shoe {i % 300},5\n" for i in range(600))
    task = user_task(write(toml, train_csv=many, dev_csv=many, test_csv=many))
    found = {split: [e.inputs for e in task.read(split)] for split in task.splits}
    assert all(found.values())
    cut = (
        ("train", "validation", "test")
        if len(absent) == 2
        else (("validation", "test") if absent == ("test",) else ("train", "validation"))
    )
    assert sum(len(found[split]) for split in cut) == 600
    for a in cut:
        assert not any(set(found[a]) & set(found[b]) for b in cut if a != b)
    assert "sha256" in task.split_rule


def test_group_stays_on_one_side(write):
    toml = TOML.replace('validation = "dev.csv"', "").replace('test = "test.csv"', "")
    toml = toml.replace("[files]", 'group = "shop"\n[files]')
    many = "text,stars,shop\n" + "".join(f"shoe {i},5,s{i % 90}\n" for i in range(900))
    task = user_task(write(toml, train_csv=many))
    groups = [{e.group for e in task.read(split)} for split in task.splits]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 90
    assert "+ shop) is even" in task.split_rule


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
    path = write(TOML, test_csv=CSV)
    first = user_task(path).fingerprint()
    assert user_task(path).fingerprint() == first
    write(TOML, dev_csv=CSV + "x,5\n")
    assert user_task(path).fingerprint() != first
    second = user_task(path).fingerprint()
    write(TOML.replace("review:", "text:"))
    assert user_task(path).fingerprint() != second


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("worn shoes,3", 'line 4: expected one of the values 1, 2, 5 in "stars", found "3"'),
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


def without(*keys: str) -> str:
    return "\n".join(line for line in TOML.split("\n") if not line.startswith(keys))


BAD = {
    "not TOML": ("name =", "expected a task in TOML at .*task.toml"),
    "unknown key": ('famly = "x"' + TOML, 'task.toml: unknown key "famly". Did you mean "family"'),
    "unknown split": (TOML + 'tests = "x"', 'unknown key "files.tests". Did you mean "test"'),
    "wrong type": (TOML.replace('"stars"', "4"), 'key "label": Input should be a valid string'),
    "name": (TOML.replace('"shop"', '"a/b"'), 'key "name": String should match'),
    "no name": (without("name"), 'key "name": Field required'),
    "no train": (without("train"), 'key "files.train": Field required'),
    "no inputs": (without("inputs"), r'expected "inputs" and "\[files\]", or "seqio"'),
    "no labels": (without("labels"), 'expected "label" with "labels", or "target" alone'),
    "both": ('target = "x"' + TOML, 'expected "label" with "labels", or "target" alone'),
    "empty word": (
        TOML.replace('"good"', '""'),
        'task.toml: key "labels": expected a word for the value "5", found ""',
    ),
    "blank word": (TOML.replace('"good"', '" \\t"'), 'a word for the value "5", found " \t"'),
    "seqio too": ('seqio = "x"' + TOML, "expected no inputs, label, target, group or files"),
    "metric": (TOML.replace("macro_f1", "macrof1"), 'found "macrof1". Did you mean "macro_f1"'),
    "other metric": (TOML.replace("macro_f1", "squad_em"), "which needs another kind of answer"),
    "no group": (TOML.replace("macro_f1", "multirc_em"), "which needs a group"),
    "mixed metrics": (
        TOML.replace('label = "stars"', 'target = "stars"')
        .replace("labels =", "#")
        .replace('["accuracy", "macro_f1"]', '["pearson", "squad_em"]'),
        'found "squad_em", which needs another kind of answer',
    ),
    "no field": (
        TOML.replace("{text}", "text"),
        'to name fields like {text}, found "review: text"',
    ),
    "attribute": (TOML.replace("{text}", "{text.x}"), "to name fields like {text}"),
    "conversion": (TOML.replace("{text}", "{text!r}"), "to name fields like {text}"),
    "width": (TOML.replace("{text}", "{text:9}"), "to name fields like {text}"),
    "place": (TOML.replace("{text}", "{}"), "to name fields like {text}"),
    "brace": (TOML.replace("{text}", "{text"), r'expected "inputs" with {field}s, found: expected'),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_in_the_toml(case, write):
    toml, message = BAD[case]
    with pytest.raises(SpotError, match=message):
        user_task(write(toml))


def test_toml_that_is_missing_or_not_utf8(tmp_path):
    with pytest.raises(SpotError, match="expected a task in TOML at"):
        user_task(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SpotError, match="expected a task in TOML at"):
        user_task(tmp_path / "a.toml")
