"""The rules by which weights, rows and prompts are divided; `test_grids.py` runs on what they make."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flax import nnx
from jax.sharding import PartitionSpec

from spot.errors import SpotError
from spot.models.config import DecoderConfig, T5Config
from spot.models.model import load
from spot.models.network import outline
from spot.models.settings import Devices, ModelSettings
from spot.models.sharding import (
    check_rows,
    devices_present,
    key_heads,
    mesh_of,
    place_rows,
    place_slots,
    rows_of,
    rows_shared,
    slots_of,
    split,
    stored_shape,
)
from tests.toys import tiny_config, tiny_decoder

XXL = T5Config(
    vocab_size=32128, d_model=4096, d_kv=64, num_heads=64, d_ff=10240, encoder_layers=2, decoder_layers=2,
    activation="gated-gelu", tied_head=False,
)  # fmt: skip
LLAMA = DecoderConfig(
    vocab_size=128257, d_model=4096, d_kv=128, num_heads=32, num_kv_heads=8, d_ff=14336, layers=2,
    context=8192, rope_theta=500000.0, tied_head=False,
)  # fmt: skip
QWEN = DecoderConfig(
    vocab_size=151937, d_model=896, d_kv=64, num_heads=14, num_kv_heads=2, d_ff=4864, layers=2,
    context=32768, rope_theta=1e6, biases=True,
)  # fmt: skip


def partitions(config, devices):
    """{name: (shape, partition)} of every weight."""
    flat = nnx.to_flat_state(outline(config, "float32")[1])
    shapes = {"/".join(map(str, path)): leaf.shape for path, leaf in flat}
    return {name: (shape, split(config, name, shape, devices)) for name, shape in shapes.items()}


def grid(**axes):
    """A grid without devices, as far as partitions need it."""
    return SimpleNamespace(shape={"slot": 1, "data": 1, "model": 1} | axes)


@pytest.mark.parametrize(
    ("config", "devices"),
    [
        (XXL, 8),
        (XXL, 64),
        (tiny_config(activation="relu", tied_head=True), 2),
        (LLAMA, 8),
        (QWEN, 2),
    ],
)
def test_every_weight_but_norms_is_split_evenly(config, devices):
    found = partitions(config, devices)
    assert len(found) > 20
    for name, (shape, spec) in found.items():
        assert (spec == PartitionSpec()) == name.endswith("scale"), name
        stored = stored_shape(name, shape, devices)
        assert all(size % devices == 0 for size, axis in zip(stored, spec, strict=False) if axis)
        assert stored == shape or stored[0] - shape[0] < devices


def test_the_first_product_of_a_pair_splits_its_outputs_and_the_second_its_inputs():
    found = {name: spec for name, (_, spec) in partitions(XXL, 8).items()}
    block = "decoder/layers_1"
    for part in ("self_attention", "encoder_decoder_attention"):
        for name in ("query", "key", "value"):
            assert found[f"{block}/{part}/{name}/kernel"] == PartitionSpec(None, "model")
        assert found[f"{block}/{part}/out/kernel"] == PartitionSpec("model", None)
    assert found[f"{block}/mlp/wi_0/kernel"] == PartitionSpec(None, "model")
    assert found[f"{block}/mlp/wo/kernel"] == PartitionSpec("model", None)
    assert found["decoder/relpos_bias/rel_embedding"] == PartitionSpec("model", None)
    assert found["token_embedder/embedding"] == PartitionSpec("model", None)
    assert found["decoder/logits_dense/kernel"] == PartitionSpec(None, "model")


def test_a_head_is_never_cut():
    odd = tiny_config(num_heads=6, d_kv=4)
    name, shape = "encoder/layers_0/attention/query/kernel", (16, 24)
    assert split(odd, name, shape, 3) == PartitionSpec(None, "model")
    assert split(odd, name, shape, 4) == PartitionSpec()  # 24 columns, but 6 heads
    assert split(odd, "encoder/relpos_bias/rel_embedding", (6, 8), 4) == PartitionSpec()


@pytest.mark.parametrize(
    ("heads", "shared", "devices", "computed", "queries", "keys"),
    [
        (32, 8, 8, 8, True, True),
        (32, 8, 4, 8, True, True),
        (32, 8, 16, 16, True, False),  # two devices share a head of keys, and each has it
        (14, 2, 4, 2, False, False),  # 14 heads on 4 devices
        (12, 4, 3, 4, False, False),  # a device's four heads have keys of two groups
    ],
)
def test_queries_are_split_with_the_keys_that_they_need(
    heads, shared, devices, computed, queries, keys
):
    config = tiny_decoder(num_heads=heads, num_kv_heads=shared)
    assert key_heads(config, devices) == computed
    for name, count, whole in (("query", heads, not queries), ("key", shared, not keys)):
        spec = split(config, f"layers_0/{name}/kernel", (16, count * 4), devices)
        assert (spec == PartitionSpec()) == whole


def test_a_vocabulary_that_cannot_be_divided_is_padded():
    assert split(XXL, "decoder/logits_dense/kernel", (8, 13), 4) == PartitionSpec(None, "model")
    assert stored_shape("decoder/logits_dense/kernel", (8, 13), 4) == (8, 16)
    assert stored_shape("token_embedder/embedding", (13, 8), 4) == (16, 8)
    assert stored_shape("token_embedder/embedding", (12, 7), 4) == (12, 7)
    assert stored_shape("layers_0/gate/kernel", (13, 13), 4) == (13, 13)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (16, PartitionSpec(("slot", "data"))),
        (6, PartitionSpec(("slot",))),
        (4, PartitionSpec(("data",))),
        (7, PartitionSpec()),
    ],
)
def test_rows_are_divided_over_as_many_axes_as_can_share_them(rows, expected):
    assert rows_of(grid(slot=2, data=4), rows) == expected


def test_prompts_are_divided_over_slots():
    assert slots_of(grid(slot=2, data=4), 6) == PartitionSpec("slot")
    assert slots_of(grid(slot=2, data=4), 3) == PartitionSpec()


def test_one_device_needs_no_grid_and_nothing_is_placed():
    batch = np.zeros((3, 2)), np.zeros((3, 1))
    mesh = mesh_of(Devices(), [object()])
    assert mesh is None and rows_shared(mesh) == 1
    assert place_rows(mesh, batch) is batch and place_slots(mesh, batch) is batch
    check_rows(mesh, 7)


def test_rows_that_cannot_be_shared_are_a_sentence():
    check_rows(grid(data=4), 8)
    with pytest.raises(SpotError, match="a multiple of 4, the devices of devices.data.*found 6"):
        check_rows(grid(data=4), 6)


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
