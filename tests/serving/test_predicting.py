"""Predictions: they agree with the evaluation, and read texts from options or lines."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from bank.formats import Facts
from bank.store import Bank
from spot.commands.objects import lengths, task_to_answer
from spot.errors import SpotError
from spot.prompts.facts import recorded_facts
from spot.prompts.files import find_prompt, read_prompt, write_prompt
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.serving.predicting import predict
from spot.serving.scoring import evaluate
from spot.serving.web.catalogue import read_catalogue
from spot.tasks.catalog import DataSettings, find_task
from spot.tasks.task import Task, without_template
from tests.lab import invoke, lines, write_task
from tests.serving.web.stand import item, running

pytest_plugins = ("tests.lab",)


def texts(lab, task, split="test"):
    rows = (lab.tasks / f"{task}-{split}.jsonl").read_text().splitlines()
    return [json.loads(row)["text"] for row in rows]


def test_predictions_agree_with_the_evaluation(lab, tiny_backbone):
    at = lab.objects()
    task, prompt = at.task("house"), find_prompt("place", lab.bank, tiny_backbone)
    whole = evaluate(tiny_backbone, task, prompt, **lengths(at.config))
    answers = predict(tiny_backbone, task, prompt, texts(lab, "house"), **lengths(at.config))
    assert tuple(answer.answer for answer in answers) == whole.predictions
    for answer in answers:
        assert set(answer.probabilities) == {"no", "yes"}
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.probabilities[answer.answer] == max(answer.probabilities.values())
    bare = predict(tiny_backbone, task, None, texts(lab, "house"), **lengths(at.config))
    assert [row.probabilities for row in bare] != [row.probabilities for row in answers]


def test_generation_agrees_with_the_evaluation(lab, tiny_backbone):
    at = lab.objects()
    task = at.task("animal")
    whole = evaluate(tiny_backbone, task, None, **lengths(at.config))
    answers = predict(tiny_backbone, task, None, texts(lab, "animal"), **lengths(at.config))
    assert tuple(answer.answer for answer in answers) == whole.predictions
    assert all(answer.probabilities == {} for answer in answers)


def test_texts_come_from_options_or_lines(lab):
    command = lab.arguments("predict", "--task", "house", "--json")
    options = invoke(*command, "--text", "a red cat is here", "--text", "a blue hen is there")
    piped = invoke(*command, input="a red cat is here\n\na blue hen is there\n")
    assert lines(options.stdout) == lines(piped.stdout) and len(lines(piped.stdout)) == 2
    plain = invoke(*lab.arguments("predict", "--task", "house"), "--text", "a red cat is here")
    answer, share = plain.stdout.strip().split("\t")
    assert answer in ("no", "yes") and 0.5 <= float(share) <= 1
    nothing = invoke(*command, input="\n")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith("error: expected texts to predict, found none")


def test_listed_label_words_stand_in_front_of_a_text_to_predict_too(lab):
    command = lab.arguments("predict", "--task", "house", "--json")
    text = "a red cat is here"
    listed = lines(invoke(*command, "--set", "data.list_labels=true", "--text", text).stdout)
    by_hand = lines(invoke(*command, "--text", f"no | yes. {text}").stdout)
    without = lines(invoke(*command, "--text", text).stdout)
    assert listed[0]["probabilities"] == by_hand[0]["probabilities"]
    assert listed[0]["probabilities"] != without[0]["probabilities"]


PROMPT = SoftPrompt.of(PREFIX, np.ones((4, 16), np.float32))
TEXTS = ["a red cat is here", "a blue hen is there"]


def hut(folder, inputs, columns=("text",)):
    """The toy task "house" as the user's own "hut", in other words; the path of its TOML."""
    toml = write_task(folder, "house")
    text = toml.read_text().replace('"house"', '"hut"', 1)
    toml.write_text(text.replace('inputs = "{text}"', f'inputs = "{inputs}"'))
    for file in folder.glob("house-*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        rows = [{**dict.fromkeys(columns, row["text"]), **row} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(toml)


def shares(done):
    assert done.exit_code == 0, done.stderr
    return [row["probabilities"] for row in lines(done.stdout)]


def test_a_raw_text_is_answered_like_one_that_the_template_was_applied_to_by_hand(lab, tmp_path):
    toml = hut(tmp_path, "no: {text} yes")
    raw = lab.run("predict", "--task", toml, "--text", TEXTS[0], "--json")
    by_hand = f"no: {TEXTS[0]} yes"
    as_is = lab.run("predict", "--task", toml, "--as-is", "--text", by_hand, "--json")
    assert shares(raw) == shares(as_is)
    unlike = lab.run("predict", "--task", toml, "--as-is", "--text", TEXTS[0], "--json")
    assert shares(unlike) != shares(raw)
    assert lines(raw.stdout)[0]["text"] == TEXTS[0]


def test_rows_of_several_columns(lab, tmp_path, tiny_backbone):
    toml = hut(tmp_path, "{b} yes {a}", ("a", "b"))
    row = {"a": TEXTS[0], "b": TEXTS[1]}
    by_hand = f"{row['b']} yes {row['a']}"
    as_is = shares(lab.run("predict", "--task", toml, "--as-is", "--text", by_hand, "--json"))
    option = lab.run("predict", "--task", toml, "--text", json.dumps(row), "--json")
    command = lab.arguments("predict", "--task", toml, "--json")
    piped = invoke(*command, input=json.dumps(row) + "\r\n")
    assert shares(option) == shares(piped) == as_is
    assert lines(option.stdout)[0]["text"] == by_hand
    refused = invoke(*command, input="a red cat\n")
    assert refused.exit_code == 1
    assert "error: stdin, line 1: expected one JSON object a line" in refused.stderr
    assert 'the task "hut" reads the columns b, a' in refused.stderr
    assert 'hint: write a row as {"b": "…", "a": "…"}; --as-is takes' in refused.stderr
    other = lab.run("predict", "--task", toml, "--text", '{"a": "x", "c": "y"}')
    assert '--text, text 1: expected a field "b", found the fields a, c' in other.stderr


def test_python_takes_texts_rows_and_texts_as_they_are(tiny_backbone):
    rows = [{"a": text, "b": "yes", "label": "no"} for text in TEXTS]
    one = Task.from_rows("t", rows, rows, rows, inputs="no {a}", labels=["no", "yes"])
    two = Task.from_rows("t", rows, rows, rows, inputs="no {a} {b}", labels=["no", "yes"])

    def p(task, texts):
        return [each.probabilities for each in predict(tiny_backbone, task, None, texts)]

    assert p(one, TEXTS) == p(one, rows) == p(without_template(one), [f"no {t}" for t in TEXTS])
    assert p(two, rows) == p(without_template(one), [f"no {t} yes" for t in TEXTS])
    for task, texts, message in (
        (one, [], "expected texts to predict, found none"),
        (one, ["a", " "], 'texts, text 2: expected text in "a", found empty text'),
        (without_template(one), ["a", ""], 'texts, text 2: expected text in "text", found empty'),
        (one, [{"b": "x"}], 'rows, row 1: expected a field "a", found the fields b'),
        (two, ["a"], 'task "t": expected rows with the columns a, b, found the text "a"'),
        (without_template(one), rows, 'task "t": expected texts, for it has no template'),
        (one, [3], "expected a text or a mapping from columns to values, found 3"),
    ):
        with pytest.raises(SpotError, match=message):
            predict(tiny_backbone, task, None, texts)


def test_a_prompt_file_needs_no_task(lab, tmp_path, tiny_backbone):
    toml = hut(tmp_path / "own", "no: {text} yes")
    done = lab.run(
        "train", "--task", toml, "--out", "p.safetensors", sets=("data.list_labels=true",)
    )
    assert done.exit_code == 0, done.stderr
    *_, best, use = done.stdout.splitlines()
    assert best == "best prompt: p.safetensors"
    name = f"--set model.name={lab.model} --set model.precision=float32"
    assert (
        use == f"use it: spot predict --prompt p.safetensors --in new.csv --out answers.csv {name}"
    )
    prompt = ("--prompt", "p.safetensors", "--json")
    named = ("--task", toml, *prompt)
    without = lab.run("predict", *prompt, "--text", TEXTS[0])
    listed = lab.run("predict", *named, "--text", TEXTS[0], sets=("data.list_labels=true",))
    assert shares(without) == shares(listed) and without.stderr == listed.stderr
    assert "otherwise" not in without.stderr
    scored = lab.run("eval", *prompt)
    assert scored.exit_code == 0, scored.stderr
    assert (
        lines(scored.stdout)[0]
        == lines(lab.run("eval", *named, sets=("data.list_labels=true",)).stdout)[0]
    )
    (tmp_path / "own").rename(tmp_path / "gone")
    assert shares(lab.run("predict", *prompt, "--text", TEXTS[0])) == shares(without)
    lost = lab.run("eval", *prompt)
    assert lost.exit_code == 1 and 'expected the name of a task, found "hut"' in lost.stderr
    file = read_prompt("p.safetensors")
    (row,) = predict(tiny_backbone, None, file, TEXTS[:1])
    assert [row.probabilities] == shares(without)


def test_a_prompt_on_other_words_than_it_was_trained_on_comes_with_a_warning(lab, tmp_path):
    toml = hut(tmp_path, "no: {text} yes")
    lab.run("train", "--task", toml, "--out", "p.safetensors")
    trained = ("--prompt", "p.safetensors", "--task")
    other = lab.run("eval", *trained, "house")
    assert "warning: the prompt was trained otherwise: task hut, not house\n" in other.stderr
    hut(tmp_path, "{text}")
    changed = lab.run("predict", *trained, toml, "--text", "a cat", sets=("data.list_labels=true",))
    assert changed.exit_code == 0
    assert (
        'the prompt was trained otherwise: text "no: {text} yes", not "{text}"; data.list_labels '
        "unset, not true"
    ) in changed.stderr
    same = lab.run("eval", "--prompt", "place", "--task", "place", "--bank", str(lab.bank))
    assert same.exit_code == 0 and "otherwise" not in same.stderr


def test_a_prompt_of_another_model_is_refused(lab, tiny_backbone):
    lab.run("train", "--task", "house", "--out", "p.safetensors")
    prompt = read_prompt("p.safetensors")
    facts = dataclasses.replace(
        prompt.facts, model=dataclasses.replace(prompt.facts.model, name="t5", fingerprint="0")
    )
    foreign = dataclasses.replace(prompt, facts=facts)
    write_prompt(lab.folder / "foreign.safetensors", foreign)
    file = str(lab.folder / "foreign.safetensors")
    commands = (
        ("predict", "--prompt", file, "--text", "a cat"),
        ("eval", "--prompt", file, "--task", "house"),
    )
    for command in commands:
        done = lab.run(*command)
        assert done.exit_code == 1 and done.stdout == ""
        assert f"error: {file} was trained on t5, not on {lab.model} with these" in done.stderr
        assert "--set model.name=t5" in done.stderr
    started = lab.run(
        "train", "--task", "house", "--out", "q.npy", sets=(f'prompt.init="file:{file}"',)
    )
    assert started.exit_code == 1 and "was trained on t5, not on" in started.stderr
    with pytest.raises(SpotError, match="the prompt was trained on t5, not on"):
        predict(tiny_backbone, None, foreign, TEXTS)


def test_a_prompt_without_facts_needs_a_task(lab, tiny_backbone):
    done = lab.run("train", "--task", "bird+house", "--out", "p.npy")
    assert "a .npy file does not say what the prompt is for" in done.stdout
    assert "spot predict --prompt p.npy --task bird --in new.csv" in done.stdout
    bare = lab.run("predict", "--prompt", "p.npy", "--text", "a cat")
    assert bare.exit_code == 1
    assert (
        "error: expected to find the prompt's task in p.npy, which carries no facts" in bare.stderr
    )
    lab.run("train", "--task", "bird+house", "--out", "m.safetensors")
    mixed = lab.run("predict", "--prompt", "m.safetensors", "--text", "a cat")
    assert "found m.safetensors, of the mixture bird+house" in mixed.stderr
    assert "hint: name one of its tasks: --task bird" in mixed.stderr
    for array in (None, np.ones((4, 16), np.float32)):
        with pytest.raises(
            SpotError, match="expected a task, or a prompt whose facts describe one"
        ):
            predict(tiny_backbone, None, array, TEXTS)


def test_an_entry_of_a_bank_answers_its_own_task(lab):
    entry = ("--prompt", "place", "--bank", str(lab.bank), "--json")
    named = lab.run("predict", *entry, "--task", "place", "--text", TEXTS[0])
    assert shares(lab.run("predict", *entry, "--text", TEXTS[0])) == shares(named)
    assert (
        lab.run(
            "bank", "export", "place", "--bank", str(lab.bank), "--out", "e.safetensors"
        ).exit_code
        == 0
    )
    assert shares(
        lab.run("predict", "--prompt", "e.safetensors", "--text", TEXTS[0], "--json")
    ) == shares(named)
    scored = lines(lab.run("eval", *entry).stdout)
    assert scored == lines(lab.run("eval", *entry, "--task", "place").stdout)


def of_bank(bank, path, told):
    """A bank in another folder with the same entries, but for what describes their tasks."""
    other = Bank.create_or_open(path)
    other.add_many([(replace(entry, task_facts=told), prompts) for entry, prompts in bank.items()])
    return other


def test_a_bank_answers_new_rows_where_the_files_of_its_tasks_are_not(lab, tmp_path, tiny_backbone):
    toml = hut(tmp_path / "own", "no: {a} yes {b}", ("a", "b"))
    sets = ("data.tasks=[]", 'bank.sources=["own/house.toml"]', "bank.mixtures=[]")
    built = lab.run("build-bank", "--bank", "bank", sets=(*sets, "data.list_labels=true"))
    assert built.exit_code == 0, built.stderr
    (entry,) = Bank.open("bank").entries()
    assert entry.task == "hut" and "file" not in entry.task_facts
    stored = (tmp_path / "bank" / "entries" / entry.id / "entry.json").read_text()
    assert str(tmp_path) not in stored and TEXTS[0] not in stored
    row = {"a": TEXTS[0], "b": TEXTS[1]}
    ask = ("predict", "--prompt", entry.id, "--bank", "bank", "--text", json.dumps(row), "--json")
    named = lab.run(*ask, "--task", toml, sets=("data.list_labels=true",))
    assert shares(lab.run(*ask, sets=("data.tasks=[]",))) == shares(named)

    (tmp_path / "own").rename(tmp_path / "gone")
    (tmp_path / "bank").rename(tmp_path / "moved")
    moved = lab.run(*ask, "--bank", "moved", sets=("data.tasks=[]",))
    assert moved.exit_code == 0, moved.stderr
    assert shares(moved) == shares(named) and "otherwise" not in moved.stderr
    config = lab.config("data.tasks=[]", bank=tmp_path / "moved")

    def task_of(prompt, name):
        return task_to_answer(None, prompt, name, config)

    with running(Bank.open("moved"), tiny_backbone, task_of=task_of) as server:
        (listed,) = server.client.get("/v1/prompts").json()
        assert (listed["task"], listed["columns"]) == ("hut", ["a", "b"])
        answer = server.client.post("/v1/predict", json={"task": "hut", "texts": [row]}).json()
    assert answer["answers"][0]["probabilities"] == pytest.approx(shares(named)[0], abs=1e-6)

    old = of_bank(Bank.open("moved"), tmp_path / "old", {})  # as earlier versions wrote them
    lost = lab.run(*ask, "--bank", "old", sets=("data.tasks=[]",))
    assert lost.exit_code == 1 and 'expected the name of a task, found "hut"' in lost.stderr
    hint = """name the TOML file of your task: --set 'data.tasks=["hut.toml"]'"""
    assert f"hint: {hint}\n" in lost.stderr
    (fault,) = read_catalogue(old, tiny_backbone, task_of).faults.values()
    assert 'expected the name of a task, found "hut"' in fault and fault.endswith(f"({hint})")
    (tmp_path / "gone" / "house.toml").rename(tmp_path / "gone" / "hut.toml")
    (tmp_path / "gone").rename(tmp_path / "own")
    again = lab.run(
        *ask, "--bank", "old", sets=('data.tasks=["own/hut.toml"]', "data.list_labels=false")
    )
    assert shares(again) == shares(named)


@pytest.mark.parametrize("listed", [None, True])
@pytest.mark.parametrize("name", ["mini_boolq", "mini_news", "rte"])
def test_an_entry_of_a_published_task_answers_as_it_does_by_name(
    lab, tmp_path, tiny_backbone, name, listed
):
    row = {"premise": TEXTS[0], "hypothesis": TEXTS[1], "label": 0, "idx": 0}
    folder = tmp_path / "data" / "rte"
    folder.mkdir(parents=True)
    for split in ("train", "validation"):
        (folder / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    settings = DataSettings(dir=tmp_path / "data", list_labels=listed)
    task = find_task(name, settings).on(tiny_backbone)
    recipe = {"input_length": 128} | ({} if listed is None else {"list_labels": listed})
    bare, told = (Bank.create_or_open(tmp_path / each) for each in ("bare", "told"))
    entry, prompts = item(tiny_backbone, name, recipe=recipe)
    bare.add(entry, prompts)
    told.add(replace(entry, task_facts=recorded_facts(task)), prompts)
    assert told.get(name).task_facts["inputs"]
    rows = [json.dumps(dict.fromkeys(task.columns, text)) for text in TEXTS]
    texts = TEXTS if len(task.columns) == 1 else rows
    found = []
    for bank in (bare, told):
        options = [word for text in texts for word in ("--text", text)]
        sets = (f'data.dir="{tmp_path / "data"}"', "data.input_length=128")
        done = lab.run(
            "predict", "--prompt", name, "--bank", bank.path, *options, "--json", sets=sets
        )
        assert done.exit_code == 0, done.stderr
        assert done.stderr == ""
        found.append(lines(done.stdout))
    for before, now in zip(*found, strict=True):
        assert (now["text"], now["answer"]) == (before["text"], before["answer"])
        assert now["probabilities"] == pytest.approx(before["probabilities"], abs=1e-6)


def test_lengths_are_those_of_training_unless_they_are_given(tiny_backbone):
    rows = [{"text": text, "label": "no"} for text in TEXTS]
    task = Task.from_rows("t", rows, rows, rows, labels=["no", "yes"])
    long = "a red cat is here " * 9

    def p(**more):
        facts = Facts(task="t", recipe={"input_length": 8, "target_length": True})
        prompt = dataclasses.replace(PROMPT, facts=facts)
        return predict(tiny_backbone, task, prompt, [long], **more)[0].probabilities

    assert p() == p(input_length=8) != p(input_length=128)


@pytest.mark.parametrize("task", ["house", "animal"])
@pytest.mark.parametrize(
    ("stdin", "count"),
    [
        (b"\xef\xbb\xbfa red cat is here\na hen", 2),
        (b"a red cat is here\r\na hen\r\n", 2),
        (b"\n\r\n  \na red cat is here\r\n\na hen\n", 2),
    ],
)
def test_stdin_is_cleaned_as_files_are(lab, task, stdin, count):
    command = lab.arguments("predict", "--task", task, "--json")
    clean = lines(invoke(*command, "--text", "a red cat is here", "--text", "a hen").stdout)
    assert lines(invoke(*command, input=stdin).stdout) == clean and len(clean) == count


def test_stdin_of_another_encoding_is_named(lab):
    done = invoke(*lab.arguments("predict", "--task", "house"), input=b"a cat\ncaf\xe9\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        "error: stdin, line 2: expected UTF-8 text, found the byte 0xe9 at place 4" in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name a prompt with --prompt, or a task with --task"),
        (("--task", "house", "--out", "a.csv"), "--out goes with --in"),
        (("--task", "house", "--in", "a.csv", "--as-is"), "--in goes without --text and --as-is"),
        (("--task", "house", "--in", "a.csv", "--text", "x"), "--in goes without --text"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(lab, words, says):
    done = lab.run("predict", *words)
    assert done.exit_code == 2 and says in done.stderr
    assert lab.run("eval").exit_code == 2
