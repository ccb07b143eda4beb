"""One prompt: train, write, score, predict; and prompts that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from spot.serving.single import evaluate_one, find_prompt, predict_texts, prompt_file_entry

from bank.errors import UserError
from bank.store import Bank
from tests.lab import lines
from tests.toys import random_arrays, tiny_config, write_model

pytest_plugins = ("tests.lab",)


def texts(lab, task, split="test"):
    rows = (lab.tasks / f"{task}-{split}.jsonl").read_text().splitlines()
    return [json.loads(row)["text"] for row in rows]


@pytest.mark.parametrize("task", ["house", "animal", "bird+house"])
def test_the_score_of_a_trained_file_is_the_one_that_training_reported(
    lab, tmp_path, tiny_folder, task
):
    trained = lab.run("train", "--task", task, "--seed", "3", "--out", "p.npy", "--json")
    assert trained.exit_code == 0, trained.stderr
    report = lines(trained.stdout)[0]
    assert report["path"] == "p.npy" and report["step"] in (3, 4)
    weights = load_file(tiny_folder / "weights.safetensors")
    frozen = sum(array.size for array in weights.values())
    trained_part = np.load(tmp_path / "p.npy").size
    assert report["parameters"] == {
        "trained": trained_part, "frozen": frozen,
        "percent": pytest.approx(100 * trained_part / (trained_part + frozen)),
    }  # fmt: skip
    found = []
    for member in task.split("+"):
        done = lab.run(
            "eval", "--task", member, "--prompt", "p.npy", "--split", "validation", "--json"
        )
        assert done.exit_code == 0, done.stderr
        found.append(lines(done.stdout)[0])
        assert found[-1]["n"] == 12
    assert np.mean([one["value"] for one in found]) == pytest.approx(report["validation"])
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
    found = []
    for prompt in ("p.npy", "p.safetensors", "place", entry.id):
        command = ("eval", "--task", "house", "--prompt", prompt, "--bank", str(lab.bank), "--json")
        found.append(lines(lab.run(*command).stdout))
    assert all(one == found[0] for one in found)


def test_predictions_agree_with_the_evaluation(lab, tiny_backbone):
    config = lab.config(bank=lab.bank)
    whole = evaluate_one("house", "test", "place", config, tiny_backbone)
    answers = predict_texts("house", texts(lab, "house"), "place", config, tiny_backbone)
    assert tuple(one.answer for one in answers) == whole.predictions
    for one in answers:
        assert set(one.probabilities) == {"no", "yes"}
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.probabilities[one.answer] == max(one.probabilities.values())
    bare = predict_texts("house", texts(lab, "house"), None, config, tiny_backbone)
    assert [one.probabilities for one in bare] != [one.probabilities for one in answers]


def test_generation_agrees_with_the_evaluation(lab, tiny_backbone):
    config = lab.config()
    whole = evaluate_one("animal", "test", None, config, tiny_backbone)
    answers = predict_texts("animal", texts(lab, "animal"), None, config, tiny_backbone)
    assert tuple(one.answer for one in answers) == whole.predictions
    assert all(one.probabilities == {} for one in answers)


def test_texts_come_from_options_or_lines(lab):
    from tests.lab import invoke

    command = lab.arguments("predict", "--task", "house", "--json")
    given = invoke(*command, "--text", "a red cat is here", "--text", "a blue hen is there")
    read = invoke(*command, input="a red cat is here\n\na blue hen is there\n")
    assert lines(given.stdout) == lines(read.stdout) and len(lines(read.stdout)) == 2
    plain = invoke(*lab.arguments("predict", "--task", "house"), "--text", "a red cat is here")
    answer, share = plain.stdout.strip().split("\t")
    assert answer in ("no", "yes") and 0.5 <= float(share) <= 1
    nothing = invoke(*command, input="\n")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith("error: expected texts to predict, found none")


def test_listed_label_words_stand_in_front_of_a_text_to_predict_too(lab):
    command = lab.arguments("predict", "--task", "house", "--json")
    from tests.lab import invoke

    text = "a red cat is here"
    listed = lines(invoke(*command, "--set", "data.list_labels=true", "--text", text).stdout)
    by_hand = lines(invoke(*command, "--text", f"no | yes. {text}").stdout)
    without = lines(invoke(*command, "--text", text).stdout)
    assert listed[0]["probabilities"] == by_hand[0]["probabilities"]
    assert listed[0]["probabilities"] != without[0]["probabilities"]


def test_prompts_that_do_not_fit_are_refused(lab, tmp_path, tiny_backbone):
    np.save(tmp_path / "wide.npy", np.ones((4, 17), np.float32))
    np.save(tmp_path / "nan.npy", np.full((4, 16), np.nan, np.float32))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:-9])
    config = lab.config(bank=lab.bank)
    for name, message in (
        ("wide.npy", "the prompt wide.npy is 17 wide, the model 16"),
        ("nan.npy", "the prompt in nan.npy holds NaN"),
        ("cut.npy", "cut.npy is no complete NumPy file"),
        ("none.npy", "cannot read the prompt none.npy: No such file"),
        ("plcae", 'no entry "plcae" in .* Did you mean "place"'),
    ):
        with pytest.raises(UserError, match=message):
            find_prompt(name, config, tiny_backbone)
    with pytest.raises(UserError, match="is 17 wide, the model 16"):
        prompt_file_entry(tmp_path / "wide.npy", "house", tiny_backbone)


def test_an_entry_of_another_backbone_is_refused(lab, tmp_path):
    config = tiny_config()
    model = write_model(tmp_path / "other", config, random_arrays(config, seed=5))
    done = lab.run("eval", "--task", "house", "--prompt", "place", "--bank", str(lab.bank),
                   sets=(f"model.name={model}",))  # fmt: skip
    assert done.exit_code == 1
    assert "was trained on" in done.stderr and "hint: choose the model" in done.stderr


def test_a_suffix_is_checked_before_training(lab, no_training):
    done = lab.run("train", "--task", "house", "--out", "p.safetensor")
    assert done.exit_code == 1
    assert 'not ".safetensor". Did you mean ".safetensors"?' in done.stderr


def test_a_prompt_file_becomes_an_entry_once(lab, tmp_path):
    lab.run("bank", "export", "place", "--bank", str(lab.bank), "--out", "p.npy")
    lab.copy(tmp_path / "bank")
    first, second = (
        lines(lab.run("bank", "add", "p.npy", "--task", "mine", "--bank", "bank", "--json").stdout)[
            0
        ]
        for _ in range(2)
    )
    assert (first["added"], second["added"], first["id"]) == (True, False, second["id"])
    bank = Bank.open(tmp_path / "bank")
    assert len(bank.entries()) == 5
    mine = bank.prompts(bank.get("mine"))
    assert (mine.key == mine.value).all() and (
        mine.value == bank.prompts(bank.get("place")).value
    ).all()
    none = lab.run("bank", "add", "none.npy", "--task", "mine", "--bank", "fresh")
    assert none.exit_code == 1 and not (tmp_path / "fresh").exists()


def test_training_starts_where_it_is_told(lab, tmp_path, tiny_backbone, monkeypatch):
    """init entry:<id> and file:<path> are the very prompt that training is given."""
    from spot.training import runs
    from spot.training.prompt_tuning import train_prompts

    given = []

    def spy(backbone, slots, *rest, **more):
        given.append(slots[0].init)
        return train_prompts(backbone, slots, *rest, **more)

    monkeypatch.setattr(runs, "train_prompts", spy)
    value = Bank.open(lab.bank).prompts(Bank.open(lab.bank).get("place")).value
    np.save(tmp_path / "p.npy", value)
    for init in ("entry:place", f"file:{tmp_path / 'p.npy'}"):
        done = lab.run("train", "--task", "house", "--out", "q.npy", "--bank", str(lab.bank),
                       sets=(f'prompt.init="{init}"', "train.steps=2"))  # fmt: skip
        assert done.exit_code == 0, done.stderr
        assert (given.pop() == value).all()
    wrong = lab.run("train", "--task", "house", "--out", "q.npy", sets=("prompt.init=vocba",))
    assert wrong.exit_code == 1 and 'Did you mean "vocab"?' in wrong.stderr


def test_a_second_process_waits_for_the_first_that_trains_the_same(tmp_path):
    import filelock

    from spot.training.loop import _alone
    from spot.training.slots import Reporter

    folder = tmp_path / "run"
    other = filelock.FileLock(tmp_path / "run.lock")
    other.acquire()
    said = []

    class Listener(Reporter):
        def say(self, text):
            said.append(text)
            other.release()

    with _alone(folder, Listener()), pytest.raises(filelock.Timeout):
        filelock.FileLock(tmp_path / "run.lock", timeout=0).acquire()
    assert said == [f"waiting for another process that trains in {folder}"]
    with _alone(folder, Reporter()):  # free again
        pass
