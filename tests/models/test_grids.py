"""Grids of virtual devices against one device: equal numbers, and every axis does its share of the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.models.grids import CASES

MODEL_OVERHEAD = 1.5
"""Norms and residuals, much of so tiny layers, are computed on every device of `model`."""
ATTENTION = {f"{name}/kernel" for name in ("query", "key", "value", "out")}
BIASES = {f"{name}_bias" for name in ("query", "key", "value")}
WHOLE = {
    ("decoder", 4): {"key/kernel", "value/kernel"},
    ("odd decoder", 2): ATTENTION | BIASES,
}
"""The ends of arrays, beside norms, of which so many devices cannot have equal shares."""


def found(name, *arguments):
    """What the program prints: the results on one device, and those on each grid."""
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.models.grids", name, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, *grids = json.loads(done.stdout)
    assert one["grid"] == {} and len(grids) > 0
    return one, grids


def assert_close(ours, theirs):
    """Equal within 1e-5 of the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert np.isfinite(theirs).all()
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("name", CASES)
def test_a_grid_computes_what_one_device_does_and_shares_the_work(name):
    case = CASES[name]
    slots = case.get("slots", 4)
    one, grids = found(name)
    assert one["flops"] > 0
    for result in grids:
        slot, data, model = (result["grid"].get(axis, 1) for axis in ("slot", "data", "model"))
        for key in {"losses", "gradient", "prompts", "scores"} & one.keys():
            assert_close(result[key], one[key])
        if "written" in one:
            assert len(set(map(str, one["written"]))) > 1
            assert result["written"] == one["written"]
            assert result["read"] == [32, 32 // (slot * data)]
        # Also after the first step, whose state comes from elsewhere.
        assert result["programs"] == one["programs"]
        (count, *_), (own, *_) = result["prompt"]
        assert (count, own) == (slots, slots // slot if slots % slot == 0 else slots)
        assert result["gradient share"][0] == own
        for (rows, *_), (own, *_) in result["rows"]:
            assert rows == own * slot * data
        whole = tuple(WHOLE.get((case["config"], model), set()) | {"scale"})
        if model > 1:
            assert result["whole"] == [name for name in one["whole"] if name.endswith(whole)]
        if "query/kernel" not in whole:
            share = 1 / (slot * data * model)
            assert result["flops"] <= one["flops"] * share * (MODEL_OVERHEAD if model > 1 else 1.1)


def test_all_weights_are_trained_on_a_grid():
    one, grids = found("weights")
    for result in grids:
        assert_close(result["losses"], one["losses"])
        assert result["losses"][-1] < result["losses"][0]
        for name, array in one["weights"].items():
            assert_close(result["weights"][name], array)
        model = result["grid"].get("model", 1)
        assert result["own"] <= result["bytes"] / model * 1.1


def test_a_run_goes_on_from_a_checkpoint_of_another_grid(tmp_path):
    one, grids = found("resumed", str(tmp_path))
    for result in grids:
        assert result["begun"] == 6
        for key, array in one["arrays"].items():
            assert_close(result["arrays"][key], array)
        assert result["history"] == one["history"]
