"""The benchmark of ensembles, on a toy task: its numbers are those of single calls, and it resumes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import spot
from benchmarks import ensembles
from spot.training import new_slot, source_of
from spot.verdicts import Sample

pytest_plugins = ("tests.lab",)


def test_the_table_has_the_scores_of_single_calls(lab, tmp_path, capsys, monkeypatch):
    at = lab.objects(runs=tmp_path / "runs")
    monkeypatch.setattr(ensembles, "load_config", lambda path: at.config)
    given = [str(lab.file), "house", "colour", "--seeds", "0,1,2"]
    ensembles.main(given)
    first = capsys.readouterr().out
    records = json.loads((tmp_path / "runs" / "ensembles.json").read_text())
    assert [record["task"] for record in records] == ["house", "colour"]
    house, task = records[0], at.task("house")
    rows = source_of(task, at.model, at.recipe)
    slots = [new_slot(at.model, rows, at.recipe, seed, None) for seed in range(3)]
    prompts = [
        each.value for each in at.runs.train_prompts(at.model, slots, at.recipe, title="house")
    ]
    sizes = {"input_length": 16, "target_length": 8}
    alone = [spot.evaluate(at.model, task, prompt, **sizes) for prompt in prompts]
    assert house["test"] == pytest.approx([each.value for each in alone])
    assert house["best"] == house["test"][int(np.argmax(house["validation"]))]
    texts, gold = zip(*((row.inputs, row.targets) for row in task.read("test")), strict=True)
    for way in ("vote", "mean", "score"):
        found = spot.predict(at.model, task, spot.Ensemble(prompts, way), texts, **sizes)
        right = 100 * np.mean([f.answer == g for f, g in zip(found, gold, strict=True)])
        score, low, high = house["ensemble"][way]
        assert score == pytest.approx(right) and low <= score <= high
        assert house["over_best"][way][0] == pytest.approx(score - house["best"])
        assert house["over_average"][way][0] == pytest.approx(score - np.mean(house["test"]))
    ensembles.main(given)  # everything is found
    again = capsys.readouterr().out
    assert again.split("\n\n")[1:] == first.split("\n\n")[1:]
    assert json.loads((tmp_path / "runs" / "ensembles.json").read_text()) == records
    assert len(first.split("\n\n")[1].splitlines()) == 4  # a head, a rule, and a line a task


def test_tasks_without_label_words_and_single_seeds_are_refused(lab, monkeypatch, capsys):
    monkeypatch.setattr(ensembles, "load_config", lambda path: lab.config())
    for words, says in (
        (["animal"], "expected tasks with label words, found animal"),
        (["house", "--seeds", "1,1"], "expected two or more seeds"),
    ):
        with pytest.raises(SystemExit):
            ensembles.main([str(Path("c.toml")), *words])
        assert says in capsys.readouterr().err


def test_a_verdict_says_when_all_are_at_chance():
    def sample(*right):
        rows = np.array([right], bool)
        drawn = rows[:, np.random.default_rng(0).integers(0, len(right), (200, len(right)))]
        return Sample(100 * rows.mean(1), 100 * drawn.mean(2), rows)

    half, most, all_ = ([1, 0] * 100, [1, 1, 1, 0] * 50, [1] * 200)
    floors = [ensembles.Reference("always answering", sample(*half))]
    at_chance = ensembles.verdict("accuracy", 200, sample(*half), sample(*half), floors)
    assert "chance" in at_chance
    better = ensembles.verdict("accuracy", 200, sample(*all_), sample(*most), floors)
    assert better.startswith("the vote is better than the best prompt: +25.0 points")
    equal = ensembles.verdict("accuracy", 200, sample(*most), sample(*most), floors)
    assert equal.startswith("no difference that 200 rows can show: the vote +0.0 points")
