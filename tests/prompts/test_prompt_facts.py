"""Facts beside models and tasks: what differs is named on both sides, and a task is made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bank.entry import Backbone
from bank.formats import Facts
from spot.errors import SpotError
from spot.prompts.facts import (
    check_facts,
    describes_task,
    differences,
    recordable,
    recorded_facts,
    task_facts,
    task_of,
    trained_task,
)
from spot.tasks.catalog import DataSettings
from spot.tasks.mini.suite import mini_task
from spot.tasks.task import Mixture, Task, with_wording
from tests.lab import write_task

ROWS = [{"body": "Where is my money?", "queue": 1}, {"body": "It fails", "queue": 2}]
RECIPE = {"input_length": 128}


def tickets(**changes):
    form = {"inputs": "ticket: {body}", "label": "queue", "labels": {1: "billing", 2: "bug"}}
    return Task.from_rows("tickets", ROWS, ROWS, ROWS, **{**form, **changes})


def facts(task=None, **changes):
    return Facts(**{**task_facts(task or tickets()), "recipe": RECIPE, **changes})


def test_the_facts_of_a_task():
    known = facts(with_wording(tickets(), list_labels=True))
    assert (known.task, known.inputs, known.columns) == ("tickets", "ticket: {body}", ("body",))
    assert (known.labels, known.label) == (("billing", "bug"), "queue")
    assert known.values == {"1": "billing", "2": "bug"} and known.front == "billing | bug. "
    mixture = Mixture(
        "a+b", (replace(tickets(), name="a"), replace(tickets(), name="b")), (0.5, 0.5)
    )
    assert facts(mixture) == Facts(task="a+b", members=("a", "b"), recipe=RECIPE)


def test_a_prompt_of_another_model_is_refused_and_one_of_an_unknown_model_is_not():
    here = Backbone("nano", "ffff")
    check_facts(None, "p", here)
    check_facts(Facts(task="a"), "p", here)
    check_facts(Facts(model=Backbone("another name", "ffff")), "p", here)
    check_facts(Facts(model=Backbone("t5", "unverified:123")), "p", here)
    with pytest.raises(
        SpotError, match="p.safetensors was trained on smollm2-135m, not on nano with these weights"
    ) as caught:
        check_facts(Facts(model=Backbone("smollm2-135m", "eeee")), "p.safetensors", here)
    assert caught.value.hint.endswith("--set model.name=smollm2-135m")


@pytest.mark.parametrize(
    ("known", "task", "length", "says"),
    [
        (facts(), tickets(), 128, ""),
        (Facts(), tickets(), 64, ""),
        (Facts(task="tickets"), tickets(inputs="{body}"), 64, ""),
        (facts(), replace(tickets(), name="reviews"), 128, "task tickets, not reviews"),
        (
            facts(),
            tickets(labels={1: "money", 2: "bug"}),
            128,
            "label words billing | bug, not money | bug",
        ),
        (
            facts(),
            tickets(inputs="{body}"),
            128,
            'text "ticket: {body}", not "{body}"',
        ),
        (facts(), with_wording(tickets(), list_labels=True), 128, "data.list_labels unset, not true"),
        (facts(recipe={**RECIPE, "list_labels": True}), tickets(), 128, "list_labels true, not unset"),
        (facts(recipe={**RECIPE, "text": "Judge."}), tickets(), 128, "data.text Judge., not unset"),
        (facts(recipe={**RECIPE, "template": "gpt3"}), tickets(), 128, "template gpt3, not unset"),
        (facts(), tickets(), 64, "data.input_length 128, not 64"),
        (
            facts(),
            replace(tickets(inputs="{body}", labels=[1, 2]), name="other"),
            64,
            "task tickets, not other; label words billing | bug, not 1 | 2; "
            "data.input_length 128, not 64",
        ),
    ],
)  # fmt: skip
def test_what_a_prompt_was_trained_on_otherwise_is_named_on_both_sides(known, task, length, says):
    found = differences(known, task, length)
    assert (found == "") if says == "" else (says in found and found.endswith(says[-9:]))


def test_a_member_of_a_mixture_is_no_other_task():
    known = Facts(task="tickets+other", members=("tickets", "other"), recipe=RECIPE)
    assert differences(known, tickets(), 128) == ""
    assert "task tickets+other, not x" in differences(known, replace(tickets(), name="x"), 128)


def test_facts_describe_a_task_that_answers_new_rows_alike():
    whole = with_wording(tickets(), list_labels=True, text="Judge:")
    made = task_of(facts(whole, recipe={"list_labels": True, "text": "Judge:"}), "p")
    same = ("name", "labels", "columns", "inputs", "label", "values", "scoring", "metrics", "text")
    assert [getattr(made, name) for name in same] == [getattr(whole, name) for name in same]
    assert made.complete("x") == whole.complete("x") == "billing | bug. x"
    assert differences(facts(whole, recipe={"list_labels": True, "text": "Judge:"}), made, 1) == ""
    for ask in (lambda: next(made.read("test")), lambda: made.rows("test")):
        with pytest.raises(
            SpotError, match='expected rows of the split "test", but all that is known'
        ):
            ask()


def test_facts_that_do_not_describe_a_task():
    assert describes_task(facts()) and describes_task(facts(mini_task("mini_boolq")))
    for known in (None, Facts(), facts(inputs=""), facts(labels=()), facts(recipe={"shots": 2})):
        assert not describes_task(known)
    assert describes_task(facts(labels=(), scoring="generate"))


@pytest.mark.parametrize("inputs", ["{body", "body}"])
def test_a_damaged_template_is_named(inputs):
    with pytest.raises(SpotError, match="p: expected its text as a template with .column.s, found"):
        task_of(facts(inputs=inputs), "p")
    with pytest.raises(SpotError, match="p: expected cleanups out of strip, .*, found shout"):
        task_of(facts(clean={"body": ("shout",)}), "p")


def test_a_prompts_task_is_found_by_name_or_by_the_file_that_it_names(tmp_path, monkeypatch):
    toml = write_task(tmp_path, "house")
    known = Facts(task="house", recipe={"list_labels": True})
    by_name = trained_task(known, DataSettings(tasks=(toml,), text="not as trained"))
    monkeypatch.chdir(tmp_path)
    by_path = trained_task(replace(known, file=toml.name), DataSettings())
    both = trained_task(replace(known, file=toml.name), DataSettings(tasks=(toml,)))
    for task in (by_name, by_path, both):
        assert task.wording == {"list_labels": True}
        assert next(task.read("test")).inputs.startswith("no | yes. ")
    with pytest.raises(SpotError, match='expected the name of a task, found "house"'):
        trained_task(replace(known, file="none.toml"), DataSettings())
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for file in (
        str(toml),
        f"../{toml.name}",
        "/dev/zero",
    ):  # a stranger's facts name no files there
        with pytest.raises(SpotError, match='expected the name of a task, found "house"'):
            trained_task(replace(known, file=file), DataSettings())
        with pytest.raises(SpotError, match="in the prompt's facts, found the path"):
            trained_task(replace(known, task=f"{file}.toml", file=""), DataSettings())


@pytest.mark.parametrize(
    "recipe",
    [{"shots": "many"}, {"shots": -1}, {"text": 3}, {"template": []}, {"list_labels": "no"}],
)
def test_a_wording_of_another_type_is_named(recipe):
    (name,) = recipe
    with pytest.raises(SpotError, match=f"expected .* as {name} in the prompt's facts, found"):
        trained_task(Facts(task="mini_news", recipe=recipe), DataSettings())


def test_the_file_of_a_task_is_named_without_the_folders_above(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"a/t.toml": "a/t.toml", str(tmp_path / "t.toml"): "t.toml", "/elsewhere/t.toml": ""}
    for given, stated in files.items():
        assert facts(replace(tickets(), file=given)).file == stated


def test_an_entry_records_what_new_rows_need_and_nothing_of_the_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = replace(with_wording(tickets(), list_labels=True), file=str(tmp_path / "t.toml"))
    told = recorded_facts(task)
    assert told == {
        "inputs": "ticket: {body}", "columns": ("body",), "labels": ("billing", "bug"),
        "front": "billing | bug. ", "label": "queue", "values": {"1": "billing", "2": "bug"},
        "scoring": "rank", "metrics": ("accuracy",),
    }  # fmt: skip
    pair = Mixture("a+b", (replace(tickets(), name="a"), replace(tickets(), name="b")), (0.5, 0.5))
    for source in (pair, with_wording(tickets(), shots=2), replace(tickets(), inputs="")):
        assert recorded_facts(source) == {}


def test_an_entry_records_no_path():
    """It is another in another working folder, and an entry has the same bytes in each."""
    assert facts(file="a/t.toml").file == "a/t.toml"
    assert "file" not in recordable(facts(file="a/t.toml"))


@pytest.mark.parametrize(
    ("task", "setting"),
    [
        ("guests", """'data.tasks=["guests.toml"]'"""),
        ("it's", """'data.tasks=["it'"'"'s.toml"]'"""),
    ],
)
def test_a_task_of_which_only_the_name_is_known_is_asked_for_by_a_setting(task, setting):
    with pytest.raises(SpotError, match=f'expected the name of a task, found "{task}"') as caught:
        trained_task(Facts(task=task), DataSettings())
    assert caught.value.hint == f"name the TOML file of your task: --set {setting}"
    with pytest.raises(SpotError, match='Did you mean "mini_news"'):
        trained_task(Facts(task="mini_newz"), DataSettings())
