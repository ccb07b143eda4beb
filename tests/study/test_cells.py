"""A comparison: each cell alone and beside others, resumed, with gaps, and its numbers by hand."""

from __future__ import annotations

import math
import shlex
import zlib
from dataclasses import replace

import numpy as np
import pytest

import spot
from bank.store import Bank
from spot.errors import SpotError
from spot.prompts.files import read_prompt
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import train_starts
from spot.study import cells as module
from spot.study.cells import compare, grid_of
from spot.study.comparison import Variant, joined
from spot.training.runs import Runs
from spot.training.slots import Reporter
from tests.lab import lines
from tests.study.test_baselines import Killed, Watcher

pytest_plugins = ("tests.lab",)
KINDS = ("prefix", "suffix")


def compared(at, model, names=("house",), **factors):
    """The comparison of these factors with the lab's recipe and two seeds."""
    given = {"seeds": (0, 1), "runs": at.runs, **factors}
    return compare(model, [at.task(name) for name in names], at.recipe, **given)


def content(rows):
    """All that is the same when a comparison is made again in another folder: not the times."""
    return [{**row.to_json(), "seconds": 0, "prompt": None} for row in rows]


def prompts(rows):
    """The arrays of the written prompts."""
    return [
        {name: array.tobytes() for name, array in read_prompt(row.prompt).arrays.items()}
        for row in rows
        if row.prompt
    ]


def test_a_cell_alone_is_the_cell_of_the_sweep(lab, tmp_path, tiny_backbone):
    """Bit for bit: scores, steps, rates and the prompt; its intervals and verdict, too."""
    at = lab.objects(runs=tmp_path / "sweep")
    factors = {"kinds": KINDS, "lengths": (2, 4), "learning_rates": (0.5, 0.1)}
    sweep = compared(at, tiny_backbone, ("house", "place"), **factors)
    alone = lab.objects(runs=tmp_path / "alone")
    one = compared(
        alone, tiny_backbone, kinds=("suffix",), lengths=(2,), learning_rates=(0.5, 0.1)
    )  # fmt: skip
    same = [
        row for row in sweep.rows if row.targets == ("house",)
        and row.variant == Variant("suffix", "cross-entropy", "vocab", 2)
    ]  # fmt: skip
    assert len(sweep.rows) == 3 * 4 and len(one.rows) == len(same) == 1
    bare = [replace(same[0], difference=None, verdict=one.rows[0].verdict)]  # compared with none
    assert content(one.rows) == content(bare) and prompts(one.rows) == prompts(same)
    assert sweep.gaps == ()


def test_a_plain_cell_is_what_transfer_trains_from_scratch(lab, tmp_path, tiny_backbone):
    """The same rows in the same order, seeds and steps as of the older code; so is the suffix's."""
    at = lab.objects(runs=tmp_path)
    result = compared(at, tiny_backbone, kinds=KINDS)
    other = lab.objects("transfer.steps=4", runs=tmp_path / "other")
    for row, kind in zip(result.rows, KINDS, strict=True):
        recipe = at.recipe.replace(kind=kind)
        done = train_starts(
            tiny_backbone, at.task("house"), [Start(SCRATCH)], recipe, other.plan, other.runs
        )  # fmt: skip
        assert [(trial.validation, trial.step) for trial in row.trials] == [
            (each.validation, each.step) for each in done
        ]
        best = max(done, key=lambda each: each.validation).prompt
        assert np.array_equal(read_prompt(row.prompt).key, best.key)
        assert row.trained == best.count == 4 * 16


def test_one_factor_is_swept_while_others_stay(lab, tmp_path, tiny_backbone, monkeypatch):
    """Every cell gets the recipe's settings but the swept one, and the very same rows and seeds."""
    seen = []
    real = Runs.train_prompts

    def watched(self, model, slots, recipe, **more):
        seen.append((slots, recipe))
        return real(self, model, slots, recipe, **more)

    monkeypatch.setattr(Runs, "train_prompts", watched)
    at = lab.objects(runs=tmp_path)
    own = at.recipe.on(tiny_backbone)
    for factor, setting, values in (
        ("kinds", "kind", KINDS),
        ("losses", "loss", ("cross-entropy", "perceptron")),
        ("starts", "init", ("vocab", "labels", "random")),
        ("lengths", "length", (1, 4)),
    ):
        seen.clear()
        compared(at, tiny_backbone, **{factor: values})
        assert [getattr(recipe, setting) for _, recipe in seen] == list(values)
        for slots, recipe in seen:
            changed = recipe.model_dump().items() - own.model_dump().items()
            assert {name for name, _ in changed} <= {setting}
            first = seen[0][0]
            assert [slot.seed for slot in slots] == [0, 1]
            for slot, other in zip(slots, first, strict=True):
                assert slot.learning_rate == other.learning_rate == 0.5
                assert slot.source.members[0].train.inputs.flat.tobytes() == (
                    other.source.members[0].train.inputs.flat.tobytes()
                )


def test_validation_chooses_one_rate_for_all_seeds(lab, tmp_path, tiny_backbone):
    rates = (0.5, 0.1, 0.02)
    row = compared(lab.objects(runs=tmp_path), tiny_backbone, learning_rates=rates).rows[0]
    assert tuple(row.rates) == rates and row.validation == row.rates[row.learning_rate]
    assert row.learning_rate == max(rates, key=row.rates.get)  # the first of equals
    single = {}
    for rate in rates:
        at = lab.objects(runs=tmp_path)  # found again: a rate is a run of its own
        single[rate] = compared(at, tiny_backbone, learning_rates=(rate,)).rows[0]
        assert single[rate].validation == row.rates[rate]
    assert row.trials == single[row.learning_rate].trials


def test_test_rows_are_read_for_the_chosen_alone(lab, tmp_path, tiny_backbone, monkeypatch):
    """Another test split changes no choice, no prompt and no validation score; losers are not scored."""
    scored = []
    real = module.score_on_test

    def counted(model, target, candidate, recipe, runs):
        scored.append((candidate.seed, candidate.learning_rate))
        return real(model, target, candidate, recipe, runs)

    monkeypatch.setattr(module, "score_on_test", counted)
    factors = {"kinds": KINDS, "learning_rates": (0.5, 0.1)}
    at = lab.objects(runs=tmp_path / "a")
    first = compared(at, tiny_backbone, **factors)
    assert len(scored) == 4 and {seed for seed, _ in scored} == {0, 1}
    house = at.task("house")

    def read(split):
        rows = list(house.read(split))
        return iter(rows[:5] if split == "test" else rows)

    cut = replace(house, read=read, rows=lambda split: 5 if split == "test" else house.rows(split),
                  fingerprint=lambda: house.fingerprint()[::-1])  # fmt: skip
    again = compare(
        tiny_backbone, [cut], at.recipe, seeds=(0, 1),
        runs=lab.objects(runs=tmp_path / "b").runs, **factors,
    )  # fmt: skip
    assert again.rows[0].n == 5 and first.rows[0].n == 16
    for row, other in zip(first.rows, again.rows, strict=True):
        assert (row.rates, row.learning_rate, row.validation) == (
            other.rates, other.learning_rate, other.validation,
        )  # fmt: skip
    assert prompts(first.rows) == prompts(again.rows)
    assert [row.variant for row in first.chosen] == [row.variant for row in again.chosen]


@pytest.mark.parametrize(
    "kill_at", ["prefix on house at rate 0.1", "suffix on house at rate 0.5", "suffix on place"]
)
def test_a_resumed_comparison_is_the_unbroken_one(lab, tmp_path, tiny_backbone, kill_at):
    factors = {"kinds": KINDS, "learning_rates": (0.5, 0.1)}

    def run(folder, reporter):
        at = lab.objects("train.steps=6", runs=tmp_path / folder, reporter=reporter)
        return compared(at, tiny_backbone, ("house", "place"), **factors)

    whole = run("whole", Watcher())
    with pytest.raises(Killed):
        run("killed", Watcher(kill_at))
    watcher = Watcher()
    again = run("killed", watcher)
    assert content(again.rows) == content(whole.rows)
    assert again.references == whole.references and prompts(again.rows) == prompts(whole.rows)
    assert watcher.begun[0] == (watcher.begun[0][0], 3) and kill_at in watcher.begun[0][0]


def test_finished_cells_are_not_trained_again(lab, tmp_path, tiny_backbone, request):
    first = compared(lab.objects(runs=tmp_path), tiny_backbone, kinds=KINDS, starts=("vocab",))
    request.getfixturevalue("no_training")
    again = compared(lab.objects(runs=tmp_path), tiny_backbone, kinds=KINDS, starts=("vocab",))
    assert again.to_json() == first.to_json()  # times, too, which are measured once
    swapped = compared(lab.objects(runs=tmp_path), tiny_backbone, kinds=KINDS[::-1])
    assert content([replace(swapped.rows[1], difference=None)]) != content(swapped.rows[1:])
    by_kind = {row.variant.kind: row for row in swapped.rows}
    for row in first.rows:
        assert by_kind[row.variant.kind].trials == row.trials
    assert swapped.rows[1].difference.mean == pytest.approx(-first.rows[1].difference.mean)


def test_a_cell_that_fails_is_a_named_gap(lab, tmp_path, tiny_backbone):
    """Label words are needed for a start and for a loss; the bank has prefix prompts of four tokens."""
    reporter = Reporter()
    at = lab.objects(runs=tmp_path / "runs", reporter=reporter)
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    result = compared(
        at, tiny_backbone, ("animal", "house"), kinds=KINDS, starts=("vocab", "labels", "transfer"),
        lengths=(4,), bank=bank, search_settings=at.search,
    )  # fmt: skip
    gaps = {(gap.target, gap.variant): gap for gap in result.gaps}
    expected = {("animal", Variant(kind, "cross-entropy", "labels", 4)) for kind in KINDS}
    expected |= {
        (name, Variant("suffix", "cross-entropy", "transfer", 4)) for name in ("animal", "house")
    }
    assert set(gaps) == expected
    labels = gaps["animal", Variant("prefix", "cross-entropy", "labels", 4)]
    assert "needs a task with label words" in labels.reason and labels.hint
    kind = gaps["house", Variant("suffix", "cross-entropy", "transfer", 4)]
    assert "one cannot start from the other" in kind.reason
    assert len([text for text in reporter.warnings if "on animal: " in text]) == 3
    measured = {(row.targets, row.variant) for row in result.rows}
    assert {variant for targets, variant in measured if targets == ("house",)} == {
        Variant(kind, "cross-entropy", start, 4)
        for kind in KINDS for start in ("vocab", "labels", "transfer")
        if (kind, start) != ("suffix", "transfer")
    }  # fmt: skip
    means = [row.variant for row in result.rows if len(row.targets) == 2]
    assert means == [
        Variant("prefix", "cross-entropy", "vocab", 4),
        Variant("prefix", "cross-entropy", "transfer", 4),
        Variant("suffix", "cross-entropy", "vocab", 4),
    ]
    with pytest.raises(SpotError, match="no cell could be measured.*compares label words"):
        compared(at, tiny_backbone, ("animal",), losses=("perceptron",))


def test_a_start_from_the_bank_is_the_nearest_value(lab, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path / "runs")
    bank = Bank.open(lab.copy(tmp_path / "bank"))
    hit = at.find(bank, "house", k=1, model=tiny_backbone).result.hits[0]
    given = {"bank": bank, "search_settings": at.search}
    both = compared(at, tiny_backbone, starts=("transfer", f"entry:{hit.id}"), **given)
    first, second = both.rows
    assert first.trials == second.trials and first.difference is None
    assert second.difference.mean == second.difference.low == second.difference.high == 0
    with pytest.raises(SpotError, match="is a prompt of 4 tokens, the target's has 2"):
        compared(at, tiny_backbone, starts=("transfer",), lengths=(2,), **given)


def test_a_loss_that_is_not_finite_is_a_gap(lab, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path)
    result = compared(at, tiny_backbone, learning_rates=(math.inf, 0.5))
    (row,) = result.rows
    assert row.rates[math.inf] is None and row.learning_rate == 0.5
    with pytest.raises(
        SpotError, match="no cell could be measured.*no learning rate gave a finite"
    ):
        compared(at, tiny_backbone, learning_rates=(math.inf,))


def slow_draws(gains, seed=0):
    """Means over seeds of resampled rows [R] of gains [S, N], every resample by a loop."""
    rng, draws = np.random.default_rng([seed, 31]), []
    for _ in range(1000):
        rows = rng.integers(0, gains.shape[1], gains.shape[1])
        by_seed = [100 * sum(seed[row] for row in rows) / len(rows) for seed in gains]
        draws.append(sum(by_seed) / len(by_seed))
    return np.array(draws)


def slow_interval(right, others=None):
    """The 95 % interval of the mean accuracy over seeds [S, N] of right rows, or of its difference to
    others'.
    """
    gains = right.astype(float) if others is None else right.astype(float) - others
    return with_seeds(slow_draws(gains), [100 * sum(seed) / len(seed) for seed in gains])


def with_seeds(draws, scores):
    """The 95 % interval of draws [R] over rows and of seeds with these scores, as `spot.verdicts.Sample`
    states it.
    """
    mean = sum(scores) / len(scores)
    error = (sum((one - mean) ** 2 for one in scores) / (len(scores) - 1) / len(scores)) ** 0.5
    noise = np.random.default_rng(7).standard_t(len(scores) - 1, 1000)
    return np.quantile(draws + error * noise, [0.025, 0.975])


def slow_mean(names, gains):
    """The interval of the mean over targets, each with rows of its own."""
    draws = [
        slow_draws(each, zlib.crc32(name.encode())) for name, each in zip(names, gains, strict=True)
    ]
    scores = [
        float(100 * np.mean(seeds)) for seeds in zip(*(g.mean(1) for g in gains), strict=True)
    ]
    return with_seeds(np.mean(draws, axis=0), scores)


def test_intervals_are_those_of_a_slow_version(lab, tmp_path, tiny_backbone, monkeypatch):
    done = {}
    real = module._cell

    def kept(column, variant):
        cell = real(column, variant)
        words = [example.targets for example in column.target.read("test")]
        done[column.target.name, variant.kind] = np.array(
            [[a == b for a, b in zip(run.predictions, words, strict=True)] for run in cell.runs]
        )
        return cell

    monkeypatch.setattr(module, "_cell", kept)
    names = ("house", "place")
    result = compared(
        lab.objects(runs=tmp_path), tiny_backbone, names, kinds=KINDS, seeds=(0, 1, 2)
    )  # fmt: skip
    for row in result.rows[:4]:
        own, first = done[row.targets[0], row.variant.kind], done[row.targets[0], "prefix"]
        assert [trial.test for trial in row.trials] == pytest.approx((100 * own.mean(1)).tolist())
        np.testing.assert_allclose(row.interval, slow_interval(own), rtol=1e-12, atol=1e-10)
        if row.variant.kind == "suffix":
            difference = row.difference
            assert difference.mean == pytest.approx(100 * (own.mean() - first.mean()))
            np.testing.assert_allclose(
                (difference.low, difference.high), slow_interval(own, first), rtol=1e-12, atol=1e-10
            )
    prefix, suffix = result.rows[4:]
    tests = {key: 100 * right.mean(1) for key, right in done.items()}
    for row in (prefix, suffix):
        mean = np.mean([tests[name, row.variant.kind] for name in names], axis=0)
        assert [trial.test for trial in row.trials] == pytest.approx(mean.tolist())
        assert row.targets == names and row.n == 32 and row.prompt is None
        own = [done[name, row.variant.kind].astype(float) for name in names]
        np.testing.assert_allclose(row.interval, slow_mean(names, own), rtol=1e-12, atol=1e-10)
    gains = [done[name, "suffix"].astype(float) - done[name, "prefix"] for name in names]
    difference = suffix.difference
    np.testing.assert_allclose(
        (difference.low, difference.high), slow_mean(names, gains), rtol=1e-12, atol=1e-10
    )
    assert difference.mean == pytest.approx(100 * np.mean(gains)) and prefix.difference is None
    assert [row.verdict.numbers.get("difference") for row in result.rows[4:]] == [
        None, suffix.difference.mean,
    ]  # fmt: skip


def test_rows_of_targets_are_drawn_apart_whatever_their_order(lab, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path)
    one = compared(at, tiny_backbone, ("house", "place")).rows[-1]
    other = compared(at, tiny_backbone, ("place", "house")).rows[-1]
    assert one.interval == pytest.approx(other.interval) and one.test == other.test
    assert zlib.crc32(b"house") != zlib.crc32(b"place")


def test_references_are_the_bare_model_a_constant_and_tfidf(lab, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path)
    result = compared(at, tiny_backbone, ("house", "animal"))
    bare = spot.evaluate(tiny_backbone, at.task("house"), input_length=16, target_length=8)
    named = {(one.name, one.targets): one for one in result.references}
    assert named["no prompt", ("house",)].test == bare.value
    words = [example.targets for example in at.task("house").read("test")]
    most = 100 * max(words.count(word) for word in set(words)) / len(words)
    assert named["constant answer", ("house",)].test == most
    assert named["TF-IDF, logistic regression", ("house",)].test == bare.tfidf
    assert [name for name, targets in named if "animal" in targets] == ["no prompt", "no prompt"]


def test_models_are_joined(lab, tmp_path, tiny_backbone):
    at = lab.objects(runs=tmp_path)
    one = compared(at, tiny_backbone, kinds=KINDS)
    other = replace(one, rows=tuple(replace(row, model="b", parameters=7) for row in one.rows))
    table = joined([one, other])
    assert table.models == (tiny_backbone.name, "b") and len(table.chosen) == 2
    assert len(table.groups) == 2 and table.references == one.references  # each once
    assert [row.model for row in table.summary] == [tiny_backbone.name] * 2 + ["b"] * 2
    longer = [replace(row, variant=replace(row.variant, length=11)) for row in other.rows]
    table = joined([one, replace(other, rows=tuple(longer))])  # models have lengths of their own
    assert table.varying == ("kind",) and table.factors == ("kind", "length")


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"kinds": ("prefx",)}, 'Did you mean "prefix"'),
        ({"losses": ("cross-entropi",)}, 'Did you mean "cross-entropy"'),
        ({"starts": ("vocb",)}, 'unknown start "vocb". Did you mean "vocab"'),
        ({"starts": ("transfer",)}, "starts from transfer need a bank"),
        ({"seeds": (0, 0)}, "expected distinct seeds"),
        ({"seeds": ()}, "expected distinct seeds"),
        ({"seeds": (-1,)}, "expected a seed from 0"),
        ({"names": ()}, "expected a task to compare on, found none"),
    ],
)
def test_mistakes_are_found_before_any_training(
    lab, tmp_path, tiny_backbone, no_training, factors, message
):
    with pytest.raises(SpotError, match=message):
        compared(lab.objects(runs=tmp_path), tiny_backbone, **factors)
    assert not list(tmp_path.rglob("prompts"))


def test_a_start_from_words_has_the_models_own_text(lab, tiny_backbone):
    """Where none is given; a text that is given is kept."""
    own = replace(tiny_backbone.defaults, init="words", text="a red cat")

    class WithDefaults:
        name, defaults, embeddings = "x", own, tiny_backbone.embeddings

    recipe = spot.Recipe(length=4)
    factors = {"kind": (), "loss": (), "start": ("vocab", "words", "text"), "length": ()}
    given = (factors, (), (0,), None, None, Runs())
    texts = [each.text for each in grid_of(WithDefaults(), recipe, *given).variants.values()]
    assert texts[1:] == ["a red cat"] * 2
    kept = grid_of(WithDefaults(), recipe.replace(text="a dog"), *given).variants.values()
    assert [each.text for each in kept] == ["a dog"] * 3
    (plain,) = grid_of(WithDefaults(), recipe, {**factors, "start": ()}, *given[1:]).variants
    assert plain == Variant("prefix", "cross-entropy", "words", 4)


COMMAND = ("compare", "house", "place", "--kinds", "prefix,suffix", "--seeds", "0,1")


def test_the_command_is_the_function(lab, tmp_path, tiny_backbone):
    done = lab.run(*COMMAND, "--json", "--out", "a.json", "--out", "a.md", "--plot", "a.svg")
    assert done.exit_code == 0, done.stderr
    at = lab.objects(runs=tmp_path / "other")
    result = compared(at, at.model, ("house", "place"), kinds=KINDS)
    *found, last = lines(done.stdout)
    rows = [line for line in found if line.pop("what") == "row"]
    expected = [row.to_json() for row in result.rows]
    for line in (*rows, *expected):
        line |= {"seconds": 0, "prompt": None}
    assert rows == expected
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.json", "a.md", "a.svg"}
    page = spot.report_page(shlex.split(last["report"])[2])  # of the folder that the command names
    assert all(f"{row['test']:.2f}</data>" in page for row in expected)
    assert all(f"{title} on " in page for title in ("house", "place", "mean of 2 tasks"))


def test_the_table_is_shown_by_task_with_its_mean(lab):
    done = lab.run(*COMMAND)
    assert done.exit_code == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if "on the test split" in line]
    assert [title.split(" on ")[0] for title in titles] == ["house", "place", "mean of 2"]
    assert done.stdout.count("no prompt\t") == 3 and "validation chooses " in done.stdout
    assert done.stdout.count("\nprefix\t") == done.stdout.count("\nsuffix\t") == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lengths", "5,x"), "expected whole numbers joined by commas"),
        (("--rates", "fast"), "expected numbers joined by commas"),
        (("--lengths", "0"), "compare.lengths"),
        (("--out", "a.doc"), "expected a file name ending in .md, .tex, .csv, .json"),
        (("--plot", "a.md"), "expected a file name ending in .png"),
        (("--seeds", "1,1"), "compare.seeds: expected distinct seeds"),
        (("--kinds", "prefx"), 'Did you mean "prefix"'),
        (("--starts", "transfer", "--bank", "none"), "expected a bank at none"),
    ],
)
def test_mistakes_of_the_command(lab, no_training, words, message):
    done = lab.run("compare", "house", *words)
    assert done.exit_code in (1, 2) and message in done.stderr and done.stdout == ""


def test_every_model_has_its_own_config(lab, tmp_path, no_training):
    """Its recipe and the wording of tasks, as when it is model.name."""
    from spot.commands.compare import configs_of
    from spot.config import config_of, layers

    sets = ('compare.models=["spot-nano","smollm2-135m"]', "train.batch_size=3")
    places = layers(None, sets)
    nano, smollm = configs_of(config_of(places), places)
    for config in (nano, smollm):
        alone = config_of(layers(None, (*sets, f"model.name={config.model.name}")))
        assert config == alone and config.train.batch_size == 3
    assert nano.prompt.text != smollm.prompt.text and smollm.prompt.length == 11
