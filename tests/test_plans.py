"""--dry-run says what the command then does: the same runs and steps, found or trained."""

from __future__ import annotations

import pytest

from spot.plans import Plan, Rehearsal, Stage
from spot.report.console import ConsoleReporter
from spot.report.output import JsonLines, People
from spot.report.plans import show_plan
from tests.lab import lines, tree

pytest_plugins = ("tests.lab",)

PLAN = Plan((Stage("query x", 1, 60, 1), Stage("transfer to x", 12, 300, 4)), ("a/b", "c"))


@pytest.fixture
def trained(monkeypatch):
    """(title, prompts or sets of weights, steps) of everything that is trained."""
    from spot.training import fine_tuning, prompt_tuning

    done = []
    real, tuned = prompt_tuning.train_prompts, fine_tuning.fine_tune

    def train(model, slots, recipe, folder, *, title, **more):
        done.append((len(slots), recipe.steps))
        return real(model, slots, recipe, folder, title=title, **more)

    def tune(model, source, seed, rate, recipe, *more):
        done.append((1, recipe.steps))
        return tuned(model, source, seed, rate, recipe, *more)

    monkeypatch.setattr(prompt_tuning, "train_prompts", train)
    monkeypatch.setattr(fine_tuning, "fine_tune", tune)
    return done


def written(folder):
    """All files but what is derived: the index, locks."""
    return {
        name: content
        for name, content in tree(folder).items()
        if not name.endswith(".lock") and not name.startswith(("bank/index", "bank\\index"))
    }


@pytest.mark.parametrize(
    ("command", "stages", "again"),
    [
        ("train --task house --out p.npy", ["house"], 0),
        ("build-bank --set bank.seeds=[0,7]", ["sources"], 0),
        ("search --target house --set search.seeds=[0,1]", ["query house"], 0),
        ("transfer --target house --k 2", ["query house", "transfer to house"], 0),
        ("transfer --target house --strategy average", ["query house", "transfer to house"], 0),
        ("transfer --target house --strategy oracle", ["query house", "transfer to house"], 0),
        (
            "transfer --target house --strategy mixture --k 2",
            ["query house", "mixture for house", "transfer to house"],
            0,
        ),
        (
            "study --targets house,animal --ks 1 --arms generic",
            ["query house", "transfer to house", "query animal", "transfer to animal"],
            0,
        ),
        (
            "study --target house --ks 1,2 --arms average,mixture",
            [
                "query house",
                "transfer to house",
                "the average of 2, house",
                "mixture for house",
                "the mixture of 1, house",
                "mixture for house",
                "the mixture of 2, house",
            ],
            0,
        ),
        (
            "distil --task house --generations 1",
            [
                "house, generation 0",
                "house, more of generation 0",
                "house, generation 0, longer",
                "house, generation 1",
            ],
            0,
        ),
        (
            "baselines --target house --methods zero-shot,prompt-tuning,model-tuning",
            ["prompt tuning", "model tuning"],
            0,
        ),
        (
            "compare house animal --kinds prefix,suffix --seeds 0,1 --rates 0.5,0.1",
            ["prefix on house", "suffix on house", "prefix on animal", "suffix on animal"],
            0,
        ),
        (
            "compare house --starts vocab,transfer --seeds 0,1",
            ["vocab on house", "query house", "transfer on house"],
            0,
        ),
        ("tune --task house --out tuned", ["house, all weights"], 3),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_plan_is_what_the_command_does(lab, tmp_path, trained, command, stages, again):
    lab.copy(tmp_path / "bank")
    words = command.split()
    sets = ("transfer.learning_rates=[0.1, 0.5]", "transfer.scratch_learning_rates=[0.5]")
    if words[0] != "tune":
        words += ["--bank", "bank"]
    before = written(tmp_path)
    planned = lab.run(*words, "--dry-run", "--json", sets=sets)
    assert planned.exit_code == 0, planned.stderr
    (plan,) = lines(planned.stdout)
    assert written(tmp_path) == before and trained == []
    assert [stage["title"] for stage in plan["stages"]] == stages
    done = lab.run(*words, sets=sets)
    assert done.exit_code == 0, done.stderr
    assert plan["runs"] == sum(runs for runs, _ in trained) > 0
    assert plan["steps"] == sum(runs * steps for runs, steps in trained)
    (plan,) = lines(lab.run(*words, "--dry-run", "--json", sets=sets).stdout)
    assert plan["runs"] == again
    if not again:
        assert all(stage["found"] == stage["runs"] for stage in plan["stages"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("transfer --target huose", 'Did you mean "house"?'),
        ("transfer --target house --k 0", "transfer.k"),
        ("baselines --target house --methods prompt-tunning", 'Did you mean "prompt-tuning"?'),
        ("search --target house --bank none", "expected a bank at none"),
    ],
)
def test_mistakes_are_found_as_by_the_command(lab, no_training, command, message):
    words = command.split()
    bank = () if "--bank" in words or words[0] == "baselines" else ("--bank", str(lab.bank))
    done = lab.run(*words, *bank, "--dry-run")
    assert done.exit_code == 1 and message in done.stderr and done.stdout == ""


def test_a_plan_is_shown_with_its_sum(capsys):
    from rich.console import Console

    show_plan(PLAN, People(), ConsoleReporter(Console(stderr=True)))
    assert capsys.readouterr().out.splitlines() == [
        "dry run\truns\tfound\tto train\tsteps each, at most",
        "query x\t1\t1\t0\t60",
        "transfer to x\t12\t4\t8\t300",
        "to train: 8 runs, 2400 steps at most; nothing was trained or written",
        "time left is estimated once the first steps have run",
        "would write to: a/b",
        "would write to: c",
    ]
    show_plan(PLAN, JsonLines(), ConsoleReporter(Console(stderr=True)))
    (record,) = lines(capsys.readouterr().out)
    assert (record["runs"], record["steps"], record["outputs"]) == (8, 2400, ["a/b", "c"])


def test_a_rehearsal_scores_nothing(lab):
    from spot.plans import Unfinished

    with pytest.raises(Unfinished):
        Rehearsal.of(lab.objects().runs).evaluate(None, None, None, None, [])
