"""A table looked at before training: labels, splits, what a test can tell, and every sentence said."""

from __future__ import annotations

import csv
import json

import pytest
from scipy import stats

from spot.errors import SpotError
from spot.tasks.catalog import DataSettings, find_task
from spot.tasks.inspection import (
    error_of_accuracy,
    inspect_table,
    labels_alike,
    rows_to_tell,
    smallest_difference,
    word_notes,
    write_task,
)

WORDS = {"billing": "invoice", "bug": "crash", "shipping": "parcel"}


def rows(counts):
    """Rows with a subject, a body of its own and a queue."""
    return [
        {"subject": f"about {queue}", "body": f"the {WORDS.get(queue, queue)} of day {i} is bad",
         "queue": queue, "customer": f"c{i % 7}"}
        for queue, n in counts.items() for i in range(n)
    ]  # fmt: skip


@pytest.fixture
def table(tmp_path):
    """A function that writes rows as a CSV file."""

    def write(content, name="tickets.csv"):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(content[0]))
            writer.writeheader()
            writer.writerows(content)
        return tmp_path / name

    return write


def inspect(path, **options):
    return inspect_table(path, **{"text": "body", "label": "queue", **options})


def test_a_table_of_two_hundred_rows(table):
    report = inspect(table(rows({"bug": 100, "billing": 50, "shipping": 50})))
    assert report.rows == {"train": 120, "validation": 40, "test": 40}
    assert {label.value: list(label.rows.values()) for label in report.labels} == {
        "billing": [30, 10, 10], "bug": [60, 20, 20], "shipping": [30, 10, 10],
    }  # fmt: skip
    assert (report.name, report.total, report.removed, report.notes) == ("tickets", 200, 0, ())
    assert report.most_frequent == 50
    assert (round(report.error), round(report.apart)) == (12, 18)
    content = json.loads(json.dumps(report.to_json()))
    assert content["rows"] == report.rows and content["files"] == {
        "train": str(report.files["train"])
    }
    assert content["labels"][0] == {
        "value": "billing", "word": "billing", "tokens": None,
        "rows": {"train": 30, "validation": 10, "test": 10},
    }  # fmt: skip


@pytest.mark.parametrize("title", [None, "subject"])
def test_the_toml_is_the_task_that_was_looked_at(title, table, tmp_path):
    path = table(rows({"bug": 30, 'say "hi" \\': 20}))
    report = inspect(path, title=title, name="mine")
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        write_task(report, folder / "mine.toml")
        task = find_task(str(folder / "mine.toml"), DataSettings())
        assert (task.name, task.labels) == ("mine", ("bug", 'say "hi" \\'))
        assert {split: task.rows(split) for split in task.splits} == report.rows
        assert task.split_rule == report.split_rule
        front = "subject: about bug body: " if title else ""
        assert f"{front}the crash of day 3 is bad" in {
            e.inputs for split in task.splits for e in task.read(split)
        }
        assert "sha256" in (folder / "mine.toml").read_text("utf-8")
    with pytest.raises(
        SpotError, match="a new file at .*mine.toml, found one that is there"
    ) as caught:
        write_task(report, tmp_path / "mine.toml")
    assert "--force" in caught.value.hint
    write_task(inspect(path, name="others"), tmp_path / "mine.toml", force=True)
    assert find_task(str(tmp_path / "mine.toml"), DataSettings()).name == "others"


def test_numbers_are_written_as_a_table_whose_words_can_be_changed(tmp_path):
    lines = [{"text": f"this is row {i}", "stars": 1 + 4 * (i % 2)} for i in range(30)]
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = inspect_table(path)
    assert (report.text, report.label, report.guessed) == ("text", "stars", ("text", "label"))
    assert 'labels = {"1" = "1", "5" = "5"}' in report.toml(tmp_path)
    assert report.notes[-1].startswith("the label words are numbers: words that say what they mean")


def test_booleans_spaces_and_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    flags = [{"review": f"this is row {i}", "good": i % 3 == 0} for i in range(30)]
    parquet.write_table(pyarrow.Table.from_pylist(flags), tmp_path / "a.parquet")
    report = inspect_table(tmp_path / "a.parquet")
    assert {label.value: sum(label.rows.values()) for label in report.labels} == {
        "false": 20, "true": 10,
    }  # fmt: skip
    (tmp_path / "a.tsv").write_text(
        "review\tgood\n"
        + "".join(f"this is row {i}\t{'yes ' if i % 2 else ' no'}\n" for i in range(20))
    )
    assert [label.value for label in inspect_table(tmp_path / "a.tsv").labels] == ["no", "yes"]


def test_the_sizes_agree_with_the_exact_binomial_and_with_each_other():
    for n in (40, 200, 1000):
        low, high = stats.binom.interval(0.95, n, 0.8)
        assert error_of_accuracy(n) == pytest.approx(50 * (high - low) / n, abs=100 / n)
        assert smallest_difference(n) == pytest.approx(
            100 * stats.norm.ppf(0.975) * (2 * 0.16 / n) ** 0.5
        )
        assert rows_to_tell(smallest_difference(n)) == n
    assert error_of_accuracy(0) == 100


def test_labels_that_look_alike():
    counts = {"Billing": 9, "billing": 4, "biling": 1, "bug": 8, "bugs": 1, "v1": 5, "v2": 5}
    assert labels_alike(counts) == ({"Billing": 9, "billing": 4, "biling": 1},)
    for pair in ("not spam", "Not_spam"), ("refund", "refunds"), ("a b", "ab"):
        assert labels_alike(dict.fromkeys(pair, 1)) == (dict.fromkeys(pair, 1),), pair
    for pair in (
        ("formal", "informal"),
        ("positive", "negative"),
        ("level 10", "level 11"),
        ("+", "-"),
    ):
        assert labels_alike(dict.fromkeys(pair, 1)) == (), pair


def test_what_is_wrong_with_a_table_is_said(table):
    bad = rows({"billing": 20, "bug": 20, "Billing": 1, "rare": 2})
    bad += [dict(bad[0]), {**bad[1], "queue": "bug", "body": f" {bad[1]['body'].upper()}"}]
    report = inspect(table(bad))
    assert report.alike == ({"Billing": 1, "billing": 21},)
    assert report.repeated == 2
    assert [(c.text, c.labels) for c in report.conflicts] == [
        ("the invoice of day 1 is bad", {"billing": 1, "bug": 1})
    ]
    assert report.notes == (
        'validation has no row with the label "Billing" and "rare"',
        'test has no row with the label "Billing"',
        'labels that look alike are kept apart: "Billing" (1 row), "billing" (21 rows); correct the '
        "table, or give them one word in labels",
        '1 text has several labels: "the invoice of day 1 is bad" is "billing" and "bug"; no prompt can '
        "be right on all of these rows",
        "2 rows repeat the text of another row in the same split: they count as often as they occur",
        'few training rows for some labels: "Billing" 1, "rare" 1; 10 or more each are better',
    )


def test_texts_of_a_test_file_are_left_out_of_train_and_counted(table):
    whole = rows({"billing": 30, "bug": 30})
    test = table([*whole[:5], *rows({"billing": 50})[40:], *rows({"bug": 50})[40:]], "test.csv")
    report = inspect(table(whole), test=test)
    assert (report.removed, report.total) == (5, 85)
    assert report.rows == {"train": 44, "validation": 11, "test": 25}
    assert report.notes == ("5 rows of train left out: test has the same texts",)
    same = inspect(table(whole), test=table(whole, "again.csv"))
    assert same.removed == 0
    assert same.notes[0] == (
        "train and test hold the same texts: the test score says nothing about new ones"
    )


class Letters:
    """A model whose tokens are letters, without the letter x."""

    name = "letters"

    @property
    def vocabulary(self):
        return self

    def encode_target(self, word):
        return [ord(letter) for letter in word.casefold() if letter != "x"]

    def decode(self, ids):
        return "".join(map(chr, ids))


def test_label_words_are_checked_with_the_vocabulary(table):
    assert word_notes(["yes", "no"], Letters()) == []
    assert word_notes(["bill", "billing", "taxi", "Bug", "bug"], Letters()) == [
        'the vocabulary of letters cannot write the label word "taxi" (it reads "tai"): choose another '
        "word for it in labels",
        'the vocabulary of letters cannot write the label word "Bug" (it reads "bug"): choose another '
        "word for it in labels",
        'for letters the label word "billing" begins with the tokens of "bill": words that begin '
        "differently are told apart better",
        'the label words "Bug" and "bug" are the same tokens for letters: no score can tell them apart',
    ]
    report = inspect(table(rows({"billing": 30, "bug": 30})), model=Letters())
    assert [label.tokens for label in report.labels] == [7, 3]


def test_columns_are_guessed_where_only_one_can_be_meant(table):
    content = rows({"billing": 20, "bug": 20})
    only = [{"body": row["body"], "queue": row["queue"]} for row in content]
    report = inspect_table(table(only))
    assert (report.text, report.label, report.guessed) == ("body", "queue", ("text", "label"))
    report = inspect_table(table(content), label="queue")
    assert (report.text, report.label, report.guessed) == ("body", "queue", ("text",))
    usual = [
        {**row, "label": row["queue"], "note": f"note {i} of us"} for i, row in enumerate(content)
    ]
    report = inspect_table(table(usual))
    assert (report.text, report.label, report.unused) == ("body", "label", ("note",))


MISTAKES = {
    "ambiguous label": (
        {"label": None},
        "tickets.csv: expected to be told the column of the label, found the columns subject, body, queue, "
        "customer .for example: spot init .*tickets.csv --text body --label subject",
    ),
    "no such text": ({"text": "bdy"}, 'a column for --text, found no "bdy". Did you mean "body"'),
    "no such label": ({"label": "Queue"}, 'for --label, found no "Queue". Did you mean "queue"'),
    "no such title": ({"title": "x"}, 'for --title, found no "x".*its columns: subject, body, queue'),
    "twice": ({"title": "body"}, "different columns for text, title and label, found body, queue, body"),
    "free text": ({"text": "subject", "label": "body"}, 'classes in "body", found 60 different values in '
                  "60 rows: it looks like free text"),
    "name": ({"name": "a b"}, 'key "name": expected letters, digits and _ - . : alone, found "a b"'),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case, table):
    options, message = MISTAKES[case]
    with pytest.raises(SpotError, match=message):
        inspect(table(rows({"bug": 30, "billing": 30})), **options)


def test_the_example_names_the_longest_column_not_the_index_of_pandas(table):
    content = [
        {"": str(i), "note": f"n {i}", "queue": row["queue"]}
        for i, row in enumerate(rows({"bug": 30, "billing": 30}))
    ]
    with pytest.raises(SpotError, match="found the columns column 1, note, queue .for example: .*--text note "
                       "--label queue"):  # fmt: skip
        inspect_table(table(content))


def test_tables_that_cannot_be_a_task(table, tmp_path):
    content = rows({"bug": 10, "billing": 10})
    gaps = [{**row, "queue": " " if i in (3, 8) else row["queue"]} for i, row in enumerate(content)]
    with pytest.raises(SpotError, match='a label in "queue" in every row, found 2 of 20 rows without .the '
                       "first: line 5"):  # fmt: skip
        inspect(table(gaps))
    gaps = [{**row, "body": "" if i == 3 else row["body"]} for i, row in enumerate(content)]
    with pytest.raises(
        SpotError, match='a text in "body" in every row, found 1 of 20 rows without'
    ):
        inspect(table(gaps))
    assert inspect(table(gaps), title="subject").total == 20
    with pytest.raises(
        SpotError, match='two different labels at least in "queue", found "bug" alone'
    ):
        inspect(table(rows({"bug": 10})))
    (tmp_path / "empty.csv").write_text("body,queue\n")
    with pytest.raises(SpotError, match="expected rows below the names of columns, found none"):
        inspect(tmp_path / "empty.csv")
    with pytest.raises(SpotError, match=r'a column without . \[ \] { } : and !, found "the.body"'):
        inspect(
            table([{"the.body": r["body"], "queue": r["queue"]} for r in content]), text="the.body"
        )
    numbers = [{"a": i, "b": i} for i in range(20)]
    with pytest.raises(
        SpotError, match="the column of the text and of the label, found the columns a, b"
    ):
        inspect_table(table(numbers))
