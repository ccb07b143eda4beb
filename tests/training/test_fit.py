"""What fits on an accelerator: on one that is only small, and on TPUs, where libtpu is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from spot.commands import COMMANDS, main
from spot.models.accelerators import Accelerator, Topology
from spot.models.config import ARCHITECTURES
from spot.models.known import Architecture
from spot.models.settings import Devices
from spot.prompts.prefix import PREFIX
from spot.report.fit import show_fit, verdict
from spot.report.output import JsonLines, People
from spot.training import fit as fitting
from spot.training.cost import Cost
from spot.training.fit import (
    Fit,
    Program,
    Trial,
    fit_scoring,
    fit_training,
    fit_tuning,
    layout_of,
    smaller,
)
from spot.training.lowering import Shape
from spot.training.recipe import Recipe
from tests.lab import invoke
from tests.toys import tiny_config

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
RECIPE = Recipe(length=4, batch_size=8, input_length=32, target_length=4, dropout=0.0)
ONE = Devices()


def small(memory, devices=1):
    """A topology of this machine's CPU with so little memory."""
    return Topology(Accelerator("small", memory, 1e12, 1), (devices,))


@pytest.fixture
def here(monkeypatch):
    """Programs are compiled for this machine."""
    monkeypatch.setattr(fitting, "topology_devices", lambda topology: jax.devices()[:1])


def shape_of(slots, rows):
    return Shape(PREFIX, slots, 4, rows, 32, 4)


def trial_of(slots, rows, gib, devices=ONE, weights=2):
    program = Program("gradient", Cost(0, 0, 0, int(gib * GIB), 0, 1e12, ()), 1.0)
    return Trial(devices, shape_of(slots, rows), weights * GIB, (program,))


def test_where_memory_is_short_a_part_has_as_many_rows_as_fit(here):
    model = Architecture("tiny", tiny_config())
    roomy = fit_training(small(GIB), model, "float32", RECIPE, 2, ONE)
    assert roomy.fits and roomy.asked.shape.rows == 8 and 0 < roomy.asked.peak < GIB
    memory = int(0.8 * roomy.asked.peak)
    tight = fit_training(small(memory), model, "float32", RECIPE, 2, ONE)
    assert not tight.fits and tight.asked.peak > memory and tight.fitting.peak <= memory
    assert tight.fitting.shape.slots == 2 and 8 % tight.fitting.shape.rows == 0
    assert tight.fitting.shape.rows < 8 and tight.fitting.devices == ONE


def test_where_not_even_the_weights_fit_nothing_does(here):
    model = Architecture("tiny", tiny_config())
    weights = 4 * tiny_config().count()
    none = fit_training(small(weights), model, "float32", RECIPE, 2, ONE)
    assert none.fitting is None and not none.fits and none.asked.weights == weights


def test_scoring_and_fine_tuning(here):
    model = Architecture("tiny", tiny_config())
    scored = fit_scoring(small(GIB), model, "bfloat16", RECIPE, ONE)
    assert [program.name for program in scored.asked.programs] == ["encode", "rank"]
    tuned = fit_tuning(small(GIB), model, RECIPE, ONE)
    assert [program.name for program in tuned.asked.programs] == ["step"]
    assert scored.fits and tuned.fits and tuned.asked.weights == 4 * tiny_config().count()


def test_fewer_rows_first_then_layers_again_then_fewer_prompts():
    asked = shape_of(16, 32)
    devices = Devices(slot=8)
    # 30 GiB of which 2 are weights; 14.7 may be filled: a share of 0.45, so half the rows are too many.
    found = smaller(trial_of(16, 32, 30, devices), asked, 16 * GIB)
    assert found == (devices, shape_of(16, 8), False)
    # A device has two prompts, of one row at least; where that is too much, layers are computed again,
    found = smaller(trial_of(16, 1, 16, devices), asked, 16 * GIB)
    assert found == (devices, shape_of(16, 1), True)
    # and where that is not enough, it has one prompt.
    found = smaller(replace(trial_of(16, 1, 16, devices), remat=True), asked, 16 * GIB)
    assert found == (devices, shape_of(8, 1), True)


def test_where_no_rows_are_few_enough_the_weights_are_split_further():
    asked = shape_of(8, 1)
    devices = Devices(slot=4, data=2, model=1)
    found = smaller(trial_of(8, 1, 40, devices, weights=15), asked, 16 * GIB)
    assert found == (Devices(slot=4, data=1, model=2), asked, False)
    found = smaller(trial_of(8, 1, 40, Devices(slot=4, model=2), weights=15), asked, 16 * GIB)
    assert found == (Devices(slot=2, data=1, model=4), asked, False)
    assert smaller(trial_of(8, 1, 40, Devices(model=8), weights=15), asked, 16 * GIB) is None


@pytest.mark.parametrize(
    ("count", "weights", "slots", "expected"),
    [
        (8, 0.5, 16, (8, 1, 1)),
        (8, 0.5, 1, (1, 8, 1)),
        (8, 0.5, 12, (4, 2, 1)),
        (8, 22, 16, (2, 1, 4)),
        (16, 22, 4, (4, 1, 4)),
        (4, 100, 4, (1, 1, 4)),
    ],
)
def test_the_layout_where_none_is_set(count, weights, slots, expected):
    found = layout_of(count, int(weights * GIB), 16 * GIB, slots)
    assert (found.slot, found.data, found.model) == expected


def test_a_refusal_of_the_compiler_says_what_was_wanted():
    words = "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries "
    assert fitting._bytes_wanted(words + "(29.88G) exceeds available HBM (15.75G).") == int(
        29.88 * GIB
    )
    words = "XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 512.50M of 15.75G"
    assert fitting._bytes_wanted(words) == int(512.5 * (1 << 20))
    assert fitting._bytes_wanted("INTERNAL: it broke") == 0


def test_another_failure_of_the_compiler_is_raised(here, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("INTERNAL: it broke")

    monkeypatch.setattr(fitting, "cost", broken)
    with pytest.raises(RuntimeError, match="it broke"):
        fit_training(small(GIB), Architecture("tiny", tiny_config()), "float32", RECIPE, 2, ONE)


def shown(fit, capsys, out):
    show_fit(fit, out)
    return capsys.readouterr().out


def test_the_view_for_people_and_for_programs(capsys):
    topology = small(16 * GIB, 8)
    asked, less = (
        trial_of(16, 32, 28, Devices(slot=8)),
        trial_of(16, 8, 7.5, Devices(slot=8), weights=1),
    )
    fit = Fit(topology, "tiny", 32, asked, less)
    text = shown(fit, capsys, People())
    assert "tiny on small:8: 8 devices of 16 GiB" in text
    assert "fits: S 16, B 32 in 4 parts, T 32, P 4, targets 4; devices slot 8 x data 1" in text
    assert (
        "does not fit: 28 of 16 GiB a device; S 16 with 8 rows a part does, with weights over 1 device:"
        in text
    )
    assert "a step is 4 TFLOP a device: at least 4 s at its peak of 1 TFLOP a second" in text
    assert "--set devices.slot=8 --set devices.data=1 --set devices.model=1" in text
    (line,) = shown(fit, capsys, JsonLines()).splitlines()
    told = json.loads(line)
    assert (told["fits"], told["memory"], told["fitting"]["shape"]["rows"]) == (False, 16 * GIB, 8)
    assert told["asked"]["peak"] == 28 * GIB and told["fitting"]["weights"] == GIB
    assert verdict(Fit(topology, "tiny", 32, less, less)) == "fits: 7.5 of 16 GiB a device"
    assert "nor does anything smaller" in verdict(Fit(topology, "tiny", 32, asked, None))


PLANNED = {
    "build-bank": "", "search": "--target mini_cb", "transfer": "--target mini_cb", "study": "",
    "baselines": "--target mini_cb", "train": "--task mini_cb --out x.npy", "eval": "", "predict": "",
    "tune": "--task mini_cb --out x", "compare": "mini_cb", "distil": "--task mini_cb",
    "matrix": "",
}  # fmt: skip


def test_every_command_that_trains_or_evaluates_plans(monkeypatch, tmp_path):
    """It asks for the fit of what it runs, reads no bank and no task, and writes nothing."""
    asked = []

    def answer(kind):
        def fit(topology, model, *settings):
            asked.append((kind, topology.name, model.name, *settings[-2:]))
            return Fit(topology, model.name, 32, trial_of(2, 32, 1), None)

        return fit

    for kind in ("training", "scoring", "tuning"):
        monkeypatch.setattr(fitting, f"fit_{kind}", answer(kind))
    monkeypatch.chdir(tmp_path)
    name = "google/t5-v1_1-base"
    for command, words in PLANNED.items():
        sets = ("--set", f"model.name={name}", "--set", "train.slots=6")
        done = invoke(command, *words.split(), "--plan", "v5e-8", "--json", *sets)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["topology"] == "v5e:2x4"
    found = {
        command: (kind, *map(str, settings[:-1]))
        for command, (kind, *settings) in zip(PLANNED, asked, strict=True)
    }
    trains = ("training", "v5e:2x4", name)
    assert {command: values[:3] for command, values in found.items()} == {
        **dict.fromkeys(
            (
                *("build-bank", "search", "transfer", "study", "baselines", "train"),
                *("compare", "distil"),
            ),
            trains,
        ),
        **dict.fromkeys(("eval", "predict", "matrix"), ("scoring", "v5e:2x4", name)),
        "tune": ("tuning", "v5e:2x4", name),
    }
    slots = {command: values[3] for command, values in found.items() if values[0] == "training"}
    assert slots == {**dict.fromkeys(slots, "6"), "train": "1"}
    assert list(tmp_path.iterdir()) == []
    for other in set(COMMANDS) - set(PLANNED) - {"bank"}:
        options = main.get_command(None, other).params
        assert "--plan" not in {option for each in options for option in each.opts}, other


def test_prompts_at_once_where_none_are_set_suit_the_slice(monkeypatch):
    asked = []

    def fit(topology, model, precision, recipe, slots, devices):
        asked.append(slots)
        return Fit(topology, model.name, 32, trial_of(2, 32, 1), None)

    monkeypatch.setattr(fitting, "fit_training", fit)
    for name in ("v5e-8", "v5e-16", "v5e-32"):
        assert invoke("build-bank", "--plan", name).exit_code == 0
    assert asked == [16, 16, 32]


needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="needs libtpu, of the extra tpu"
)


def alone():
    """The environment of a user who has set nothing of JAX."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "TPU_"))
    }


@needs_libtpu
def test_a_machine_without_tpus_says_nothing_of_them():
    code = "from spot.models.sharding import devices_present; print(devices_present()[0].platform)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=alone(), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("cpu\n", "")


@needs_libtpu
def test_sixteen_prompts_of_t5_base_on_eight_tpus():
    """The real step of T5-base, compiled for v5e-8: nothing of it is on this machine but libtpu."""
    sets = [
        "model.name=google/t5-v1_1-base", "train.slots=16", "prompt.length=100", "train.batch_size=8",
        "data.input_length=128",
    ]  # fmt: skip
    command = [sys.executable, "-m", "spot", "build-bank", "--plan", "v5e-8", "--json"]
    command += [f"--set={pair}" for pair in sets]
    done = subprocess.run(command, cwd=ROOT, env=alone(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "libtpu" not in done.stderr and "TPU_" not in done.stderr
    (told,) = map(json.loads, done.stdout.splitlines())
    assert told["fits"] and told["devices"] == 8 and told["memory"] == 16 * GIB
    assert told["asked"]["devices"] == {"slot": 8, "data": 1, "model": 1}
    config = ARCHITECTURES["t5-v1_1-base"]
    assert told["asked"]["weights"] == pytest.approx(2 * config.count(), rel=1e-3)
    gradient, update = told["asked"]["programs"]
    assert (gradient["name"], update["name"]) == ("gradient", "update")
    # Prompts know nothing of each other: devices exchange the seeds of dropout and nothing large.
    assert sum(each["bytes"] for each in gradient["collectives"]) < 100_000
    # Two products forward and one of two backward: a frozen weight takes 4 FLOPs a token that passes it.
    tables = config.vocab_size * config.d_model
    attention = 4 * config.d_model * config.num_heads * config.d_kv
    feed_forward = 3 * config.d_model * config.d_ff
    encoder = config.encoder_layers * (attention + feed_forward) * (100 + 128)
    decoder = (config.decoder_layers * (2 * attention + feed_forward) + tables) * 16
    least = 4 * (encoder + decoder) * 2 * 8  # two prompts of eight rows on each device
    assert least < gradient["flops"] < 1.6 * least
