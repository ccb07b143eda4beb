"""Scores of a prompt: those of a trained file, of a fine-tuned model, of an entry."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from bank.store import Bank
from tests.lab import lines

pytest_plugins = ("tests.lab",)


@pytest.mark.parametrize("task", ["house", "animal", "bird+house"])
def test_the_score_of_a_trained_file_is_the_one_that_training_reported(
    lab, tmp_path, tiny_folder, task
):
    trained = lab.run("train", "--task", task, "--seed", "3", "--out", "p.npy", "--json")
    assert trained.exit_code == 0, trained.stderr
    report, judged, used = lines(trained.stdout)
    assert used["best"] == "p.npy" and "--prompt p.npy --task" in used["use"]
    assert report["path"] == "p.npy" and report["step"] in (0, 3, 4)
    verdict = judged["verdict"]
    assert verdict["sentence"].endswith("so the test split judges finally")
    assert verdict["numbers"]["score"] == pytest.approx(report["validation"])
    weights = load_file(tiny_folder / "weights.safetensors")
    frozen = sum(array.size for array in weights.values())
    trained_part = np.load(tmp_path / "p.npy").size
    assert report["parameters"] == {
        "trained": trained_part, "frozen": frozen,
        "percent": pytest.approx(100 * trained_part / (trained_part + frozen)),
    }  # fmt: skip
    scores = []
    for member in task.split("+"):
        done = lab.run(
            "eval", "--task", member, "--prompt", "p.npy", "--split", "validation", "--json"
        )
        assert done.exit_code == 0, done.stderr
        scores.append(lines(done.stdout)[0])
        assert scores[-1]["n"] == 12
        numbers = lines(done.stdout)[1]["verdict"]["numbers"]
        assert numbers["score"] == pytest.approx(scores[-1]["value"])
        assert numbers.get("tfidf") == scores[-1]["tfidf"]
    assert np.mean([score["value"] for score in scores]) == pytest.approx(report["validation"])
    (run,) = [path for path in (tmp_path / "spot-runs" / "prompts").iterdir() if path.is_dir()]
    assert {path.name for path in run.iterdir()} == {
        "metrics.jsonl", "trained.json", "trained.safetensors"
    }  # fmt: skip


def test_a_tuned_model_is_a_model_that_scores_as_reported(lab, tmp_path):
    rates = "tuning.learning_rates=[0.001, 0.05]"
    command = ("tune", "--task", "house", "--out", "tuned", "--json")
    done = lab.run(*command, sets=(rates, "train.steps=6"))
    assert done.exit_code == 0, done.stderr
    report = lines(done.stdout)[0]
    assert report["path"] == "tuned" and report["learning_rate"] in (0.001, 0.05)
    assert report["parameters"]["frozen"] == 0 and report["parameters"]["percent"] == 100
    scored = lab.run(
        "eval", "--task", "house", "--split", "validation", "--json", sets=("model.name=tuned",)
    )
    assert lines(scored.stdout)[0]["value"] == pytest.approx(report["validation"])
    card = json.loads((tmp_path / "tuned" / "config.json").read_text())
    assert card["tuned"]["task"] == "house" and card["tuned"]["step"] == report["step"]
    again = lab.run(*command, sets=(rates,))
    assert again.exit_code == 1 and "is there and is not an empty folder" in again.stderr
    prompt = lab.run(
        "eval", "--task", "house", "--prompt", "place", "--bank", lab.bank,
        sets=("model.name=tuned",),
    )  # fmt: skip
    assert prompt.exit_code == 1 and "not on tuned" in prompt.stderr


def test_both_file_formats_and_an_entry_score_alike(lab, tmp_path):
    entry = Bank.open(lab.bank).get("place")
    for name in ("p.npy", "p.safetensors"):
        assert lab.run("bank", "export", "place", "--bank", lab.bank, "--out", name).exit_code == 0
    scores = []
    for prompt in ("p.npy", "p.safetensors", "place", entry.id):
        command = ("eval", "--task", "house", "--prompt", prompt, "--bank", str(lab.bank), "--json")
        scores.append(lines(lab.run(*command).stdout))
    assert all(score == scores[0] for score in scores)
