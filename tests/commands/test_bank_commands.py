"""`spot bank list`, `remove` and `rename` on a bank of made-up entries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bank.entry import Backbone, Entry, Prompts, id_of
from bank.integrity import verify
from bank.store import Bank
from tests.lab import ROOT, invoke, lines

# task, seed, family, kind, validation score
FACTS = (
    ("mini_news", 0, "topic", "source", 70.0),
    ("mini_news", 1, "topic", "source", 90.0),
    ("mini_qqp", 0, "paraphrase", "source", 80.0),
    ("qqp_old", 0, "paraphrase", "imported", None),
)


@pytest.fixture
def bank(tmp_path):
    """Four entries, added in this order, and a query."""
    from dataclasses import replace

    import numpy as np

    bank = Bank(tmp_path / "bank")
    for place, (task, seed, family, kind, score) in enumerate(
        (*FACTS, ("target", 0, "", "query", None))
    ):
        scores = {} if score is None else {"validation": {"metric": "accuracy", "value": score}}
        entry = Entry("", kind, task, (), family, seed, Backbone("m", "fp"), {}, scores=scores)
        entry = replace(entry, id=id_of(entry))
        array = np.random.default_rng(place).normal(size=(2, 3)).astype(np.float32)
        bank.add(entry, Prompts(array, array, None if kind == "query" else array))
        file = bank.folder(entry) / "entry.json"
        os.utime(file, (1_000_000 + place, 1_000_000 + place))
    return bank


def tasks(bank, *words):
    """Task and seed of every entry that the list shows."""
    rows = lines(invoke("bank", "list", "--bank", bank.path, *words, "--json").stdout)
    return [f"{row['task']} {row['seed']}" for row in rows]


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ((), ["mini_news 0", "mini_news 1", "mini_qqp 0", "qqp_old 0"]),
        (("--sort", "score"), ["mini_news 1", "mini_qqp 0", "mini_news 0", "qqp_old 0"]),
        (("--sort", "seed"), ["mini_news 0", "mini_qqp 0", "qqp_old 0", "mini_news 1"]),
        (("--sort", "family"), ["mini_qqp 0", "qqp_old 0", "mini_news 0", "mini_news 1"]),
        (("--sort", "kind"), ["qqp_old 0", "mini_news 0", "mini_news 1", "mini_qqp 0"]),
        (("--sort", "created"), ["qqp_old 0", "mini_qqp 0", "mini_news 1", "mini_news 0"]),
        (("--task", "*qqp*"), ["mini_qqp 0", "qqp_old 0"]),
        (("--family", "topic", "--seed", "1"), ["mini_news 1"]),
        (("--kind", "imported"), ["qqp_old 0"]),
        (("--kind", "query"), ["target 0"]),
        (("mini_*", "--seed", "0"), ["mini_news 0", "mini_qqp 0"]),
        (("mini_news-s1-*", "qqp_old"), ["mini_news 1", "qqp_old 0"]),
        (("nothing",), []),
    ],
)
def test_entries_are_sorted_and_chosen(bank, words, listed):
    assert tasks(bank, *words) == listed


def test_entries_are_removed_with_yes_where_nobody_can_be_asked(bank):
    refused = invoke("bank", "remove", "mini_qqp", "--bank", bank.path)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "error: expected --yes to remove mini_qqp-s0-" in refused.stderr
    assert "hint: add --yes" in refused.stderr and len(bank.entries()) == 4
    done = invoke("bank", "remove", "mini_qqp", "qqp_old", "--yes", "--bank", bank.path)
    assert done.exit_code == 0 and len(bank.entries()) == 2 and verify(bank) == []
    *removed, summary = done.stdout.splitlines()
    assert [line.split("-s0-")[0] for line in removed] == ["removed mini_qqp", "removed qqp_old"]
    assert summary == f"{bank.path}: 2 removed, 2 entries left"


def test_queries_and_damaged_entries_are_removed_by_their_id(bank):
    (query,) = bank.queries()
    damaged = bank.get("mini_qqp")
    (bank.folder(damaged) / "entry.json").write_text("{}")
    words = ("bank", "remove", query.id, damaged.id, "--yes", "--bank", bank.path, "--json")
    assert lines(invoke(*words).stdout)[0]["removed"] == [query.id, damaged.id]
    assert bank.queries() == [] and bank.damaged() == [] and len(bank.entries()) == 3


def test_several_or_no_matches_are_refused(bank):
    many = invoke("bank", "remove", "mini_news", "--yes", "--bank", bank.path)
    assert many.exit_code == 1 and '"mini_news" fits 2 entries' in many.stderr
    none = invoke("bank", "remove", "mini_qpq", "--yes", "--bank", bank.path)
    assert none.exit_code == 1 and 'Did you mean "mini_qqp"?' in none.stderr
    assert len(bank.entries()) == 4


@pytest.mark.parametrize(("answer", "left"), [("y\n", 3), ("n\n", 4), ("\n", 4)])
def test_a_terminal_is_asked(bank, answer, left):
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spot", "bank", "remove", "qqp_old", "--bank", str(bank.path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, answer.encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0 and len(bank.entries()) == left
    assert "remove qqp_old-s0-" in err and "[y/N]" in err
    assert out.splitlines()[-1] == f"{bank.path}: {4 - left} removed, {left} entries left"


def test_an_entry_is_renamed(bank):
    old = bank.get("qqp_old")
    done = invoke("bank", "rename", "qqp_old", "questions", "--bank", bank.path)
    new = bank.get("questions")
    assert done.stdout == f"{old.id} is now {new.id}\n" and len(bank.entries()) == 4
    again = invoke("bank", "rename", "qqp_old", "questions", "--bank", bank.path)
    assert again.exit_code == 1 and 'no entry "qqp_old"' in again.stderr
