"""`spot meta`: an entry that searches and transfers use, a file, a comparison, a plan."""

from __future__ import annotations

import numpy as np
import pytest

from bank import Bank
from bank.formats import read_prompt_file
from tests.lab import lines

pytest_plugins = ("tests.lab",)

SETS = (
    "meta.steps=3",
    "meta.inner_steps=2",
    "meta.support=8",
    "meta.check_every=2",
    "meta.curve=[0, 2]",
    "runs=runs",
)


def test_searches_and_transfers_use_the_entry(lab, tmp_path):
    sets = (*SETS, "bank.path=bank")
    done = lab.run("meta", "--tasks", "colour,bird", "--json", sets=sets)
    assert done.exit_code == 0, done.stderr
    (started,) = lines(done.stdout)
    bank = Bank.open(tmp_path / "bank")
    (entry,) = bank.entries()
    assert (entry.id, entry.kind) == (started["id"], "meta")
    assert [check["step"] for check in started["history"]] == [0, 2, 3]
    found = lab.run("search", "--target", "house", "--json", sets=sets)
    assert found.exit_code == 0, found.stderr
    hit = lines(found.stdout)[0]
    assert (hit["id"], hit["kind"]) == (entry.id, "meta") and -1 <= hit["score"] <= 1
    transferred = lab.run("transfer", "--target", "house", "--json", sets=sets)
    assert transferred.exit_code == 0, transferred.stderr
    sources = {run["source"] for run in lines(transferred.stdout) if "source" in run}
    assert entry.id in sources
    begun = lab.run(
        "train", "--task", "house", "--out", "p.npy",
        sets=(*sets, f"prompt.init=entry:{entry.id}", "train.learning_rate=1e-9"),
    )  # fmt: skip
    assert begun.exit_code == 0, begun.stderr
    value = bank.prompts(entry).value
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), value, atol=1e-5)
    for command in (("list",), ("show", entry.id), ("verify",)):
        shown = lab.run("bank", *command, "--bank", "bank")
        assert shown.exit_code == 0, shown.stderr
    hidden = lab.run("search", "--target", "bird", sets=sets)
    assert hidden.exit_code == 1 and "1 excluded" in hidden.stderr


def test_starts_of_two_seeds_are_compared(lab, tmp_path):
    lab.copy(tmp_path / "bank")
    sets = (*SETS, "bank.seeds=[0, 1]", "bank.path=bank")
    words = ("meta", "--tasks", "colour,bird", "--held-out", "house,animal")
    plan = lines(lab.run(*words, "--dry-run", "--json", sets=sets).stdout)[0]
    assert not (tmp_path / "runs").exists() and len(Bank.open(tmp_path / "bank").entries()) == 4
    assert [(stage["title"], stage["runs"], stage["steps"]) for stage in plan["stages"]] == [
        ("key of colour+bird", 2, 2),
        ("start from colour+bird, by reptile", 2, 3),
        ("multi-task prompt of colour+bird", 2, 12),
        ("query house", 1, 2),
        ("transfer to house", 10, 2),
        ("query animal", 1, 2),
        ("transfer to animal", 10, 2),
    ]
    done = lab.run(*words, "--out", "start.safetensors", sets=sets)
    assert done.exit_code == 0, done.stderr
    for part in ("held out", "learned (reptile)", "multi-task", "bank mean", "retrieved", "mean\t"):
        assert part in done.stdout
    assert "house: " in done.stdout and "beyond the multi-task prompt" in done.stdout
    bank = Bank.open(tmp_path / "bank")
    starts = [entry for entry in bank.entries() if entry.kind == "meta"]
    assert {entry.seed for entry in starts} == {0, 1}
    best = max(starts, key=lambda entry: entry.scores["validation"]["value"])
    written = read_prompt_file(tmp_path / "start.safetensors")
    assert (written.prompt == bank.prompts(best).value).all()
    assert written.facts.members == ("colour", "bird")
    plan = lines(lab.run(*words, "--dry-run", "--json", sets=sets).stdout)[0]
    assert [stage["found"] for stage in plan["stages"]] == [2, 2, 2, 1, 0, 1, 0]
    again = lab.run(*words, "--json", sets=sets)
    assert again.exit_code == 0 and len(bank.entries()) == 6


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--tasks colour", "expected two tasks or more to learn a start from, found colour alone"),
        ("--tasks colour,brid", 'Did you mean "bird"?'),
        ("--tasks colour,bird --held-out bird", "found bird among the tasks"),
        ("--tasks colour,bird --set train.wayward=0.1", "expected train.wayward=0"),
        (
            "--tasks colour,bird --algorithm mamml",
            'expected "reptile", "first-order" or "maml", found "mamml"',
        ),
        (
            "--tasks colour,bird --set prompt.length=5",
            "expected prompts of P=4 tokens and width H=16, found P=5",
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    lab, tmp_path, no_training, words, message, more
):
    lab.copy(tmp_path / "bank")
    done = lab.run("meta", *words.split(), *more, "--bank", "bank", sets=SETS)
    assert done.exit_code == 1 and message in done.stderr, done.stderr
    assert done.stdout == ""
