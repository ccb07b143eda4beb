"""Weights split over devices: every array in its parts, and the same prompt from the same training.

Devices of one processor stand for several; their number is fixed when JAX starts, so what needs
them runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from jax.sharding import PartitionSpec

from spot.errors import SpotError
from spot.models.model import load
from spot.models.settings import Devices, ModelSettings
from spot.models.sharding import devices_present, split

SCRIPT = """
import json, sys
import jax, jax.numpy as jnp, numpy as np
from flax import nnx
from spot.models.settings import Devices, ModelSettings
from spot.training.recipe import TrainSettings
from spot.models.model import load
from spot.training.step import init_state, train_step

def steps(devices):
    backbone = load(ModelSettings(precision="float32"), Devices(model=devices)).with_dropout(0.0)
    rng = np.random.default_rng(0)
    prompts = jnp.asarray(rng.normal(size=(2, 4, 256)), jnp.float32)
    batch = rng.integers(3, 6000, (8, 16), dtype=np.int32), rng.integers(3, 6000, (8, 4), dtype=np.int32)
    settings = TrainSettings()
    state, losses = init_state(settings, {"prompt": prompts}, jnp.full(2, 0.3)), []
    for step in range(3):
        state, numbers = train_step(
            state, backbone.network, batch, jax.random.split(jax.random.key(0), 2),
            jnp.asarray(step), settings=settings)
        losses.append(numbers["loss"].tolist())
    return backbone, np.asarray(state.params["prompt"]), losses

one, four = steps(1), steps(4)
parts = {
    "/".join(map(str, path)): [list(leaf.get_value().shape),
                               list(leaf.get_value().addressable_shards[0].data.shape),
                               len(leaf.get_value().sharding.device_set)]
    for path, leaf in nnx.to_flat_state(four[0].network.parameters)
}
json.dump({"parts": parts, "difference": float(np.abs(one[1] - four[1]).max()),
           "moved": float(np.abs(one[1]).max()), "losses": [one[2], four[2]]}, sys.stdout)
"""


def test_a_split_model_trains_the_same_prompt():
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    parts = found["parts"]
    assert all(count == 4 for _, _, count in parts.values())
    assert parts["encoder/layers_0/attention/query/kernel"][:2] == [[256, 256], [256, 64]]
    assert parts["encoder/layers_0/mlp/wo/kernel"][:2] == [[512, 256], [128, 256]]
    assert parts["token_embedder/embedding"][:2] == [[6144, 256], [1536, 256]]
    whole = [name for name, (full, part, _) in parts.items() if full == part]
    ends = {"scale", "rel_embedding"}
    assert {name.split("/")[-1] for name in whole} == ends
    assert all(name in whole for name in parts if name.split("/")[-1] in ends)
    assert found["losses"][1][0] == pytest.approx(found["losses"][0][0], rel=1e-5)
    assert found["losses"][1] == [pytest.approx(row, rel=1e-3) for row in found["losses"][0]]
    assert found["difference"] < 1e-2 * found["moved"]


def test_an_axis_that_cannot_be_split_evenly_is_not():
    assert split("decoder/logits_dense/kernel", (8, 12), 4) == PartitionSpec(None, "model")
    assert split("decoder/logits_dense/kernel", (8, 13), 4) == PartitionSpec()
    assert split("layers_0/attention/out/kernel", (12, 8), 4) == PartitionSpec("model", None)
    assert split("encoder/relpos_bias/rel_embedding", (4, 32), 4) == PartitionSpec()


def test_more_devices_than_there_are_is_an_error():
    asked = Devices(slot=2, model=32)
    with pytest.raises(
        SpotError, match=r"devices.slot=2, devices.model=32: expected 64 devices, found \d+ \("
    ):
        load(ModelSettings(), asked)


@pytest.mark.parametrize(
    "error", [RuntimeError("Unable to initialize backend 'x': none\nmore"), AssertionError()]
)
def test_a_machine_on_which_jax_starts_no_device_is_said(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr("jax.devices", fail)
    monkeypatch.setenv("JAX_PLATFORMS", "x")
    with pytest.raises(
        SpotError, match=r"none \((Unable to initialize backend 'x': none|no backend was started)\)"
    ) as caught:
        devices_present()
    assert "JAX_PLATFORMS is x" in caught.value.hint
