"""Templates, a text prompt and training examples, from a task to scores on a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spot.errors import SpotError
from spot.serving.predicting import predict
from spot.serving.scoring import evaluate, sweep_templates
from spot.tasks.catalog import DataSettings, find_task, find_templates
from spot.tasks.shots import mean_shots, with_few_shot
from spot.tasks.task import without_template
from spot.tasks.tokens import Lengths, token_count, tokens
from spot.training.source import data_fingerprint


@pytest.fixture
def films(tmp_path):
    """A function: data settings -> sst2 of a local folder."""
    (tmp_path / "sst2").mkdir()
    for split, count in (("train", 30), ("validation", 12), ("test", 8)):
        rows = [
            {"sentence": f"{split} {'good' if i % 2 else 'bad'} {i}", "label": i % 2}
            for i in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "sst2" / f"{split}.jsonl").write_text(text)

    def task(**settings):
        return find_task("sst2", DataSettings(**{"dir": tmp_path, **settings}))

    return task


def texts(task, model, limit=128, split="test"):
    shown = with_few_shot(task, token_count(model.vocabulary), limit)
    return [example.inputs for example in shown.read(split)]


def test_examples_of_train_stand_in_front_of_every_text_and_fit(films, tiny_backbone, caplog):
    vocabulary = tiny_backbone.vocabulary
    plain = texts(films(), tiny_backbone)
    assert plain[0] == "sst2 sentence: test bad 0"
    assert "train" not in "".join(plain)
    task = films(shots=3, text="Judge.")
    for text, alone in zip(texts(task, tiny_backbone, 400), plain, strict=True):
        assert text.startswith("Judge.\n\nsst2 sentence: train") and text.endswith(alone)
        assert text.count("sentence: train") == 3 and "validation" not in text
    assert not caplog.records
    one = len(vocabulary.encode(texts(films(shots=1), tiny_backbone)[0]))
    rows = tokens(films(shots=3), "test", vocabulary, Lengths(one + 8, 16))
    assert rows.truncated == 0 and rows.inputs.lengths().max() <= one + 8
    assert "of 3 examples asked for" in caplog.text


def test_the_examples_that_fit_are_counted(films, tiny_backbone):
    for task, limit, few in (
        (films(shots=3), 400, False),
        (films(shots=3, text="Judge."), 70, True),
    ):
        counts = [text.count("sentence: train") for text in texts(task, tiny_backbone, limit)]
        mean = mean_shots(task, "test", token_count(tiny_backbone.vocabulary), limit)
        assert mean == sum(counts) / len(counts) and (mean < 3) == few


def test_wording_changes_the_recipe_and_the_data(films):
    base = films()
    for settings in ({"shots": 2}, {"text": "Judge."}, {"template": "flan"}, {"list_labels": True}):
        task = films(**settings)
        assert data_fingerprint(task) != data_fingerprint(base), settings
        assert task.wording == settings
    seeds = [films(shots=2, shot_seed=seed) for seed in (0, 1)]
    assert data_fingerprint(seeds[0]) != data_fingerprint(seeds[1])
    assert films(shots=0, template="t5").wording == base.wording == {}


def test_a_text_to_predict_stands_behind_the_same_examples(films, tiny_backbone):
    task = films(shots=2)
    (whole, *_) = texts(task, tiny_backbone, 400)

    def answer(task, text):
        (prediction,) = predict(tiny_backbone, task, None, [text], input_length=400)
        return prediction.probabilities

    alone = answer(films(), "test bad 0")
    assert answer(task, "test bad 0") == answer(without_template(films()), whole) != alone


def test_every_template_is_scored_on_validation_and_the_best_one_on_test(
    films, tiny_backbone, tmp_path
):
    tasks = find_templates("sst2", DataSettings(tmp_path, template="gpt3"))
    assert list(tasks) == ["t5", "flan", "gpt3"]
    sweep = sweep_templates(tiny_backbone, tasks, None, "test", input_length=200)
    by_hand = {
        name: evaluate(tiny_backbone, task, None, "validation", input_length=200)
        for name, task in tasks.items()
    }
    assert sweep.validation == by_hand
    assert by_hand[sweep.best].value == max(score.value for score in by_hand.values())
    assert sweep.result == evaluate(
        tiny_backbone, tasks[sweep.best], None, "test", input_length=200
    )
    assert (sweep.result.n, sweep.validation["t5"].n) == (8, 12)


def test_validation_decides_and_not_test(films, tiny_backbone):
    """The template that is best on test, and not on validation, is not chosen."""
    flipped = films(template="flan")
    bare = evaluate(tiny_backbone, flipped, None, "validation")

    def answered(split, right):
        """The split with the answers that the bare model gives, or with the others."""
        score = evaluate(tiny_backbone, flipped, None, split)
        for example, guess in zip(flipped.read(split), score.predictions, strict=True):
            label = flipped.labels.index(guess)
            label = label if right else 1 - label
            yield replace(example, label=label, targets=flipped.labels[label])

    def task(name, best_split):
        return replace(
            flipped,
            read=lambda split: answered(split, split == best_split),
            fingerprint=lambda: name,
        )

    tasks = {"test": task("test", "test"), "validation": task("validation", "validation")}
    sweep = sweep_templates(tiny_backbone, tasks, None, "test")
    assert sweep.best == "validation" and sweep.result.value == 0.0
    assert [sweep.validation[name].value for name in tasks] == [0.0, 100.0]
    assert bare.n == 12


def test_the_command_prints_each_template_and_the_chosen_ones_score(films, tiny_folder, tmp_path):
    from tests.lab import invoke

    done = invoke(
        "eval", "--task", "sst2", "--templates", "--json", "--set", f"data.dir={tmp_path}",
        "--set", f"model.name={tiny_folder}", "--set", "data.input_length=200",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["template"] for line in lines if "template" in line] == ["t5", "flan", "gpt3"]
    assert lines[3]["split"] == "test" and lines[3]["n"] == 8


def test_a_task_of_one_template_has_nothing_to_choose():
    with pytest.raises(SpotError, match='task "mini_news": expected several templates'):
        find_templates("mini_news", DataSettings())


def test_a_sources_data_is_fetched_before_it_is_missed(films, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(SpotError, match="huggingface-hub is not installed"):
        films(source="hf", hf_dir=tmp_path / "hub")
