"""Templates, a text prompt and training examples, from the config to scores on a tiny model."""

from __future__ import annotations

import json

import pytest

from spot.config import key_recipe, load_config
from spot.errors import SpotError
from spot.serving.single import evaluate_one, predict_texts, sweep_templates
from spot.training.data import data_fingerprint, designed, find_task, shots_fitting, tokens


@pytest.fixture
def films(tmp_path, tiny_folder):
    """A function: settings -> a config with sst2 in a local folder and the tiny model."""
    (tmp_path / "sst2").mkdir()
    for split, count in (("train", 30), ("validation", 12), ("test", 8)):
        rows = [
            {"sentence": f"{split} {'good' if i % 2 else 'bad'} {i}", "label": i % 2}
            for i in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "sst2" / f"{split}.jsonl").write_text(text)

    def config(*settings):
        return load_config(None, [f"data.dir={tmp_path}", f"model.name={tiny_folder}", *settings])

    return config


def texts(config, backbone, split="test"):
    definition = designed(find_task("sst2", config), config, backbone.vocabulary)
    return [example.inputs for example in definition.read(split)]


def test_examples_of_train_stand_in_front_of_every_text_and_fit(films, tiny_backbone, caplog):
    vocabulary = tiny_backbone.vocabulary
    plain = texts(films(), tiny_backbone)
    assert plain[0] == "sst2 sentence: test bad 0"
    assert "train" not in "".join(plain)
    config = films("data.shots=3", "data.text=Judge.", "data.input_length=400")
    for text, alone in zip(texts(config, tiny_backbone), plain, strict=True):
        assert text.startswith("Judge.\n\nsst2 sentence: train") and text.endswith(alone)
        assert text.count("sentence: train") == 3 and "validation" not in text
    assert not caplog.records
    one = len(vocabulary.encode(texts(films("data.shots=1"), tiny_backbone)[0]))
    short = films("data.shots=3", f"data.input_length={one + 8}")
    rows = tokens(find_task("sst2", short), "test", short, vocabulary)
    assert rows.truncated == 0 and rows.inputs.lengths().max() <= one + 8
    assert "of 3 examples asked for" in caplog.text


def test_the_examples_that_fit_are_counted(films, tiny_backbone):
    room, tight = ("data.input_length=400",), ("data.text=Judge.", "data.input_length=70")
    for settings, few in ((room, False), (tight, True)):
        config = films("data.shots=3", *settings)
        counted = [text.count("sentence: train") for text in texts(config, tiny_backbone)]
        definition = find_task("sst2", config)
        found = shots_fitting(definition, "test", config, tiny_backbone.vocabulary)
        assert found == sum(counted) / len(counted) and (found < 3) == few
    assert shots_fitting(find_task("sst2", films()), "test", films(), None) == 0


def test_what_stands_in_front_changes_scores_keys_and_data(films, tiny_backbone):
    base = films()
    for name in ("data.shots=2", "data.text=Judge.", "data.template=flan"):
        other = films(name, "data.input_length=128")
        assert data_fingerprint("sst2", other) != data_fingerprint("sst2", base), name
        assert key_recipe(other) != key_recipe(base), name
    seeds = [films("data.shots=2", f"data.shot_seed={seed}") for seed in (0, 1)]
    assert data_fingerprint("sst2", seeds[0]) != data_fingerprint("sst2", seeds[1])
    assert key_recipe(films("data.shots=0", "data.template=t5")) == key_recipe(base)


def test_a_text_to_predict_stands_behind_the_same_examples(films, tiny_backbone):
    config = films("data.shots=2", "data.input_length=400")
    whole = texts(config, tiny_backbone)[0]
    given = predict_texts("sst2", ["sst2 sentence: test bad 0"], None, config, tiny_backbone)
    by_hand = predict_texts("sst2", [whole], None, films("data.input_length=400"), tiny_backbone)
    assert given[0].probabilities == by_hand[0].probabilities
    alone = predict_texts("sst2", ["sst2 sentence: test bad 0"], None, films(), tiny_backbone)
    assert given[0].probabilities != alone[0].probabilities


def test_every_template_is_scored_on_validation_and_the_best_one_on_test(films, tiny_backbone):
    config = films("data.input_length=200")
    sweep = sweep_templates("sst2", "test", None, config, tiny_backbone)
    by_hand = {
        name: evaluate_one(
            "sst2", "validation", None, films(f"data.template={name}", "data.input_length=200"),
            tiny_backbone,
        )
        for name in ("t5", "flan", "gpt3")
    }  # fmt: skip
    assert sweep.validation == by_hand
    assert by_hand[sweep.best].value == max(one.value for one in by_hand.values())
    chosen = films(f"data.templates.sst2={sweep.best}", "data.input_length=200")
    assert sweep.result == evaluate_one("sst2", "test", None, chosen, tiny_backbone)
    assert (sweep.result.n, sweep.validation["t5"].n) == (8, 12)


def test_validation_decides_and_not_test(films, tiny_backbone, monkeypatch):
    from spot.training.evaluate import Evaluation

    values = {("t5", "validation"): 1.0, ("flan", "validation"): 3.0, ("gpt3", "validation"): 2.0,
              ("flan", "test"): 0.0}  # fmt: skip

    def score(name, split, prompt, config, backbone):
        value = values[config.data.templates["sst2"], split]
        return Evaluation(value, {"accuracy": value}, 1, ())

    monkeypatch.setattr("spot.serving.single.evaluate_one", score)
    sweep = sweep_templates("sst2", "test", None, films(), tiny_backbone)
    assert (sweep.best, sweep.result.value) == ("flan", 0.0)


def test_the_command_prints_each_template_and_the_chosen_ones_score(films, tiny_folder, tmp_path):
    from tests.lab import invoke

    done = invoke(
        "eval", "--task", "sst2", "--templates", "--json", "--set", f"data.dir={tmp_path}",
        "--set", f"model.name={tiny_folder}", "--set", "data.input_length=200",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("template") for line in lines] == ["t5", "flan", "gpt3", None]
    assert lines[-1]["split"] == "test" and lines[-1]["n"] == 8


def test_a_task_of_one_template_has_nothing_to_choose(films, tiny_backbone):
    with pytest.raises(SpotError, match='task "mini_news": expected several templates'):
        sweep_templates("mini_news", "test", None, films(), tiny_backbone)


def test_a_sources_data_is_fetched_before_it_is_missed(films, monkeypatch, tmp_path):
    config = films("data.source=hf", f"data.hf_dir={tmp_path}/hub")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(SpotError, match="huggingface-hub is not installed"):
        find_task("sst2", config)
