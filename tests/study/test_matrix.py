"""Prompts on tasks: each number against `spot.evaluate`, sums by hand, or a slow obvious version."""

from __future__ import annotations

import json
import statistics
import zlib
from dataclasses import replace

import numpy as np
import pytest

import spot
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.stored import value_of
from spot.report.matrix import details, markdown, overview
from spot.report.pages.reading import read
from spot.study.cross_tasks import matrix
from spot.study.matrix_cells import BARE, Gap, SourcePrompts, TaskMatrix, judge_shift
from spot.tasks.task import Task
from spot.training import runs as runs_module
from tests.lab import invoke, lines

pytest_plugins = ("tests.lab",)

SPLITS = ("train", "validation", "test")


class Wilful:
    """The tiny model, but for its scores: they are drawn by text, prompt and label word, so that prompts
    differ from each other on every row, as those of a tiny model do not.
    """

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def score(self, inputs, labels, prompt=None, normalisation="sum"):
        front = b"" if prompt is None else np.asarray(prompt.key).tobytes()
        return np.array(
            [
                [zlib.crc32(front + inputs[row].tobytes() + bytes(word)) for word in labels]
                for row in range(len(inputs))
            ],
            float,
        )


@pytest.fixture
def at(lab, tmp_path):
    """The lab's objects, with runs of the test's own, and a model of varied answers."""
    objects = lab.objects(bank=lab.bank, runs=tmp_path / "runs")
    objects.model = Wilful(objects.model)
    return objects


@pytest.fixture
def prompts(lab):
    """The values of the lab's bank by task."""
    bank = Bank.open(lab.bank)
    return {entry.task: value_of(bank, entry) for entry in bank.entries()}


def row(at, prompts, name, seeds=(0,)):
    """A row of a matrix; its prompts are the entry's, changed a little by seed."""

    def seeded(seed):
        prompt = prompts[name]
        arrays = {key: value + 0.4 * seed for key, value in prompt.arrays.items()}
        return replace(prompt, arrays=arrays, facts=replace(prompt.facts, seed=seed))

    return SourcePrompts(name, tuple(map(seeded, seeds)), at.task(name))


def domain(task, name="other", labels=("no", "yes"), column="text", flip=False, **more):
    """A task of the same rows, perhaps with inverted labels, under other names."""
    rows = {
        split: [
            {column: e.inputs, "label": labels[1 - e.label if flip else e.label]}
            for e in task.read(split)
        ]
        for split in SPLITS
    }
    inputs = more.pop("inputs", f"{{{column}}}")
    return Task.from_rows(name, *rows.values(), inputs=inputs, labels=list(labels), **more)


def scores(at, tasks, rows, **more):
    """The matrix with the lab's lengths and folder."""
    lengths = {"input_length": 16, "target_length": 8}
    return matrix(at.model, tasks, rows, runs=at.runs, **lengths, **more)


def test_a_task_and_its_own_prompt_are_what_spot_eval_says(at, prompts):
    task = domain(at.task("house"), metrics=["accuracy", "f1"])
    source = replace(row(at, prompts, "colour"), task=task, name="other")
    found = scores(at, [task], [source])
    for name, prompt in ((BARE, None), ("other", source.prompts[0])):
        alone = spot.evaluate(at.model, task, prompt, input_length=16, target_length=8)
        cell = found.cell(name, "other")
        assert (cell.value.mean, cell.n) == (alone.value, alone.n)
        assert {key: score.mean for key, score in cell.metrics.items()} == alone.metrics
        bounds = {key: (score.low, score.high) for key, score in cell.metrics.items()}
        assert bounds == alone.intervals
        assert cell.verdict.kind == alone.verdict.kind and cell.wording == "own words"
    assert found.cell("other", "other").in_domain and found.verdict is None


def test_inverted_labels_score_what_is_left_of_100(at, prompts):
    task = at.task("house")
    tasks = [domain(task, "as_it_is"), domain(task, "inverted", flip=True)]
    found = scores(at, tasks, [row(at, prompts, "colour"), row(at, prompts, "bird")])
    for name in (BARE, "colour", "bird"):
        right, wrong = (found.cell(name, task.name).value.mean for task in tasks)
        assert right + wrong == pytest.approx(100, abs=1e-9)
    assert len({cell.value.mean for cell in found.cells}) > 3  # else all answer alike


def test_words_by_index_give_the_numbers_of_the_same_words(at, prompts):
    task = at.task("house")
    same = domain(task, "same")
    renamed = domain(
        task, "renamed", labels=("white", "red"), column="said", inputs="a fox: {said}"
    )
    rows = [row(at, prompts, name) for name in ("colour", "bird", "place")]
    found = scores(at, [same, renamed], rows)
    for name in found.sources:
        alike, other = found.cell(name, "same"), found.cell(name, "renamed")
        assert other.wording == "text of the source, label words of the source by index"
        assert (alike.wording, alike.value.mean) == ("own words", other.value.mean)
        assert (alike.value.low, alike.value.high) == (other.value.low, other.value.high)
    # Inverted words would show: 100 less the score is another score.
    assert any(found.cell(name, "same").value.mean != 50 for name in found.sources)
    own = scores(at, [renamed], [row(at, prompts, "colour")], wording="own")
    own_words = spot.evaluate(
        at.model, renamed, prompts["colour"], input_length=16, target_length=8
    )
    assert own.cell("colour", "renamed").value.mean == own_words.value
    assert own.cell("colour", "renamed").wording == "own words"


def test_another_number_of_classes_is_a_gap_with_a_name(at, prompts):
    rows = [{"text": f"a red cat {n}", "label": "abc"[n % 3]} for n in range(9)]
    three = Task.from_rows("three", rows[:3], rows[3:6], rows[6:], labels=["a", "b", "c"])
    found = scores(at, [at.task("house"), three], [row(at, prompts, "colour")])
    assert found.gaps == (Gap("colour", "three", "2 classes against 3"),)
    assert found.cell("colour", "three") is None and found.cell(BARE, "three").n == 3
    assert "- not comparable: colour on three, 2 classes against 3" in markdown(found)
    with pytest.raises(
        SpotError, match="found none: colour on three, 2 classes against 3"
    ) as error:
        scores(at, [three], [row(at, prompts, "colour")])
    assert "--wording own" in error.value.hint


def test_the_best_constant_answer_of_each_metric_by_hand(at, prompts):
    task = domain(at.task("house"), metrics=["f1", "accuracy"])
    positive = sum(e.label for e in task.read("test"))
    total = task.rows("test")
    share = positive / total
    expected = {"f1": 100 * 2 * share / (1 + share), "accuracy": 100 * max(share, 1 - share)}
    cell = scores(at, [task], [row(at, prompts, "colour")]).cell("colour", "other")
    found = {name: score.constant for name, score in cell.metrics.items()}
    assert list(found) == ["f1", "accuracy"] and found == pytest.approx(expected, abs=1e-9)
    assert cell.metrics["f1"].answer == "yes"
    # One answer has both: "no" has an F1 of 0.
    both = max(
        (expected["f1"] + 100 * share) / 2,
        100 * (1 - share) / 2,
    )
    assert cell.value.constant == pytest.approx(both, abs=1e-9)


def test_mean_and_deviation_over_seeds_by_hand(at, prompts):
    source = row(at, prompts, "colour", seeds=(0, 1, 2))
    task = at.task("bird")
    cell = scores(at, [task], [source]).cell("colour", "bird")
    alone = [
        spot.evaluate(at.model, task, prompt, input_length=16, target_length=8).value
        for prompt in source.prompts
    ]
    assert len(set(alone)) > 1  # else nothing is shown
    assert [seed.value for seed in cell.seeds] == alone and [s.seed for s in cell.seeds] == [
        0,
        1,
        2,
    ]
    assert cell.value.mean == pytest.approx(sum(alone) / 3, abs=1e-9)
    assert cell.value.deviation == pytest.approx(statistics.stdev(alone), abs=1e-9)
    assert f"{sum(alone) / 3:.1f} ± {statistics.stdev(alone):.1f}" in "".join(
        map(str, overview(scores(at, [task], [source]))[1])
    )


def slow_interval(right, other, seed=0):
    """The paired bootstrap interval of a difference of accuracies, row by row."""
    rng, count = np.random.default_rng([seed, 31]), len(right)
    gains = []
    for _ in range(1000):
        drawn = rng.integers(0, count, count)
        gains.append(100 * sum(int(right[r]) - int(other[r]) for r in drawn) / count)
    return tuple(np.quantile(gains, [0.025, 0.975]))


def test_differences_are_paired_by_row(at, prompts):
    task = at.task("bird")
    gold = [task.labels[e.label] for e in task.read("test")]
    rows = [row(at, prompts, "colour"), row(at, prompts, "bird")]
    found = scores(at, [task], rows)

    def right(prompt):
        each = spot.evaluate(at.model, task, prompt, input_length=16, target_length=8)
        return [answer == word for answer, word in zip(each.predictions, gold, strict=True)]

    ours, own, bare = (right(p) for p in (rows[0].prompts[0], rows[1].prompts[0], None))
    assert ours != own and ours != bare
    cell = found.cell("colour", "bird")
    for gain, other in ((cell.over_bare, bare), (cell.over_own, own)):
        assert gain.mean == pytest.approx(100 * (sum(ours) - sum(other)) / len(gold), abs=1e-9)
        assert (gain.low, gain.high) == pytest.approx(slow_interval(ours, other), abs=1e-9)
    assert (
        found.cell("bird", "bird").over_own is None and found.cell(BARE, "bird").over_bare is None
    )


def test_seeds_that_both_have_are_paired(at, prompts):
    ours = row(at, prompts, "colour", seeds=(0, 1, 2))
    own = row(at, prompts, "bird", seeds=(2, 0))
    found = scores(at, [at.task("bird")], [ours, own])
    a = {seed.seed: seed.value for seed in found.cell("colour", "bird").seeds}
    b = {seed.seed: seed.value for seed in found.cell("bird", "bird").seeds}
    expected = statistics.fmean(a[seed] - b[seed] for seed in (0, 2))
    assert found.cell("colour", "bird").over_own.mean == pytest.approx(expected, abs=1e-9)
    apart = row(at, prompts, "bird", seeds=(5, 6))
    assert scores(at, [at.task("bird")], [ours, apart]).cell("colour", "bird").over_own is None


def test_finished_scores_are_found_again(at, prompts, monkeypatch):
    calls = []
    plain = runs_module.evaluate

    def counted(*arguments, **more):
        calls.append(arguments[2].name)
        return plain(*arguments, **more)

    monkeypatch.setattr(runs_module, "evaluate", counted)
    tasks = [at.task("bird"), at.task("house")]
    rows = [row(at, prompts, "colour", seeds=(0, 1)), row(at, prompts, "bird")]
    first = scores(at, tasks[:1], rows)
    assert len(calls) == 4  # the bare model, two seeds, one seed
    both = scores(at, tasks, rows)
    assert calls[4:] == ["house"] * 4
    assert both.cell("colour", "bird").to_json() == first.cell("colour", "bird").to_json()
    scores(at, tasks, rows)
    assert len(calls) == 8


def test_a_sample_of_rows_is_the_same_for_all(at, prompts):
    found = scores(at, [at.task("bird")], [row(at, prompts, "colour")], examples=5)
    assert {cell.n for cell in found.cells} == {5}
    validation = scores(at, [at.task("bird")], [row(at, prompts, "colour")], split="validation")
    assert validation.cell(BARE, "bird").n == 12 and "validation rows" in markdown(validation)


def test_a_verdict_says_how_many_cells_are_above_chance(at, prompts):
    cell = scores(at, [at.task("bird")], [row(at, prompts, "colour")]).cell("colour", "bird")
    good = replace(cell, verdict=replace(cell.verdict, kind="above chance"))
    poor = replace(cell, verdict=replace(cell.verdict, kind="too few rows"))
    assert judge_shift([good, good]).kind == "above chance"
    mixed = judge_shift([good, poor])
    assert mixed.kind == "mixed" and mixed.numbers["too_few"] == 1
    assert (
        "1 of 2 cells on other tasks than the prompt's own is above chance, 1 has too few rows"
        in (mixed.sentence)
    )
    assert judge_shift([poor]).kind == "at chance" and judge_shift([]) is None
    worse = replace(cell.over_bare, mean=-20.0, low=-30.0, high=-10.0)
    assert (
        "0 better and 1 worse than no prompt"
        in judge_shift([replace(good, over_bare=worse)]).sentence
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "expected prompts for a matrix, found none"),
        (
            ("colour", "colour"),
            'expected prompts of different names, found "colour" more than once',
        ),
    ],
)
def test_rows_that_cannot_be_a_matrix_are_refused(at, prompts, rows, message):
    with pytest.raises(SpotError, match=message):
        scores(at, [at.task("bird")], [row(at, prompts, name) for name in rows])


def test_names_and_models_are_checked_first(at, prompts):
    good = row(at, prompts, "colour")
    with pytest.raises(SpotError, match="expected tasks for a matrix, found none"):
        scores(at, [], [good])
    with pytest.raises(SpotError, match='expected another name for prompts than "no prompt"'):
        scores(at, [at.task("bird")], [replace(good, name=BARE)])
    with pytest.raises(SpotError, match="colour: expected prompts, found none"):
        scores(at, [at.task("bird")], [replace(good, prompts=())])
    other = replace(good.prompts[0].facts.model, fingerprint="0" * 64)
    foreign = replace(good.prompts[0], facts=replace(good.prompts[0].facts, model=other))
    with pytest.raises(SpotError, match="colour was trained on"):
        scores(at, [at.task("bird")], [replace(good, prompts=(foreign,))])


def test_the_command_from_a_bank_to_a_page(lab, tmp_path, no_training):
    arguments = (
        "--bank",
        str(lab.bank),
        "--entries",
        "colour,bird",
        "--tasks",
        "bird,house,colour",
    )
    sets = (f"runs={tmp_path / 'runs'}",)
    planned = lab.run("matrix", *arguments, "--dry-run", sets=sets)
    assert "9 scorings, 0 found; 144 rows would be scored, nothing is trained" in planned.stdout
    out = tmp_path / "shift"
    done = lab.run("matrix", *arguments, "--out", str(out), "--json", sets=sets)
    assert done.exit_code == 0, done.stderr
    records = lines(done.stdout)
    cells = [record for record in records if record.get("what") == "cell"]
    assert [(c["source"], c["task"]) for c in cells[:3]] == [
        (BARE, "bird"), ("bird", "bird"), ("colour", "bird")
    ]  # fmt: skip
    assert len(cells) == 9 and cells[0]["value"]["constant"] > 0
    alone = lab.run(
        "eval",
        "--task",
        "house",
        "--prompt",
        "colour",
        "--bank",
        str(lab.bank),
        "--json",
        sets=sets,
    )
    there = next(c for c in cells if (c["source"], c["task"]) == ("colour", "house"))
    assert there["value"]["mean"] == lines(alone.stdout)[0]["value"]
    names = {
        "matrix.json",
        "matrix.md",
        "matrix.png",
        "matrix.svg",
        "config.json",
        "provenance.json",
    }
    assert {path.name for path in out.iterdir()} == names
    stored = read(out / "matrix.json", TaskMatrix, "spot matrix")
    assert [cell.to_json() for cell in stored.cells] == json.loads(
        (out / "matrix.json").read_text()
    )["cells"]
    shown = lab.run("matrix", *arguments, sets=sets)
    assert "found: 9 of 9 scorings (finished before)" in shown.stderr
    titles, rows = details(stored, "house")
    assert titles[1] == "accuracy " and [each[0] for each in rows] == [
        "best constant answer", BARE, "bird", "colour"
    ]  # fmt: skip
    assert all(each[1] in shown.stdout for each in rows)
    assert "on other tasks than the prompt's own" in shown.stdout
    page = spot.report_page(out)
    assert "Prompts of 2 sources on 3 tasks" in page and "best constant answer" in page
    (out / "matrix.json").write_text('{"sources": 3}')
    with pytest.raises(SpotError, match="expected the results of spot matrix"):
        spot.report_page(out)


def test_prompt_files_are_rows_by_their_facts(lab, at, prompts, tmp_path):
    source = row(at, prompts, "colour", seeds=(0, 1))
    from spot.prompts.facts import task_facts

    files = []
    for seed, prompt in enumerate(source.prompts):
        facts = replace(prompt.facts, **task_facts(at.task("colour")))
        files.append(tmp_path / f"p{seed}.safetensors")
        spot.write_prompt(files[-1], replace(prompt, facts=facts))
    bare = tmp_path / "bare.npy"
    np.save(bare, source.prompts[0].key)
    options = [word for file in (*files, bare) for word in ("--prompts", str(file))]
    sets = (f"runs={tmp_path / 'runs'}",)
    done = lab.run("matrix", *options, "--json", sets=sets)
    assert done.exit_code == 0, done.stderr
    cells = [record for record in lines(done.stdout) if record.get("what") == "cell"]
    assert [(c["source"], c["task"], len(c["seeds"])) for c in cells] == [
        (BARE, "colour", 1), ("colour", "colour", 2), (str(bare), "colour", 1)
    ]  # fmt: skip
    assert cells[1]["seeds"][0]["value"] == cells[2]["value"]["mean"]
    nothing = lab.run("matrix", "--prompts", str(bare), sets=sets)
    assert nothing.exit_code == 1
    assert (
        "expected tasks to score on, found none that the prompts were trained on" in nothing.stderr
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--entries", "colur"), 'no entry "colur" in'),
        (("--entries", "colur"), 'Did you mean "colour"?'),
        (
            ("--entries", "colour", "--tasks", "hous"),
            'expected the name of a task, found "hous". Did you',
        ),
        (
            ("--entries", "colour", "--tasks", "animal"),
            "found none: colour on animal, answers of colour",
        ),
    ],
)
def test_mistakes_in_names_are_named(lab, tmp_path, options, message):
    done = lab.run("matrix", "--bank", str(lab.bank), *options, sets=(f"runs={tmp_path / 'r'}",))
    assert done.exit_code == 1 and message in done.stderr.replace("\n", " ")


def test_the_embedded_model_runs_it_without_a_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ("prompt.length=2", "train.steps=2", "train.key_step=1", "train.check_every=1",
             "data.validation_examples=8", "data.train_examples=16")  # fmt: skip
    sets = [word for one in small for word in ("--set", one)]
    built = invoke("build-bank", "--set", 'bank.sources=["mini_qqp","mini_imdb"]', *sets)
    assert built.exit_code == 0, built.stderr
    done = invoke("matrix", "--tasks", "mini_mrpc,mini_news", "--rows", "8", "--json", *sets)
    assert done.exit_code == 0, done.stderr
    records = lines(done.stdout)
    gaps = [record for record in records if record.get("what") == "gap"]
    assert {(gap["source"], gap["reason"]) for gap in gaps} == {
        ("mini_imdb", "2 classes against 4"), ("mini_qqp", "2 classes against 4")
    }  # fmt: skip
    words = {r["source"]: r["wording"] for r in records if r.get("task") == "mini_mrpc"}
    assert words["mini_qqp"] == "text of the source, label words of the source by index"
    assert words["mini_imdb"] == "own text, label words of the source by index"
