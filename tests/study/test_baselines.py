"""The table of baselines: every row against the command that does that one thing, kills, mistakes."""

from __future__ import annotations

import shlex
import statistics
import string
from dataclasses import replace

import numpy as np
import pytest

import spot
from bank.formats import read_prompt_file
from spot.commands.objects import lengths
from spot.errors import SpotError
from spot.models.model import load, load_model
from spot.prompts.files import write_prompt
from spot.serving.scoring import evaluate
from spot.study.methods import tuning
from spot.training import runs
from spot.training.build import train_prompt
from spot.training.slots import Reporter
from spot.training.tune import tune
from tests.lab import lines
from tests.toys import model_settings, random_arrays, tiny_decoder, write_model, write_tokenizer

pytest_plugins = ("tests.lab",)

DESIGN = ('data.text="a red cat"', "data.shots=2", "data.input_length=160")
SETS = ("transfer.steps=5", "train.slots=1", "tuning.learning_rates=[0.05]")


@pytest.fixture(scope="module")
def decoder_folder(tmp_path_factory):
    """A toy decoder that reads the toy tasks letter by letter."""
    pytest.importorskip("tokenizers", reason="the extra decoders is not installed")
    config = tiny_decoder(context=256)
    folder = tmp_path_factory.mktemp("decoder") / "model"
    write_model(folder, config, random_arrays(config))
    write_tokenizer(folder, letters=f"{string.ascii_lowercase}Ċ")
    return folder


@pytest.fixture(params=["t5", "decoder"])
def model(request, tiny_folder):
    """The folder of a toy model of each kind."""
    return tiny_folder if request.param == "t5" else request.getfixturevalue("decoder_folder")


def same(trial, score):
    """Compare the scores of a run in the JSON table with an evaluation."""
    return (trial["test"], trial["metrics"]) == (score.value, score.metrics)


def test_every_row_is_what_the_functions_of_one_thing_give(lab, tmp_path, model):
    sets = (*SETS, *DESIGN, f"model.name={model}")
    done = lab.run("baselines", "--target", "house", "--json", sets=sets)
    assert done.exit_code == 0, done.stderr
    *rows, used = lines(done.stdout)
    zero, few, prompt, tuned = [row for row in rows if row.get("parameters")][:4]
    page = spot.report_page(shlex.split(rows[-1]["report"])[2])  # of the folder that is named
    assert all(f"{row['test']:.2f}</data>" in page for row in (zero, few, prompt, tuned))
    loaded = load(model_settings(model))

    def objects(*more):
        return lab.objects(*SETS, "train.steps=5", *more, runs=tmp_path / "x")

    def score(at, prompt=None, model=loaded):
        return evaluate(model, at.task("house"), prompt, **lengths(at.config))

    alone = score(objects(DESIGN[0], DESIGN[2]))
    assert same(zero["runs"][0], alone) and zero["interval"] == [*alone.intervals["accuracy"]]
    assert (zero["shots"], few["shots"], zero["examples"]) == (0, 2, 0)
    assert zero["gain"] is None
    for row in (few, prompt, tuned):
        assert row["gain"][0] <= row["test"] - zero["test"] <= row["gain"][1]
    assert 1.9 < few["examples"] <= 2  # none stands in front of itself
    for seed, trial in enumerate(few["runs"]):
        assert same(trial, score(objects(*DESIGN, f"data.shot_seed={seed}")))
    plain = objects(DESIGN[2])
    house = plain.task("house")
    for seed, trial in enumerate(prompt["runs"]):
        trained = train_prompt(loaded, house, plain.recipe, seed, runs=plain.runs)
        assert (trial["step"], trial["validation"]) == (trained.best.step, trained.best.score)
        assert same(trial, score(plain, trained.value))
        file = tmp_path / f"p{seed}.safetensors"
        write_prompt(file, trained.value)
        (written,) = (tmp_path / "spot-runs").rglob(f"prompt-s{seed}.safetensors")
        assert np.array_equal(read_prompt_file(written).prompt, read_prompt_file(file).prompt)
    best = max(prompt["runs"], key=lambda trial: trial["validation"])
    (kept,) = (tmp_path / "spot-runs").rglob("baselines/*/best.safetensors")
    assert read_prompt_file(kept).facts.seed == best["seed"]
    for seed, trial in enumerate(tuned["runs"]):
        folder = tmp_path / f"tuned-{seed}"
        best = tune(
            loaded, house, folder, plain.recipe, seed,
            rates=plain.config.tuning.learning_rates, runs=plain.runs,
        )  # fmt: skip
        assert trial["learning_rate"] == best.learning_rate
        assert (trial["step"], trial["validation"]) == (best.best.step, best.best.score)
        assert same(trial, score(plain, model=load_model(folder, precision="float32")))
    for row in (zero, few, prompt, tuned):
        scores = [trial["test"] for trial in row["runs"]]
        assert row["n"] == 16 and row["test"] == pytest.approx(statistics.fmean(scores))
        assert row["interval"][0] <= row["test"] <= row["interval"][1]
        assert row["deviation"] == (statistics.stdev(scores) if len(scores) > 1 else None)
        assert [trial["seed"] for trial in row["runs"]] == ([None] if row is zero else [0, 1])


def test_the_table_has_trained_shares_and_intervals(lab):
    sets = (*SETS, "transfer.seeds=[3]")
    done = lab.run(
        "baselines", "--target", "house", "--methods", "model-tuning, few-shot, zero-shot",
        "--shots", "3", sets=sets,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    title, names, *lines = done.stdout.splitlines()
    rows, (hint, legend, about, verdict, report) = lines[:3], lines[3:]
    assert title == "house: accuracy on the test split"
    assert names.split() == [
        "method", "trained", "%", "test", "95", "%", "over", "zero-shot", "runs", "n",
    ]  # fmt: skip
    assert rows[0].startswith("prompt design, zero-shot")
    assert rows[1].startswith("prompt design, few-shot (0.") and "of 3 examples)" in rows[1]
    assert rows[2].startswith("model tuning") and "\t100\t" in rows[2]
    assert all(row.split()[-2:] == ["1", "16"] and " to " in row for row in rows)
    assert legend.startswith("±: standard deviation")
    assert "data.input_length" in hint and "spot-runs/baselines/house" in about
    assert "accuracy" in verdict and "16 test rows" in verdict
    assert report.startswith("report: spot report spot-runs/baselines/house")


class Killed(Exception):
    pass


class Watcher(Reporter):
    """Keeps the titles of what is trained, and may die at a check of a title."""

    def __init__(self, kill_at=""):
        super().__init__()
        self.kill_at, self.begun = kill_at, []

    def begin(self, title, steps, done):
        self.begun.append((title, done))

    def advance(self, step, loss):
        if self.kill_at and self.kill_at in self.begun[-1][0] and step == 5:
            raise Killed


def table(result):
    return [row.to_json() for row in result.rows]


@pytest.mark.parametrize(
    ("method", "kill_at", "done"),
    [
        ("prompt-tuning", "transfer to house, 2 of 2", [3]),  # the first is found
        ("model-tuning", "(seed 1, rate 0.05)", [5, 3]),  # seed 0 is not even read again
    ],
)
def test_a_killed_run_goes_on_and_gives_the_numbers_of_an_unbroken_one(
    lab, tmp_path, tiny_backbone, method, kill_at, done
):
    def run(folder, reporter):
        rates = "tuning.learning_rates=[0.001, 0.05]"
        at = lab.objects(*SETS, rates, runs=tmp_path / folder, reporter=reporter)
        return at.baselines("house", [method], tiny_backbone)

    whole = run("whole", Watcher())
    with pytest.raises(Killed):
        run("killed", Watcher(kill_at))
    watcher = Watcher()
    assert table(run("killed", watcher)) == table(whole)
    assert [steps for _, steps in watcher.begun] == done
    assert not list((tmp_path / "killed").rglob("checkpoints"))


def test_finished_work_is_not_done_again(lab, tmp_path, tiny_backbone, monkeypatch, request):
    sets = (*SETS, "transfer.seeds=[4]")
    at = lab.objects(*sets, runs=tmp_path)
    first = at.baselines("house", model=tiny_backbone)
    total = sum(array.size for array in random_arrays(tiny_backbone.config).values())
    counts = [tuple(row.counts) for row in first.rows if row.counts is not None]
    assert counts[:4] == [(0, total), (0, total), (4 * 16, total), (total, 0)]
    # Nothing is fitted for neighbours; a mean has 16 numbers for each class, a probe 16 weights and a bias.
    bare = [(0, total), (2 * 16, total), (16 + 1, total), (0, total)]
    behind = [(own + 4 * 16, total) for own, _ in bare]
    assert counts[4:] == [pair for both in zip(bare, behind, strict=True) for pair in both]
    assert [row.shots for row in first.rows if row.counts is not None] == [0, 4, *[0] * 10]
    request.getfixturevalue("no_training")
    for place in (tuning, runs):
        monkeypatch.setattr(place, "evaluate", lambda *_, **__: pytest.fail("done again"))
    for name in ("features", "score"):
        monkeypatch.setattr(type(tiny_backbone), name, lambda *_: pytest.fail("done again"))
    assert table(at.baselines("house", model=tiny_backbone)) == table(first)
    # Without the bare model in the table nothing is compared with it.
    alone = [{**row, "gain": None} for row in table(first)[2:4]]
    some = at.baselines("house", ["model-tuning", "prompt-tuning"], tiny_backbone)
    assert table(some) == alone
    more = lab.objects(*sets, "data.shots=1", 'data.text="a cat"', runs=tmp_path)
    assert table(more.baselines("house", ["prompt-tuning"], tiny_backbone)) == alone[:1]
    with pytest.raises(pytest.fail.Exception, match="done again"):
        more.baselines("house", model=tiny_backbone)


def test_mistakes_are_found_before_the_weights_are_read(lab, tmp_path, tiny_backbone):
    unread = replace(tiny_backbone, read_network=lambda: pytest.fail("the weights were read"))

    def run(target, methods=None):
        return lab.objects(runs=tmp_path).baselines(target, methods, unread)

    with pytest.raises(SpotError, match='"zero-shoot". Did you mean "zero-shot"'):
        run("house", ["model-tuning", "zero-shoot"])
    with pytest.raises(SpotError, match="expected methods to compare, found none"):
        run("house", [])
    with pytest.raises(SpotError, match='Did you mean "house"'):
        run("huose")
    assert not list(tmp_path.rglob("baselines"))
