"""`spot analyze` on an entry and on files: numbers, figures, what it needs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spot.analysis.analysis import Analysis
from tests.lab import lines

pytest_plugins = ("tests.lab",)

PNG = b"\x89PNG"


def test_an_entry_is_scored_on_its_own_task_beside_its_start(lab, tmp_path):
    before = sorted(path.name for path in lab.bank.rglob("*"))
    done = lab.run(
        "analyze", "colour", "--bank", str(lab.bank), "--parts", "norms,layers", "--rows", "8",
        "--out", "there", "--figures", "png", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    norms, layers, last, report = lines(done.stdout)
    assert report == {"report": "spot report there --out report.html"}
    assert [norms["part"], layers["part"]] == ["norms", "layers"]
    assert last["skipped"] == {} and last["folder"] == "there"
    rows = {row[0] for row in norms["tables"][0]["rows"]}
    assert {"prompt", "start"} <= rows
    assert (tmp_path / "there" / "layers-1.png").read_bytes().startswith(PNG)
    read = Analysis.read(tmp_path / "there")
    assert (read.task, read.n, read.split) == ("colour", 8, "test")
    assert json.loads(json.dumps(norms["tables"])) == [
        {
            "title": t.title,
            "columns": list(t.columns),
            "rows": [list(r) for r in t.rows],
            "note": t.note,
        }
        for t in read.findings[0].tables
    ]
    assert (
        sorted(path.name for path in lab.bank.rglob("*")) == before
    )  # nothing is written to a bank


def test_a_file_without_facts_is_analysed_without_scores(lab, tmp_path):
    np.save(tmp_path / "p.npy", np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32))
    done = lab.run("analyze", "p.npy")
    assert done.exit_code == 0, done.stderr
    assert "nothing is scored" in done.stderr and "--task" in done.stderr
    assert "gate: skipped, expected a task" in done.stdout
    assert "numbers and figures: " in done.stdout
    assert lab.run("analyze", "p.npy", "--parts", "norms").exit_code == 0
    named = lab.run("analyze", "p.npy", "--parts", "gate")
    assert named.exit_code == 1 and "name the task with --task" in named.stderr
    given = lab.run(
        "analyze", "p.npy", "--parts", "norms", "--start", "p.npy", "--task", "colour", "--json"
    )
    assert given.exit_code == 0, given.stderr
    rows = {row[0]: row for row in lines(given.stdout)[0]["tables"][0]["rows"]}
    assert rows["prompt - start"][2] == 0.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("colour", "--parts", "norm"),
            'unknown part of an analysis "norm". Did you mean "norms"?',
        ),
        (("colour", "--figures", "gif"), "expected a file name ending in .png, .svg, .pdf"),
        (("colours",), 'Did you mean "colour"'),
        (("nothing.npy",), "nothing.npy"),
    ],
)
def test_what_is_not_there_is_named(lab, words, message):
    done = lab.run("analyze", *words, "--bank", str(lab.bank))
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
