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


def rot(path):
    """Flip one bit of a file and keep its size and times."""
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 64]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_rotted_is_named_by_verify_and_repaired_by_a_merge(bank, tmp_path):
    copy = Bank(tmp_path / "copy")
    copy.merge(bank)
    victim = bank.get("mini_qqp")
    rot(bank.folder(victim) / "prompt.safetensors")
    done = invoke("bank", "verify", "--bank", bank.path)
    assert done.exit_code == 1
    assert f"entries/{victim.id}: " in done.stdout and "does not match its checksum" in done.stdout
    assert done.stdout.endswith(f"{bank.path}: 3 entries whole, 1 problems\n")
    merged = invoke("bank", "merge", copy.path, "--bank", bank.path)
    assert merged.stdout == f"added 1 entries and queries to {bank.path}\n"
    assert "was damaged and is replaced" in merged.stderr
    cleaned = invoke("bank", "verify", "--clean", "--bank", bank.path)
    assert cleaned.exit_code == 0 and f"damaged-{victim.id}, left from an" in cleaned.stdout
    assert cleaned.stdout.endswith(f"{bank.path}: 4 entries whole, 0 problems\n")


def test_a_damaged_bank_json_is_blamed_and_written_anew_by_clean(bank):
    path = bank.path / "bank.json"
    path.write_text(path.read_text().replace('"fp"', '"fq"'))
    for words in (("verify",), ("list",), ("show", "mini_qqp")):
        done = invoke("bank", *words, "--bank", bank.path)
        assert done.exit_code == 1 and "bank.json is damaged: its content does not" in done.stderr
        assert "hint: remove it, or run `spot bank verify --clean`" in done.stderr
    rows = lines(invoke("bank", "verify", "--clean", "--json", "--bank", bank.path).stdout)
    assert rows == [
        {
            "bank": str(bank.path),
            "cleaned": ["bank.json is written anew from 5 entries and queries"],
        },
        {"bank": str(bank.path), "problems": []},
    ]


def test_clean_of_what_is_no_bank_is_refused(tmp_path):
    done = invoke("bank", "verify", "--clean", "--bank", tmp_path / "none")
    assert done.exit_code == 1 and "expected a bank at " in done.stderr


def test_an_import_that_leaves_something_out_says_so_and_exits_with_1(tmp_path):
    import numpy as np

    folder = tmp_path / "prompts"
    folder.mkdir()
    np.save(folder / "good.npy", np.ones((2, 3), np.float32))
    (folder / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00\x04\x00'''x")
    words = ("bank", "import", folder, "--backbone", "m", "--bank", tmp_path / "bank")
    done = invoke(*words)
    assert done.exit_code == 1 and "1 prompts of m added" in done.stdout
    assert "skipped: bad.npy: " in done.stdout and "header cannot be read" in done.stdout
    assert [entry.task for entry in Bank(tmp_path / "bank").entries()] == ["good"]
    (folder / "bad.npy").unlink()
    assert invoke(*words).exit_code == 0


def test_a_foreign_entry_does_not_choose_where_an_export_is_written(bank, tmp_path):
    import json

    from bank.files import canonical_json, sha256_hex

    path = bank.folder(bank.get("mini_qqp")) / "entry.json"
    content = json.loads(path.read_text())
    content["entry"]["value_step"] = "x/../../../PWNED"
    del content["checksum"]
    content["checksum"] = sha256_hex(canonical_json(content))
    path.write_text(json.dumps(content))
    place = tmp_path / "a" / "b"
    done = invoke(
        "bank", "export", path.parent.name, "--out", place, "--format", "t5x", "--bank", bank.path
    )
    assert done.exit_code == 1 and "error: no entry" in done.stderr
    assert {each.name for each in tmp_path.iterdir()} == {"bank"}


def test_a_heatmap_leaves_out_what_is_damaged(bank, tmp_path):
    victim = bank.get("mini_qqp")
    rot(bank.folder(victim) / "prompt.safetensors")
    done = invoke("heatmap", "--bank", bank.path, "--out", tmp_path / "h.csv")
    assert done.exit_code == 0 and f"skipping the damaged entry {victim.id}" in done.stderr
    drawn = (tmp_path / "h.csv").read_text()
    assert "mini_news" in drawn and "qqp_old" in drawn and "mini_qqp" not in drawn


@pytest.mark.parametrize("name", ["../x.toml", "/tmp/x.toml", "mini_news+x.toml"])
def test_a_path_in_the_place_of_an_entrys_task_is_not_read(bank, name):
    from spot.commands.objects import Sources
    from spot.config import Config
    from spot.errors import SpotError

    sources = Sources(bank, Config())
    assert sources["mini_news"].name == "mini_news"
    with pytest.raises(SpotError, match="in an entry of .*, found the path"):
        sources[name]
