"""Predictions: they agree with the evaluation, and read texts from options or lines."""

from __future__ import annotations

import json

import pytest

from spot.commands.objects import lengths
from spot.prompts.files import find_prompt
from spot.serving.predicting import predict
from spot.serving.scoring import evaluate
from tests.lab import invoke, lines

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
