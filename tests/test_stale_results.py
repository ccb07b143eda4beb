"""No result is stale: every command that keeps results answers from what it reads now, and does
finished work only once.
"""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from tests.lab import invoke, lines, write_task
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)

FEW = (
    "transfer.steps=3", "transfer.seeds=[0]", "tuning.learning_rates=[0.01]", "train.steps=3",
    "train.early_checks=[]",  # in three steps a prompt may not get better than its start
)  # fmt: skip
KEEPING = {
    "zero-shot": ("baselines", "--target", "house", "--methods", "zero-shot"),
    "few-shot": ("baselines", "--target", "house", "--methods", "few-shot"),
    "prompt-tuning": ("baselines", "--target", "house", "--methods", "prompt-tuning"),
    "model-tuning": ("baselines", "--target", "house", "--methods", "model-tuning"),
    "study": ("study", "--target", "house"),
    "transfer": ("transfer", "--target", "house"),
    "mixture": ("transfer", "--target", "house", "--strategy", "mixture", "--k", "2"),
    "search": ("search", "--target", "house"),
    "train": ("train", "--task", "house", "--out", "prompt.npy"),
}
"""Every command that keeps results in the runs' folder or in the bank."""


@pytest.fixture
def own(lab, tmp_path):
    """A function that runs a command with its own tasks, bank and model, all of which may change."""
    for name in ("colour", "bird", "place", "house"):
        write_task(tmp_path / "tasks", name)
    shutil.copytree(lab.model, tmp_path / "model")
    lab.copy(tmp_path / "bank")

    def run(words, *sets, runs="runs"):
        more = (
            'data.tasks=["tasks"]', 'model.name="model"', 'bank.path="bank"', f'runs="{runs}"',
        )  # fmt: skip
        done = lab.run(*words, "--json", sets=(*FEW, *more, *sets))
        assert done.exit_code == 0, done.stderr
        prompt = tmp_path / "prompt.npy"
        records = [
            {name: value for name, value in record.items() if name not in ("prompts", "folder")}
            for record in lines(done.stdout)
            if "use" not in record and "report" not in record
        ]  # without the places of files
        return done, prompt.read_bytes() if words[0] == "train" else records

    return run


def flip(folder, task="house"):
    """Exchange the two labels of a task in all its files, whose sizes and times stay."""
    for path in folder.glob(f"{task}-*.jsonl"):
        about, text = path.stat(), path.read_text()
        text = text.replace('"no"', '"yes "').replace('"yes"', '"no"').replace('"yes "', '"yes"')
        path.write_text(text)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.parametrize("words", KEEPING.values(), ids=KEEPING.keys())
def test_changed_labels_are_read(own, tmp_path, words):
    _, before = own(words)
    flip(tmp_path / "tasks")
    _, after = own(words)
    shutil.rmtree(tmp_path / "bank" / "queries", ignore_errors=True)
    _, fresh = own(words, runs="fresh")
    assert after == fresh != before


@pytest.mark.parametrize("words", KEEPING.values(), ids=KEEPING.keys())
def test_changed_labels_of_a_source_alone_change_nothing_that_did_not_read_them(
    own, tmp_path, words, request
):
    _, before = own(words)
    flip(tmp_path / "tasks", "colour")
    if "mixture" not in words:
        request.getfixturevalue("no_training")
    done, after = own(words)
    if "mixture" in words:  # alone trains on rows of the source
        assert "found: mixture for house" not in done.stderr
        assert "found: mixture for house" in own(words)[0].stderr
    else:
        assert after == before
        assert "found: " in done.stderr or words[0] == "search"


@pytest.mark.parametrize(
    "name", [name for name in KEEPING if name not in ("study", "transfer", "mixture", "search")]
)
def test_exchanged_weights_are_other_work(own, tmp_path, name):
    words = KEEPING[name]
    _, before = own(words)
    weights = tmp_path / "model" / "weights.safetensors"
    about = weights.stat()
    config = tiny_config()
    other = write_model(tmp_path / "other", config, random_arrays(config, seed=9))
    shutil.copyfile(other / "weights.safetensors", weights)
    os.utime(weights, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert weights.stat().st_size == about.st_size
    _, after = own(words)
    _, fresh = own(words, runs="fresh")
    assert after == fresh != before


@pytest.mark.parametrize("name", ["study", "transfer", "mixture", "search"])
def test_exchanged_weights_do_not_fit_the_bank(lab, own, tmp_path, name):
    own(KEEPING[name])
    config = tiny_config()
    other = write_model(tmp_path / "other", config, random_arrays(config, seed=9))
    weights = tmp_path / "model" / "weights.safetensors"
    about = weights.stat()
    shutil.copyfile(other / "weights.safetensors", weights)
    os.utime(weights, ns=(about.st_atime_ns, about.st_mtime_ns))
    sets = ('data.tasks=["tasks"]', 'model.name="model"', 'bank.path="bank"', *FEW)
    refused = lab.run(*KEEPING[name], sets=sets)
    says = "not on model with these weights" if name == "study" else "expected the backbone"
    assert refused.exit_code == 1 and says in refused.stderr


@pytest.mark.parametrize("name", ["study", "transfer", "mixture"])
@pytest.mark.parametrize("change", ["search.k=2", "train.slots=2", "data.validation_examples=999"])
def test_a_setting_that_was_not_read_trains_nothing(own, no_training_after, name, change):
    words = KEEPING[name]
    _, before = own(words)
    no_training_after()
    done, after = own(words, change)
    assert after == before
    assert "found: " in done.stderr


@pytest.fixture
def no_training_after(request):
    """A function after whose call whoever trains fails."""
    return lambda: request.getfixturevalue("no_training")


@pytest.mark.parametrize("name", KEEPING)
def test_a_finished_command_called_again_answers_from_what_is_there(own, no_training_after, name):
    _, before = own(KEEPING[name])
    no_training_after()
    _, after = own(KEEPING[name])
    assert after == before


def test_an_interrupted_run_does_not_go_on_with_other_rows(lab, own, tmp_path):
    words = ("train", "--task", "house", "--out", "prompt.npy")
    sets = (
        'data.tasks=["tasks"]', 'model.name="model"', 'bank.path="bank"', 'runs="runs"',
        "train.steps=400", "train.check_every=2",
    )  # fmt: skip
    command = lab.arguments(*words, sets=sets)
    import subprocess
    import sys

    from tests.lab import ROOT

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SPOT_CACHE_DIR": str(lab.cache)}
    process = subprocess.Popen(
        [sys.executable, "-m", "spot", *command, "-v"],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if "step 4, validation" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    short = [one if not one.startswith("train.steps") else "train.steps=8" for one in sets]
    flip(tmp_path / "tasks")
    again = invoke(*lab.arguments(*words, sets=tuple(short)))
    assert again.exit_code == 0 and "resumed" not in again.stderr
    prompt = (tmp_path / "prompt.npy").read_bytes()
    fresh = [one if not one.startswith("runs") else 'runs="fresh"' for one in short]
    invoke(*lab.arguments(*words, sets=tuple(fresh)))
    assert (tmp_path / "prompt.npy").read_bytes() == prompt


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("data.target_length=9", "target_length"),
        ('data.text="Judge."', "text"),
        ("data.shots=1", "shots"),
        ("data.list_labels=true", "list_labels"),
        ("train.weight_decay=0.1", "weight_decay"),
    ],
)
def test_a_query_of_another_recipe_is_warned_of_by_name(lab, own, change, named):
    done, _ = own(KEEPING["search"], change)
    assert any(line.startswith(f"warning: {named} differs") for line in done.stderr.splitlines())
