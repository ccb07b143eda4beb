"""Commands with unusable input: an error, a hint, exit code 1, and nothing trained or written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bank.formats import Export, export_prompt
from tests.lab import invoke, write_task
from tests.models.test_hf_decoder import write_folder
from tests.toys import random_arrays, tiny_config, tiny_decoder, write_model

pytest_plugins = ("tests.lab",)


def refused(done, *words):
    """Assert that the command failed with these words, a hint, and nothing on stdout."""
    assert (done.exit_code, done.stdout) == (1, ""), done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "error: " in done.stderr and "\nhint: " in done.stderr


def uses_of_a_prompt(name, init):
    """Every command that takes a prompt, with this one."""
    return {
        "eval": (("eval", "--task", "house", "--prompt", name), ()),
        "predict": (("predict", "--task", "house", "--text", "a red cat", "--prompt", name), ()),
        "train": (("train", "--task", "house", "--out", "q.npy"), (f'prompt.init="{init}"',)),
    }


@pytest.mark.parametrize("use", ["eval", "predict", "train"])
def test_an_entry_of_another_backbone_of_the_same_width(lab, tmp_path, no_training, use):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    command, sets = uses_of_a_prompt("place", "entry:place")[use]
    done = lab.run(*command, "--bank", str(lab.bank), sets=(*sets, f"model.name={model}"))
    refused(done, "place-", f"was trained on {lab.model}, not on {model} with these weights")
    assert not (tmp_path / "q.npy").exists()


@pytest.mark.parametrize("use", ["eval", "predict", "train"])
def test_an_adapter_of_a_wider_model(lab, tmp_path, no_training, use):
    export_prompt(
        tmp_path / "wide", np.ones((4, 24), np.float32), "peft", Export(model="someone/wider")
    )
    command, sets = uses_of_a_prompt("wide", "file:wide")[use]
    found = "found 4 x 24" if use == "train" else "the prompt wide is 24 wide, the model 16"
    refused(lab.run(*command, sets=sets), found)


def own_task(folder, **changes):
    """The toy task "house" as the user's own "hut", with lines of its TOML replaced."""
    toml = write_task(folder, "house")
    text = toml.read_text().replace('"house"', '"hut"', 1)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    toml.write_text(text)
    return f'data.tasks=["{toml}"]'


LABELS = 'labels = {no = "no", yes = "yes"}'
TASKS = {
    "an empty label word": (
        (LABELS, 'labels = {no = "", yes = "yes"}'),
        ('key "labels": expected a word for the value "no", found ""',),
    ),
    "a label word of white space": (
        (LABELS, 'labels = {no = "no", yes = "  "}'),
        ('key "labels": expected a word for the value "yes", found ""',),
    ),
    "a label word that the vocabulary cannot write": (
        (LABELS, 'labels = {no = "好", yes = "yes"}'),
        (
            'task "hut": expected the label word "好" to have tokens in',
            "found none but unknown ones",
        ),
    ),
    "label words that are written alike": (
        (LABELS, 'labels = {no = "yes好", yes = "yes漢"}'),
        ('task "hut": expected label words with different tokens, found', "alike in"),
    ),
    "a field that no row has": (
        ("{text}", "{txt}"),
        ('line 1: expected a field "txt"', 'Did you mean "text"'),
    ),
}


@pytest.mark.parametrize("command", [("train", "--out", "q.npy"), ("eval",)])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_cannot_work(lab, tmp_path, no_training, name, command):
    change, words = TASKS[name]
    sets = (own_task(tmp_path / "own", change=change),)
    refused(lab.run(command[0], "--task", "hut", *command[1:], sets=sets), *words)
    assert not (tmp_path / "q.npy").exists()


@pytest.fixture
def decoder(tmp_path):
    """Settings of a decoder with a context of 64 tokens and a vocabulary of a to e."""
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    config = tiny_decoder(context=64)
    folder = write_folder(tmp_path / "decoder", config, random_arrays(config))
    return (f"model.name={folder}", 'model.precision="float32"')


def letters(folder, word, *rows):
    """A task of two classes, "ab" and another label word, with these texts in every split."""
    folder.mkdir()
    lines = [json.dumps({"text": row, "answer": str(i % 2)}) for i, row in enumerate(rows)]
    (folder / "rows.jsonl").write_text("".join(line + "\n" for line in lines))
    files = "\n".join(f'{split} = "rows.jsonl"' for split in ("train", "validation", "test"))
    toml = folder / "letters.toml"
    toml.write_text(
        f'name = "letters"\nfamily = "toy"\ninputs = "{{text}}"\nlabel = "answer"\n'
        f'labels = {{0 = "ab", 1 = "{word}"}}\n[files]\n{files}\n'
    )
    return (f'data.tasks=["{toml}"]', "data.input_length=60", "data.target_length=4")


@pytest.mark.parametrize(
    ("word", "says"),
    [("好", 'the label word "好" to have tokens'), ("abz", 'found "ab" and "abz" alike')],
)
def test_label_words_of_a_decoder(tmp_path, decoder, no_training, word, says):
    sets = (*decoder, *letters(tmp_path / "own", word, "abc", "cab"))
    done = invoke(
        "train",
        "--task",
        "letters",
        "--out",
        "q.npy",
        *(one for each in sets for one in ("--set", each)),
    )
    refused(done, says)


def test_texts_beyond_a_decoders_context(tmp_path, decoder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = (*decoder, *letters(tmp_path / "own", "c", "cde" * 40, "cab"), "prompt.length=4")
    options = [one for each in sets for one in ("--set", each)]
    found = "found 66: 4 of the prompt, 60 of the longest text and 2 of an answer"
    hint = "lower data.input_length to 58, or prompt.length"
    done = invoke("train", "--task", "letters", "--out", "q.npy", *options)
    refused(done, 'task "letters": expected at most 64 tokens', found, hint)
    assert "1 of 2 inputs (50.0 %) were cut to 60 tokens (data.input_length)" in done.stderr
    assert not any((tmp_path / "spot-runs").rglob("metrics.jsonl"))
    np.save("p.npy", np.ones((4, 16), np.float32))
    refused(invoke("eval", "--task", "letters", "--prompt", "p.npy", *options), found, hint)
    text = ("--text", "cde" * 40)
    done = invoke("predict", "--task", "letters", "--prompt", "p.npy", *text, *options)
    refused(done, found, hint)
    fits = [*options, "--set", "data.input_length=58"]
    done = invoke("predict", "--task", "letters", "--prompt", "p.npy", *text, *fits)
    assert done.exit_code == 0
    assert "warning: 1 of 1 texts were cut to 58 tokens (data.input_length)" in done.stderr


def test_a_text_that_a_t5_cuts_to_predict_comes_with_a_warning(lab):
    long = ("--text", "a red cat is here " * 9, "--text", "a red cat is here")
    done = lab.run("predict", "--task", "house", *long)
    assert done.exit_code == 0
    assert "warning: 1 of 2 texts were cut to 16 tokens (data.input_length)" in done.stderr
