"""Building a bank: what is trained, what is left alone, kills, two builders, and refusals."""

from __future__ import annotations

import math
import signal
from collections import Counter

import pytest

from bank.errors import UserError
from bank.integrity import verify
from bank.store import Bank
from spot.errors import SpotError
from spot.training import build
from spot.training.build import build_bank, jobs
from spot.training.slots import Reporter, Slot
from tests.lab import SOURCES, lines, tree
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


def all_jobs(at, seeds=(0,)):
    """The jobs of the lab's config."""
    sources = [at.task(name) for name in (*SOURCES, "colour+bird")]
    return jobs(at.model, sources, at.recipe, seeds)


def test_the_bank_holds_what_the_config_asks_for(lab, tiny_backbone):
    entries = Bank.open(lab.bank).entries()
    at = lab.objects()
    assert Counter((one.task, one.kind, one.members) for one in entries) == Counter(
        [(name, "source", ()) for name in SOURCES]
        + [("colour+bird", "mixture", ("colour", "bird"))]
    )
    for one in entries:
        assert (one.key_step, one.seed, one.backbone) == (2, 0, tiny_backbone.identity)
        assert one.value_step in (3, 4)
        assert one.recipe == at.recipe.on(at.model).entry_facts("float32", {})
        assert one.family == ("mixture" if one.kind == "mixture" else "toy")
    scores = {one.task: one.scores["validation"] for one in entries}
    assert (scores["bird"]["metric"], scores["bird"]["n"]) == ("accuracy", 12)
    assert scores["colour+bird"]["n"] == 24
    assert set(scores["colour+bird"]["metrics"]) == {"colour/accuracy", "bird/accuracy"}
    assert {one.id for one in entries} == {job.id for job in all_jobs(at)}


def test_prompts_are_trained_and_start_alike(lab):
    bank = Bank.open(lab.bank)
    prompts = [bank.prompts(entry) for entry in bank.entries()]
    for one in prompts:
        assert one.key.shape == one.init.shape == one.value.shape == (4, 16)
        assert (one.init == prompts[0].init).all() and not (one.key == one.init).all()
    assert len({one.key.tobytes() for one in prompts}) == len(prompts)


def test_nothing_is_trained_again(lab, tmp_path, no_training):
    before = tree(lab.copy(tmp_path / "bank"))
    done = lab.run("build-bank", "--bank", "bank", "--json")
    assert done.exit_code == 0, done.stderr
    report = lines(done.stdout)[0]
    assert (report["added"], report["failed"], len(report["present"])) == ([], [], 4)
    after = {
        name: content for name, content in tree(tmp_path / "bank").items() if "work" not in name
    }
    assert after.items() >= before.items() and {name for name in after if "entries" in name} == {
        name for name in before if "entries" in name
    }


def test_another_budget_or_data_sample_is_another_entry(lab):
    def ids(*sets):
        at = lab.objects(*sets)
        return {job.id for job in all_jobs(at, at.config.bank.seeds)}

    base = ids()
    for other in ("train.steps=6", "train.check_every=4", "data.train_examples=9", "train.key_step=3",
                  "data.validation_examples=5", "prompt.init=random", "bank.seeds=[1]"):  # fmt: skip
        assert len(ids(other)) == 4 and not base & ids(other), other
    assert ids("train.slots=1") == base
    assert len(ids("bank.seeds=[0, 1]")) == 8


def test_more_steps_are_trained_beside_the_old_entries(lab, tmp_path):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    at = lab.objects("train.steps=6", runs=tmp_path)
    report = build_bank(bank, at.model, [at.task("bird")], at.recipe, runs=at.runs)
    assert (len(report.added), report.present, report.failed) == (1, (), ())
    assert len(bank.entries()) == 5
    with pytest.raises(UserError, match='"bird" fits 2 entries'):
        bank.get("bird")


def test_a_build_killed_in_the_middle_gives_the_bytes_of_one_that_was_not(lab, tmp_path):
    sets = ("train.steps=40", "train.check_every=10", "train.key_step=20", f"runs={tmp_path / 'r'}")
    command = ("build-bank", "--bank", str(tmp_path / "killed"))
    first = lab.start(*command, "-v", sets=sets)
    for line in first.stderr:
        if "step 20, validation" in line:
            break
    first.send_signal(signal.SIGKILL)
    assert first.wait(60) == -signal.SIGKILL
    bank = Bank.open(tmp_path / "killed")
    assert len(bank.entries()) < 4
    second = lab.run(*command, sets=sets)
    assert second.exit_code == 0, second.stderr
    assert "group 1 of 2: resumed at step" in second.stderr
    whole = lab.run("build-bank", "--bank", str(tmp_path / "whole"), sets=sets)
    assert whole.exit_code == 0, whole.stderr
    assert "resumed" not in whole.stderr
    assert tree(tmp_path / "killed" / "entries") == tree(tmp_path / "whole" / "entries")
    assert verify(bank) == []


def test_two_builders_at_once_lose_and_double_nothing(lab, tmp_path):
    command = ("build-bank", "--bank", str(tmp_path / "bank"), "--json")
    both = [lab.start(*command, sets=(f"runs={tmp_path / 'runs'}",)) for _ in range(2)]
    ends = [one.communicate(timeout=200) for one in both]
    assert [one.returncode for one in both] == [0, 0], ends
    added = [id for out, _ in ends for id in lines(out)[0]["added"]]
    assert len(added) == len(set(added)) == 4
    assert tree(tmp_path / "bank" / "entries") == tree(lab.bank / "entries")


def test_a_group_that_another_builder_trains_is_left_for_last(tmp_path):
    import filelock

    folders = [tmp_path / name for name in "abc"]
    folders[0].mkdir()
    other = filelock.FileLock(folders[0] / "claim.lock")
    other.acquire()
    order, said = [], []

    class Listener(Reporter):
        def say(self, text):
            said.append(text)

    def one(number):
        order.append(number)
        if number == 2:
            other.release()

    build._in_turns(folders, one, Listener())
    assert order == [1, 2, 0]
    assert said == ["waiting for another builder's group 1 of 3"]
    for folder in folders:  # all locks are free again
        filelock.FileLock(folder / "claim.lock", timeout=0).acquire()


@pytest.mark.parametrize("kind", ["length", "backbone", "width"])
def test_a_bank_that_does_not_fit_is_refused_before_training(lab, tmp_path, kind, no_training):
    lab.copy(tmp_path / "bank")
    before = tree(tmp_path / "bank")
    sets = ["bank.seeds=[7]"]
    if kind == "length":
        sets.append("prompt.length=5")
    else:
        config = tiny_config(d_model=24 if kind == "width" else 16)
        model = write_model(tmp_path / "other", config, random_arrays(config, seed=1))
        sets.append(f"model.name={model}")
    refused = lab.run("build-bank", "--bank", "bank", sets=tuple(sets))
    assert refused.exit_code == 1
    named = {"length": "P=5", "backbone": "other", "width": "other"}[kind]
    assert "error: the bank bank does not take prompts of this run:" in refused.stderr
    assert named in refused.stderr.replace("5 tokens", "P=5")
    assert "hint: use another folder: --bank PATH" in refused.stderr
    assert tree(tmp_path / "bank") == before


def test_unknown_tasks_are_refused_and_leave_no_bank(lab, tmp_path, no_training):
    refused = lab.run("build-bank", "--bank", "bank", sets=('bank.sources=["birdd"]',))
    assert refused.exit_code == 1
    assert 'found "birdd". Did you mean "bird"?' in refused.stderr
    mixture = lab.run("build-bank", "--bank", "bank", sets=('bank.mixtures=["bird+plcae"]',))
    assert mixture.exit_code == 1 and 'Did you mean "place"?' in mixture.stderr
    assert not (tmp_path / "bank").exists()


def test_a_slot_of_nan_is_reported_and_the_others_are_kept(lab, tmp_path, monkeypatch):
    def slot(name, source, seed, init, rate):
        return Slot(name, source, seed, init, math.inf if name == "bird" else rate)

    monkeypatch.setattr(build, "Slot", slot)
    done = lab.run("build-bank", "--bank", "bank", "--json", sets=("bank.mixtures=[]",))
    assert done.exit_code == 1 and done.stdout, done.stderr
    report = lines(done.stdout)[0]
    assert [id.split("-")[0] for id in report["failed"]] == ["bird"]
    assert "warning: bird (seed 0): the loss is not finite at step 1" in done.stderr
    bank = Bank.open(tmp_path / "bank")
    assert {one.task for one in bank.entries()} == {"colour", "place"}
    monkeypatch.undo()
    kept = bank.prompts(bank.get("colour"))
    whole = Bank.open(lab.bank)
    colour = next(one for one in whole.entries() if one.task == "colour")
    assert (kept.value == whole.prompts(colour).value).all()  # its neighbour's end changes no bit


def test_the_plan_keeps_its_groups(tmp_path):
    assert build._plan(tmp_path, ["a", "b", "c"], 2) == [["a", "b"], ["c"]]
    assert build._plan(tmp_path, ["c"], 2) == [["a", "b"], ["c"]]
    assert build._plan(tmp_path, ["b", "d"], 1) == [["a", "b"], ["c"], ["d"]]


def swapped(text):
    return text.replace('["a", "b"]', '["b", "a"]')


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-9],
        lambda text: "\0" * len(text),
        lambda text: "[]",
        lambda text: '{"groups": [["x"]]}',
        lambda text: '{"groups": 7, "sha256": 1}',
        lambda text: "[" * 10**5,
        swapped,
    ],
)
def test_a_damaged_plan_is_made_anew_with_the_same_groups(tmp_path, damage, caplog):
    every = ["a", "b", "c", "d", "e"]
    expected = [["a", "b"], ["c", "d"], ["e"]]
    assert build._plan(tmp_path, every, 2, every) == expected
    path = tmp_path / "plan.json"
    whole = path.read_text()
    path.write_text(damage(whole))
    assert build._plan(tmp_path, ["b", "e"], 2, every) == expected
    assert "the prompts are grouped anew" in caplog.text
    assert path.read_text() == whole


def test_a_build_goes_on_after_its_plan_was_damaged(lab, tmp_path, no_training):
    lab.copy(tmp_path / "bank")
    first = lab.run("build-bank", "--bank", "bank", "--json")
    (path,) = (tmp_path / "bank" / "work").rglob("plan.json")
    path.write_bytes(b"\0" * 80)
    again = lab.run("build-bank", "--bank", "bank", "--json")
    assert again.exit_code == 0 and "warning: " in again.stderr and "grouped anew" in again.stderr
    assert again.stdout == first.stdout


def test_data_that_is_not_there_is_refused(lab):
    at = lab.objects()
    with pytest.raises(SpotError, match='task "boolq": no folder of local data is named'):
        jobs(at.model, [at.task("boolq")], at.recipe, [0])
