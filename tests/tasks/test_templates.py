"""Templates: every packaged one on a row of its task, and what is said about mistakes."""

from __future__ import annotations

import os

import pytest

from spot.errors import SpotError
from spot.tasks.catalog import DataSettings, find_task, task
from spot.tasks.published.catalog import (
    TASKS,
    find_template,
    local_task,
    published_task,
    template_names,
)
from spot.tasks.published.sources import Places
from spot.tasks.published.templates import CLEANUPS, T5, Template, templated
from tests.tasks.test_published import CASES

STYLES = ("flan", "gpt3")
PAIRS = [(style, name) for style in STYLES for name in TASKS if style in template_names(name)]


@pytest.fixture
def places(tmp_path, write_rows):
    """A function: a task and rows -> places whose local folder holds them."""

    def make(name, *rows):
        for split in ("train", "validation", "test"):
            write_rows(tmp_path / name / f"{split}.jsonl", list(rows))
        return Places(tmp_path)

    return make


def test_there_are_templates_of_two_more_styles():
    assert {style for task in TASKS.values() for style in task.templates} == set(STYLES)
    assert len(PAIRS) > 40
    assert template_names("sst2") == ("t5", "flan", "gpt3")
    assert template_names("race") == template_names("no_such_task") == ("t5",)


@pytest.mark.parametrize(("style", "name"), PAIRS, ids=lambda value: value)
def test_every_template_fits_its_task_and_keeps_what_is_scored(style, name, places):
    row, plain = CASES[name]
    where = places(name, {"label": 1, **row})
    definition = published_task(name, "local", where, find_template(name, style))
    (found,) = definition.read("train")
    assert (found.label, found.reference, found.group) == (
        plain.label,
        plain.reference,
        plain.group,
    )
    words = definition.labels
    assert found.targets == (words[plain.label] if words else plain.targets)
    assert len(words) == len(TASKS[name].labels)
    assert found.inputs != plain.inputs and "{" not in found.inputs
    assert definition.fingerprint() != local_task(name, where.local).fingerprint()


def test_two_templates_written_out_by_hand(places):
    row = {"sentence": "a warm , odd film ", "label": 1}
    flan, gpt3 = (
        published_task("sst2", "local", places("sst2", row), find_template("sst2", name))
        for name in ("flan", "gpt3")
    )
    assert next(flan.read("train")).inputs == (
        "Here is a phrase from a film review:\na warm, odd film\n"
        "What does its writer think of the film?\nOPTIONS:\n- negative\n- positive"
    )
    assert next(gpt3.read("train")).inputs == "Review: a warm, odd film\nSentiment:"


def test_a_list_of_choices_stands_under_letters(places):
    row = {"question": "Which is cold?", "choices": ["fire", "ice", "sand", "wood"], "label": 1}
    where = places("arc_easy", row)
    definition = published_task("arc_easy", "local", where, find_template("arc_easy", "gpt3"))
    assert next(definition.read("train")).inputs == (
        "Question: Which is cold?\nA: fire\nB: ice\nC: sand\nD: wood\nAnswer:"
    )


def test_the_same_rows_are_on_the_same_side_of_a_cut_whatever_the_template(places):
    rows = [{"sentence": f"film {i}", "label": i % 2} for i in range(40)]
    where = places("sst2", *({**row, "label": -1} if not i else row for i, row in enumerate(rows)))
    (where.local / "sst2" / "test.jsonl").unlink()
    places("cola")  # another task's folder does not matter
    for split in ("train", "validation"):
        lines = (where.local / "sst2" / f"{split}.jsonl").read_text().splitlines()[1:]
        (where.local / "sst2" / f"{split}.jsonl").write_text("\n".join(lines))
    plain = local_task("sst2", where.local)
    other = published_task("sst2", "local", where, find_template("sst2", "gpt3"))
    for split in ("validation", "test"):
        texts = [e.inputs.removeprefix("sst2 sentence: ") for e in plain.read(split)]
        assert [f"Review: {text}\nSentiment:" for text in texts] == [
            e.inputs for e in other.read(split)
        ]
        assert 5 < len(texts) < 35


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("strip", " a ", "a"),
        ("capitalized", "who won", "Who won"),
        ("question", "who won", "who won?"),
        ("question", "who won?", "who won?"),
        ("spaces", "a \n b", "a b"),
        ("untokenized", "do n't , it 's fine !", "don't, it's fine!"),
        ("unhtml", "a<br />b", "a b"),
    ],
)
def test_cleanups_by_hand(name, text, expected):
    assert CLEANUPS[name](text) == expected


def test_outer_space_of_label_words_is_left_out_everywhere(places, tmp_path):
    from spot.tasks import metrics

    file = tmp_path / "own.toml"
    file.write_text('[sst2]\ninputs = "{sentence}"\nlabels = [" bad", "good "]\n')
    where = places("sst2", {"sentence": "x", "label": 1}, {"sentence": "y", "label": 0})
    own = published_task("sst2", "local", where, find_template("sst2", str(file)))
    assert own.labels == ("bad", "good")
    rows = list(own.read("test"))
    right = metrics.score(
        own.metrics, [e.targets for e in rows], labels=[e.label for e in rows], words=own.labels
    )
    assert right == {"accuracy": 100.0}
    for record in TASKS.values():
        for words in (record.labels, *(template.labels for template in record.templates.values())):
            assert [word.strip() for word in words] == list(words)


def test_a_template_file_that_no_honest_file_is(tmp_path):
    (tmp_path / "deep.toml").write_text("sst2 = " + "[" * 100_000)
    os.mkfifo(tmp_path / "pipe.toml")
    for name, found in (("deep", "nested in more than 64"), ("pipe", "it is a pipe")):
        with pytest.raises(
            SpotError, match=f"templates in TOML at .*{name}.toml, found: .*{found}"
        ):
            find_template("sst2", str(tmp_path / f"{name}.toml"))


BAD = {
    "no word": (
        'inputs = "{sentence}"\nlabels = ["bad", " "]',
        'key "labels": expected a word for each class, found .*"bad", " "',
    ),
    "unknown field": ('inputs = "{sentense}"', 'unknown field "sentense". Did you mean "sentence"'),
    "field to clean": (
        'inputs = "{sentence}"\nclean = { sentense = ["strip"] }',
        'unknown field "sentense"',
    ),
    "cleanup": (
        'inputs = "{sentence}"\nclean = { sentence = ["stripe"] }',
        'unknown cleanup "stripe". Did you mean "strip"',
    ),
    "too few words": (
        'inputs = "{sentence}"\nlabels = ["bad"]',
        "expected 2 different label words .for negative, positive., found bad",
    ),
    "one word twice": (
        'inputs = "{sentence}"\nlabels = ["bad", "bad"]',
        "expected 2 different label words",
    ),
    "no field": ('inputs = "hello {options}"', "expected inputs that name a field"),
    "open brace": ('inputs = "{sentence"', "expected inputs with {field}s"),
    "unknown key": (
        'inputs = "{sentence}"\nlabel = ["a", "b"]',
        'key "label": unknown. Did you mean "labels"',
    ),
    "no inputs": ('labels = ["a", "b"]', 'key "inputs": expected a value, found none'),
    "inputs": (
        "inputs = 3",
        'template of "sst2": key "inputs": expected a text, found 3 .for example',
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_in_a_template_is_named(case, tmp_path):
    content, message = BAD[case]
    file = tmp_path / "mine.toml"
    file.write_text(f"[sst2]\n{content}\n")
    with pytest.raises(SpotError, match=message):
        task("sst2", DataSettings(template=str(file)))


def test_three_label_words_are_too_many_and_a_task_without_classes_takes_none():
    three = Template(inputs="{sentence}", labels=("a", "b", "c"))
    with pytest.raises(SpotError, match="expected 2 different label words"):
        templated("sst2", TASKS["sst2"].examples, TASKS["sst2"].labels, three)
    free = Template(inputs="{question}", labels=("a", "b"))
    with pytest.raises(SpotError, match="0 different label words .for a task without classes."):
        templated("squad", TASKS["squad"].examples, (), free)


def test_names_of_templates_and_tasks_are_checked(tmp_path):
    with pytest.raises(SpotError, match='template, found "flam". Did you mean "flan"'):
        task("sst2", DataSettings(template="flam"))
    with pytest.raises(SpotError, match='published tasks, found "sst". Did you mean "sst2"'):
        task("sst2", DataSettings(templates={"sst": "flan"}))
    with pytest.raises(SpotError, match='data.template: .*found "flam". Did you mean "flan"'):
        task("mini_news", DataSettings(template="flam"))
    with pytest.raises(SpotError, match='template, found "flan"') as caught:
        task("race", DataSettings(template="flan"))  # published, in one wording
    assert "its templates: t5" in caught.value.hint
    with pytest.raises(SpotError, match="expected templates in TOML at .*none.toml"):
        task("sst2", DataSettings(template=str(tmp_path / "none.toml")))
    (tmp_path / "mine.toml").write_text("[sst]\ninputs = 'x'\n")
    with pytest.raises(SpotError, match='a template of the task "sst2" in .*found sst'):
        task("sst2", DataSettings(template=str(tmp_path / "mine.toml")))


@pytest.mark.parametrize("template", ["gpt3", "mine.toml"])
def test_a_template_leaves_tasks_alone_that_are_not_published(template, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\nx,y\nz,w\nu,v\n")
    (tmp_path / "own.toml").write_text(
        'name = "own"\ninputs = "{a}"\ntarget = "b"\n[files]\ntrain = "a.csv"\n'
    )
    for name in (str(tmp_path / "own.toml"), "mini_news"):
        plain, other = (find_task(name, DataSettings(template=t)) for t in ("t5", template))
        assert other.fingerprint() == plain.fingerprint()
        assert other.wording == {} and other.template == ""
        assert next(other.read("train")) == next(plain.read("train"))


def test_the_template_of_one_task_goes_before_that_of_all():
    settings = DataSettings(template="flan", templates={"ag_news": "gpt3", "trec": "t5"})
    assert task("ag_news", settings).labels[3] == "Technology"
    assert task("trec", settings).labels[1] == "entity"
    assert find_template("sst2", "t5") is T5


def test_a_users_template_is_recorded_by_name_and_content_and_not_by_its_place(tmp_path):
    names = []
    for folder, text in (("a", "{sentence}!"), ("b", "{sentence}!"), ("c", "{sentence}?")):
        file = tmp_path / folder / "mine.toml"
        file.parent.mkdir()
        file.write_text(f'[sst2]\ninputs = "{text}"\n')
        names.append(task("sst2", DataSettings(template=str(file))).wording["template"])
    assert names[0] == names[1] != names[2]
    assert all(name.startswith("mine-") and len(name) == len("mine-") + 8 for name in names)
    assert task("sst2", DataSettings(template="flan")).wording == {"template": "flan"}
    assert task("sst2", DataSettings()).wording == {}
