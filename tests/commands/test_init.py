"""`spot init`: a file that trains, what is refused, and what is said to a newcomer."""

from __future__ import annotations

import csv

import pytest

from tests.lab import invoke, lines


@pytest.fixture
def tickets(tmp_path, monkeypatch):
    """A table of 200 rows in the working folder."""
    monkeypatch.chdir(tmp_path)
    words = {"account": "login", "billing": "invoice", "bug": "crash", "shipping": "parcel"}
    with open("tickets.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "body", "queue", "customer"])
        for i in range(200):
            queue = sorted(words)[i % 4]
            writer.writerow(
                [f"ticket {i}", f"the {words[queue]} of day {i} is wrong", queue, i % 5]
            )
    return tmp_path


def test_a_table_becomes_a_task_that_commands_take(tickets):
    done = invoke("init", "tickets.csv", "--text", "body", "--label", "queue")
    assert (done.exit_code, done.stderr) == (0, "")
    shown = done.stdout.splitlines()
    assert shown[:7] == [
        "tickets: 200 rows, text: body, label: queue",
        "label\ttrain\tvalidation\ttest\trows\ttokens",
        "account\t30\t10\t10\t50\t1",
        "billing\t30\t10\t10\t50\t2",
        "bug\t30\t10\t10\t50\t2",
        "shipping\t30\t10\t10\t50\t2",
        "all\t120\t40\t40\t200\t–",
    ]
    assert shown[8:10] == [
        "40 test rows: an accuracy near 80 % is known to ± 12 points;",
        "differences under about 18 points between two prompts cannot be told apart",
    ]
    assert shown[-5:] == [
        "next (transfer says what FILE is):",
        "  spot build-bank   (once, for a bank to search)",
        "  spot search --target tickets.toml",
        "  spot transfer --target tickets.toml",
        "  spot predict --prompt FILE --in new.csv --out answers.csv",
    ]
    assert all(len(line) <= 80 for line in shown)
    (listed,) = (
        task
        for task in lines(invoke("tasks", "--json", "--set", 'data.tasks=["tickets.toml"]').stdout)
        if task["task"] == "tickets"
    )
    assert listed["rows"] == {"train": 120, "validation": 40, "test": 40}
    assert listed["labels"] == ["account", "billing", "bug", "shipping"]


def test_where_the_file_goes_and_what_is_not_replaced(tickets):
    named = ("init", "tickets.csv", "--text", "body", "--label", "queue")
    (tickets / "tasks").mkdir()
    assert invoke(*named, "--out", "tasks", "--name", "mine").exit_code == 0
    assert 'train = "../tickets.csv"' in (tickets / "tasks" / "mine.toml").read_text()
    assert invoke(*named, "--out", "x.toml", "--title", "subject").exit_code == 0
    assert 'inputs = "subject: {subject} body: {body}"' in (tickets / "x.toml").read_text()
    before = (tickets / "x.toml").read_text()
    refused = invoke(*named, "--out", "x.toml")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: expected a new file at x.toml, found one that is there\n"
        "hint: choose another with --out, or replace it with --force\n"
    )
    assert (tickets / "x.toml").read_text() == before
    assert invoke(*named, "--out", "x.toml", "--force").exit_code == 0
    assert 'inputs = "{body}"' in (tickets / "x.toml").read_text()


def test_what_cannot_be_a_task_is_said_and_nothing_is_written(tickets):
    for options, message, hint in (
        (
            (),
            "tickets.csv: expected to be told the column of the label, found the columns subject, body, "
            "queue, customer",
            "for example: spot init tickets.csv --text body --label queue",
        ),
        (
            ("--text", "body", "--label", "queue", "--name", "boolq"),
            'expected a name that no other task has, found "boolq"',
            "name the task: --name my_boolq",
        ),
        (
            ("--text", "body", "--label", "quee"),
            'tickets.csv: expected a column for --label, found no "quee". Did you mean "queue"?',
            "its columns: subject, body, queue, customer",
        ),
    ):
        done = invoke("init", "tickets.csv", *options)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == f"error: {message}\nhint: {hint}\n"
    assert not list(tickets.glob("*.toml"))


def test_warnings_and_json(tickets):
    with open("tickets.csv", "a") as file:
        file.write("t,the crash of day 2 is wrong,Bug,1\n")
    done = invoke("init", "tickets.csv", "--text", "body", "--label", "queue", "--json")
    (report,) = lines(done.stdout)
    assert report["toml"] == "tickets.toml" and report["rows"]["test"] == 40
    assert done.stderr.splitlines() == [f"warning: {note}" for note in report["notes"]]
    assert report["notes"] == [
        'validation and test have no row with the label "Bug"',
        'labels that look alike are kept apart: "Bug" (1 row), "bug" (50 rows); correct the table, or '
        "give them one word in labels",
        '1 text has several labels: "the crash of day 2 is wrong" is "bug" and "Bug"; no prompt can be '
        "right on all of these rows",
        "1 row repeats the text of another row in the same split: it counts as often as it occurs",
        'few training rows for a label: "Bug" 1; 10 or more each are better',
    ]
