"""Weights of an ensemble's prompts: by validation scores and by similarity, and the command's options."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bank.entry import Backbone
from bank.formats import Facts
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.files import read_prompt, write_prompt
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.serving.ensemble import Ensemble
from spot.serving.predicting import predict
from spot.serving.weights import similarity_weights, validation_weights
from spot.tasks.task import Task
from tests.lab import invoke, lines

pytest_plugins = ("tests.lab",)

ROWS = [{"text": text, "label": "no"} for text in ("a red cat", "a hen")]
TASK = Task.from_rows("t", ROWS, ROWS, ROWS, labels=["no", "yes"])
TEXTS = ("a red cat is here", "a blue hen is there", "a white owl")


def scored(*scores):
    """Prompts whose facts have these validation scores."""
    return [
        dataclasses.replace(
            SoftPrompt.of(PREFIX, np.full((4, 16), seed + 1.0)),
            facts=Facts(scores={"validation": score} if score else {}),
        )
        for seed, score in enumerate(scores)
    ]


def test_weights_by_validation_are_points_above_guessing():
    names = ("a", "b", "c")
    plain = scored({"value": 80.0}, {"value": 62.5}, {"value": 40.0})
    assert validation_weights(plain, names, TASK) == (30.0, 12.5, 0.0)  # two words: 50 by chance
    known = scored(*({"value": value, "majority": 60.0} for value in (80.0, 62.5, 40.0)))
    assert validation_weights(known, names, TASK) == (20.0, 2.5, 0.0)
    mixed = [known[0], *plain[1:]]  # guessing is the same for all
    assert validation_weights(mixed, names, TASK) == (30.0, 12.5, 0.0)
    free = dataclasses.replace(TASK, scoring="generate", labels=())
    assert validation_weights(plain, names, free) == (80.0, 62.5, 40.0)
    with pytest.raises(SpotError, match="a validation score in the facts of b, found none"):
        validation_weights(scored({"value": 80.0}, None), ("a", "b"), TASK)
    with pytest.raises(SpotError, match="above that of guessing, found 50, 12"):
        validation_weights(scored({"value": 50.0}, {"value": 12.0}), ("a", "b"), TASK)


def test_weights_by_similarity_are_cosines_with_the_query(lab, tmp_path, tiny_backbone):
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    entries = [entry for entry in bank.entries() if entry.task in ("colour", "bird", "place")]
    with pytest.raises(SpotError, match="expected a query of house in .*, by which") as caught:
        similarity_weights(bank, entries, "house", tiny_backbone, "average")
    assert "spot search --target house" in caught.value.hint
    at = lab.objects()
    found = at.find(bank, "house")
    query = found.prompts[0].key.mean(axis=0)

    def cosine(entry):
        key = bank.prompts(entry).key.mean(axis=0)
        return float(key @ query / np.linalg.norm(key) / np.linalg.norm(query))

    weights = similarity_weights(bank, entries, "house", tiny_backbone, "average")
    assert weights == pytest.approx([max(0.0, cosine(entry)) for entry in entries], abs=1e-5)
    other = dataclasses.replace(tiny_backbone, identity=Backbone("another", "f" * 64))
    with pytest.raises(SpotError, match="expected a query of house"):
        similarity_weights(bank, entries, "house", other, "average")


def shares(done):
    assert done.exit_code == 0, done.stderr
    return [row["probabilities"] for row in lines(done.stdout)]


def test_the_command_answers_with_several_prompts(lab, tmp_path, tiny_backbone):
    done = lab.run("train", "--task", "house", "--out", "a.safetensors")
    assert done.exit_code == 0, done.stderr
    first = read_prompt("a.safetensors")
    moved = dataclasses.replace(first, arrays={n: -array for n, array in first.arrays.items()})
    better = {"validation": {"value": 90.0}}
    for name, prompt, scores in (
        ("a", first, {"validation": {"value": 60.0}}), ("b", moved, better),
    ):  # fmt: skip
        facts = dataclasses.replace(prompt.facts, scores=scores)
        write_prompt(tmp_path / f"{name}.safetensors", dataclasses.replace(prompt, facts=facts))
    two = ("--prompt", "a.safetensors", "--prompt", "b.safetensors")
    texts = [word for text in TEXTS for word in ("--text", text)]
    read = [read_prompt("a.safetensors"), read_prompt("b.safetensors")]

    def p(*given, **more):
        ensemble = Ensemble(read, *given)
        return [
            each.probabilities for each in predict(tiny_backbone, None, ensemble, TEXTS, **more)
        ]

    command = lab.arguments("predict", *two, *texts, "--json")
    run = lambda *words: invoke(*command, *words)  # noqa: E731
    assert shares(run()) == p()
    assert shares(run("--combine", "score")) == p("score")
    assert shares(run("--combine", "mean", "--weights", "3,1")) == p("mean", (3, 1))
    assert shares(run("--weights", "validation")) == p("vote", (10, 40))
    assert shares(run("--calibrate")) == p(calibrate=True)
    plain = invoke(*lab.arguments("predict", *two, *texts, "--margins"))
    expected = predict(tiny_backbone, None, Ensemble(read), TEXTS)
    assert plain.stdout.splitlines() == [
        f"{e.answer}\t{e.probabilities[e.answer]:.3f}\t{e.margin:.3f}\t{e.agreement:.3f}"
        for e in expected
    ]
    same = invoke(*lab.arguments("predict", *two[:2], *two[:2], *texts))
    assert "no disagreement, no gain: the 2 prompts gave equal answers to all rows" in same.stderr
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"text": t}) + "\n" for t in (*TEXTS, ""))
    )
    done = lab.run(
        "predict", *two, "--in", "in.jsonl", "--out", "out.jsonl", "--bad-rows", "bad.jsonl"
    )
    assert done.exit_code == 0, done.stderr
    assert "3 rows; new columns: label, p_no, p_yes, agreement" in done.stdout
    assert "1 row was skipped, with the reasons: bad.jsonl" in done.stdout
    assert "warning: skipped 1 of 4 rows, which are in bad.jsonl" in done.stderr
    refused = lab.run("predict", *two, *texts, "--weights", "similarity")
    assert refused.exit_code == 1
    assert (
        "expected entries of the bank, whose keys are compared, found the file a.saf"
        in refused.stderr
    )


def test_entries_are_weighted_by_similarity_to_the_task_that_they_answer(lab, tmp_path):
    bank = ("--bank", str(lab.copy(tmp_path / "bank")))
    two = (*bank, "--prompt", "colour", "--prompt", "place")
    command = ("predict", *two, "--task", "house", "--weights", "similarity", "--text", TEXTS[0])
    unknown = lab.run(*command)
    assert unknown.exit_code == 1 and "hint: search for it first: spot search" in unknown.stderr
    assert lab.run("search", *bank, "--target", "house").exit_code == 0
    done = lab.run(*command, "--json")
    assert done.exit_code == 0, done.stderr
    assert sum(lines(done.stdout)[0]["votes"].values()) == 2
    apart = lab.run("predict", *two, "--text", TEXTS[0])
    assert apart.exit_code == 1
    assert (
        "of one task in an ensemble, found the task colour of colour and place of place"
        in apart.stderr
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--combine", "mean"), "--combine and --weights go with two or more --prompt"),
        (("--prompt", "a", "--weights", "validation"), "go with two or more --prompt"),
        (("--prompt", "a", "--prompt", "b", "--weights", "1"), "of the 2 --prompt, found 1"),
        (("--prompt", "a", "--prompt", "b", "--weights", "best"), "commas as --weights, found best"),
        (("--prompt", "a", "--prompt", "b", "--combine", "votes"), "'votes' is not one of"),
        (("--bad-rows", "b.csv"), "--bad-rows goes with --in and --out"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_wrong_usage(lab, words, says):
    done = lab.run("predict", "--task", "house", *words)
    assert done.exit_code == 2 and says in done.stderr
