"""Texts of raw rows: equal to those that a task's own rows have, for every origin of tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot.errors import SpotError
from spot.tasks.files import Row
from spot.tasks.mini.rows import read_rows
from spot.tasks.mini.suite import mini_task, mini_task_names
from spot.tasks.published.catalog import TASKS, local_task, published_task, template_names
from spot.tasks.published.sources import Places
from spot.tasks.published.templates import Template
from spot.tasks.rendering import columns_of, filled, rendering
from spot.tasks.task import Task
from spot.tasks.user import user_task
from tests.tasks.test_published import CASES

ANSWERS = ("label", "answers", "validated_answers", "idx")  # columns that no text reads


def row(fields, **more):
    return Row(Path("new.csv"), 7, {**fields, **more})


@pytest.mark.parametrize("name", CASES)
def test_a_published_row_without_its_answer_has_the_text_of_the_form(name):
    fields, example = CASES[name]
    task = local_task(name, None)
    if name in ("c4", "race"):  # a text that is cut in two, and an article of several questions
        assert task.render is None and task.columns == ()
        return
    raw = row({key: value for key, value in fields.items() if key not in ANSWERS})
    assert task.render(raw) == example.inputs
    if task.inputs:
        assert set(task.columns) == set(columns_of(task.inputs))
        assert rendering(task.inputs, task.clean)(raw) == example.inputs


def test_only_code_makes_the_text_of_these_published_tasks():
    code = {name for name in TASKS if not local_task(name, None).inputs}
    assert code == {
        "arc_easy",
        "c4",
        "hellaswag",
        "multirc",
        "race",
        "record",
        "wsc",
        "wsc_referent",
    }


@pytest.mark.parametrize("name", [name for name in CASES if len(template_names(name)) > 1])
def test_a_template_of_a_published_task_is_one_that_its_new_rows_take(name, tmp_path, write_rows):
    fields, _ = CASES[name]
    for split in ("train", "validation", "test"):
        write_rows(tmp_path / name / f"{split}.jsonl", [{"label": 1, **fields}])
    for style, template in TASKS[name].templates.items():
        task = published_task(name, "local", Places(tmp_path), template)
        read = next(task.read("train")).inputs
        raw = row({key: value for key, value in fields.items() if key not in ANSWERS})
        assert (task.render(raw), rendering(task.inputs, task.clean)(raw)) == (read, read), style
        assert list(task.values.values()) == list(task.labels)


@pytest.mark.parametrize("name", mini_task_names())
def test_a_row_of_the_mini_suite_has_the_text_that_stands_behind_its_label_words(name):
    task = mini_task(name)
    for raw, example in zip(read_rows(name, "test"), task.read("test"), strict=True):
        assert task.front + task.render(raw) == task.complete(task.render(raw)) == example.inputs
        assert task.values[str(raw.value(task.label))] == example.targets


def test_rows_of_files_and_of_python_render_alike(tmp_path):
    rows = [{"a": "x", "n": 4, "stars": 1}, {"a": "y", "n": 5, "stars": 2}]
    form = {"inputs": "{{{a}}} of {n}", "label": "stars", "labels": {"1": "bad", "2": "good"}}
    memory = Task.from_rows("t", rows, rows, rows, **form)
    (tmp_path / "a.csv").write_text("a,n,stars\nx,4,1\ny,5,2\n")
    (tmp_path / "t.toml").write_text(
        'name = "t"\ninputs = "{{{a}}} of {n}"\nlabel = "stars"\nlabels = {1 = "bad", 2 = "good"}\n'
        '[files]\ntrain = "a.csv"\nvalidation = "a.csv"\ntest = "a.csv"\n'
    )
    file = user_task(tmp_path / "t.toml")
    for task in (memory, file):
        assert (task.columns, task.label, task.values) == (
            ("a", "n"), "stars", {"1": "bad", "2": "good"},
        )  # fmt: skip
        texts = [task.render(row({"a": raw["a"], "n": raw["n"]})) for raw in rows]
        assert (
            texts == [example.inputs for example in task.read("test")] == ["{x} of 4", "{y} of 5"]
        )
    assert (memory.file, file.file) == ("", str(tmp_path / "t.toml"))


def test_a_bad_row_is_named_by_file_and_line():
    render = rendering("{title}: {body}")
    for fields, message in (
        ({"titel": "a", "body": "b"}, 'new.csv, line 7: expected a field "title", found.*"titel"'),
        ({"title": "a", "body": " "}, 'new.csv, line 7: expected text in "body", found empty text'),
        ({"title": "a", "body": None}, 'new.csv, line 7: expected text in "body", found null'),
        ({"title": "a", "body": True}, 'new.csv, line 7: expected text in "body", found true'),
    ):
        with pytest.raises(SpotError, match=message):
            render(row(fields))


def test_a_template_never_reads_inside_a_value():
    assert rendering("{a.b} {c[0]} {d!r:>9}")(row({"a.b": 1, "c[0]": "x", "d": "y"})) == "1 x y"
    with pytest.raises(ValueError, match="expected '}'"):
        rendering("{a")


@given(st.text(min_size=1).filter(str.strip).filter(lambda text: text.isprintable()))
def test_a_text_in_a_template_stays_what_it_is(text):
    inputs = filled("{body}\n{options} {{options}}", "options", text)
    assert columns_of(inputs) == ("body",)
    assert rendering(inputs)(row({"body": text})) == f"{text}\n{text} {{options}}"


def test_a_template_may_list_its_options_twice_and_escape_them():
    template = Template("{sentence} {options} {{options}}", labels=("{bad}", "good"))
    from spot.tasks.published.templates import templated

    examples, words = templated("sst2", TASKS["sst2"].examples, ("negative", "positive"), template)
    (example,) = examples(row({"sentence": "fine", "label": 0}), ("negative", "positive"))
    assert (example.inputs, words) == ("fine \n- {bad}\n- good {options}", ("{bad}", "good"))
