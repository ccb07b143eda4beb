"""A task in the words of another: which columns and label words stand for each other, and what stays."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spot.tasks.catalog import DataSettings, find_task
from spot.tasks.mini.suite import mini_task
from spot.tasks.rewording import incomparable, matched, reworded
from spot.tasks.task import Task

NEWS = [
    {"headline": "Rates rise", "body": "", "kind": "dull"},
    {"headline": "It rained {hard}", "body": "all day", "kind": "fun"},
]


def own(name, labels=("dull", "fun"), inputs="{headline} / {body}", label="kind", **more):
    return Task.from_rows(
        name, NEWS, NEWS, NEWS, inputs=inputs, labels=list(labels), label=label, **more
    )


def source(inputs="First: {a} Then: {b}", labels=("no", "yes")):
    rows = [{"a": "x", "b": "y", "label": word} for word in labels]
    return Task.from_rows("source", rows, rows, rows, inputs=inputs, labels=list(labels))


def read(task):
    return [(e.inputs, e.targets, e.label) for e in task.read("test")]


def test_rows_have_the_text_and_the_words_of_the_source_in_class_order():
    found = reworded(own("news"), source())
    assert (found.text, found.words) == ("source", "by index")
    # An empty column among several is none, as the task's own text has it; braces of a row are its own.
    assert read(found.task) == [
        ("First: Rates rise Then: ", "no", 0),
        ("First: It rained {hard} Then: all day", "yes", 1),
    ]
    assert found.task.labels == ("no", "yes") and found.task.values == {"dull": "no", "fun": "yes"}
    assert [e.inputs for _, e in found.task.raw("test")] == [text for text, *_ in read(found.task)]


def test_columns_of_one_name_stand_for_each_other_before_the_others_do():
    assert matched(("b", "a"), ("a", "c")) == {"b": "c", "a": "a"}
    assert matched(("a",), ("b", "c")) is None and matched((), ()) is None


def test_words_in_another_order_or_case_are_matched_by_name():
    found = reworded(own("news", labels=("fun", "dull")), source(labels=("Dull", "FUN")))
    assert found.words == "by name" and found.task.labels == ("FUN", "Dull")
    assert [(target, label) for _, target, label in read(found.task)] == [("Dull", 1), ("FUN", 0)]


def test_a_text_with_other_columns_stays_and_has_the_words_of_the_source():
    found = reworded(own("news", inputs="{headline}"), source())
    assert (found.text, found.words) == ("own", "by index")
    assert read(found.task)[0] == ("Rates rise", "no", 0)
    assert str(found) == "own text, label words of the source by index"


def test_a_text_that_lists_its_words_itself_stays_with_them():
    task = replace(own("news", inputs="{headline}"), shows_labels=True)
    found = reworded(task, source())
    assert found.task is task and str(found) == "own words"


def test_what_stands_in_front_of_the_source_stands_in_front():
    qqp, mrpc = mini_task("mini_qqp"), mini_task("mini_mrpc")
    found = reworded(mrpc, qqp)
    first, plain = next(found.task.read("test")), next(mrpc.read("test"))
    body = plain.inputs.removeprefix("unlike | alike. ").replace("sentence", "question")
    assert first.inputs == "different | duplicate. " + body
    assert first.targets == qqp.labels[plain.label] and first.label == plain.label
    assert found.task.fingerprint() != mrpc.fingerprint()
    assert found.task.complete("x") == "different | duplicate. x"


@pytest.mark.parametrize("name", ["mini_mrpc", "mini_copa"])
def test_a_task_in_its_own_words_reads_the_same_rows(name):
    task = mini_task(name)
    found = reworded(task, task)
    assert str(found) == "own words" and found.task.fingerprint() == task.fingerprint()
    assert read(found.task) == read(task)


def test_a_text_prompt_is_the_sources_and_examples_are_for_its_own_rows_alone():
    there = replace(source(), text="Decide.", shots=3)
    found = reworded(own("news"), there).task
    assert (found.text, found.shots) == ("Decide.", 0)
    assert reworded(there, there).task.shots == 3


def test_answers_that_do_not_compare_have_a_reason():
    free = Task.from_rows("free", NEWS, NEWS, NEWS, inputs="{headline}", target="kind")
    numbers = replace(free, name="numbers", metrics=("pearson",))
    three = source(labels=("a", "b", "c"))
    assert incomparable(own("news"), three) == "3 classes against 2"
    assert incomparable(free, source()) == (
        "answers of source are chosen among label words, those of free written"
    )
    assert incomparable(numbers, free) == "the answers of one are numbers, those of the other texts"
    with pytest.raises(ValueError, match="3 classes against 2"):
        reworded(own("news"), three)


def test_published_tasks_swap_templates_and_keep_their_rows(tmp_path):
    for name, columns in (("qqp", "question"), ("mrpc", "sentence")):
        (tmp_path / name).mkdir()
        for split, count in (("train", 4), ("validation", 8)):
            rows = [
                {f"{columns}1": f"{name} {split} {n}", f"{columns}2": f"b {n}", "label": n % 2}
                for n in range(count)
            ]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (tmp_path / name / f"{split}.jsonl").write_text(text)
    for template in ("t5", "gpt3", "flan"):
        settings = DataSettings(dir=tmp_path, template=template)
        qqp, mrpc = find_task("qqp", settings), find_task("mrpc", settings)
        found = reworded(mrpc, qqp)
        assert [e.label for e in found.task.read("test")] == [e.label for e in mrpc.read("test")]
        first = next(found.task.read("test"))
        number = first.inputs.split("validation ")[1].split()[0].rstrip(".")
        expected = {
            "t5": f"qqp question1: mrpc validation {number} question2: b {number}",
            "gpt3": f"mrpc validation {number}\nb {number}\nSame question:",
            "flan": f"First: mrpc validation {number}\nSecond: b {number}\n"
            "Do the two questions ask for the same?\nOPTIONS:\n- no\n- yes",
        }
        assert first.inputs == expected[template]
        assert found.words == ("by index" if template == "t5" else "own")


def test_sets_of_mrqa_are_read_as_squad_is(tmp_path):
    (tmp_path / "squad").mkdir()
    (tmp_path / "mrqa_bio_asq").mkdir()
    squad = {"context": "Ann sleeps.", "question": "Who sleeps?", "answers": {"text": ["Ann"]}}
    mrqa = {
        "context": "BRCA1 is a gene.",
        "question": "What is BRCA1?",
        "answers": ["a gene", "gene"],
    }
    for split in ("train", "validation"):
        (tmp_path / "squad" / f"{split}.jsonl").write_text(json.dumps(squad) + "\n")
    (tmp_path / "mrqa_bio_asq" / "test.jsonl").write_text(json.dumps(mrqa) + "\n")
    here = DataSettings(dir=tmp_path)
    task = find_task("mrqa_bio_asq", here)
    same = reworded(task, find_task("squad", here))
    assert str(same) == "own words"
    found = reworded(task, find_task("squad", replace(here, templates={"squad": "gpt3"})))
    example = next(found.task.read("test"))
    assert example.inputs == "BRCA1 is a gene.\nQuestion: What is BRCA1?\nAnswer:"
    assert example.reference == ("a gene", "gene") and str(found) == "text of the source"
