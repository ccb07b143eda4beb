"""Weights go in strictly: what is missing, extra, cut or of another shape is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from flax import serialization

from spot.errors import SpotError
from spot.models.weights.build import build, infer_config, to_arrays
from spot.models.weights.t5x import PROMPT_NAME, read_checkpoint
from tests.toys import random_arrays, tiny_config

CONFIG = tiny_config()
ZARR = "encoder/layers_0/mlp/wo/kernel"  # lies in a folder of its own, as large arrays do
INLINE = "encoder/encoder_norm/scale"  # lies in the msgpack file, as small arrays do


@pytest.fixture
def arrays():
    return random_arrays(CONFIG)


# From arrays to a model.


@pytest.mark.parametrize("changes", [{}, {"activation": "relu", "tied_head": True, "d_kv": 3}])
def test_a_model_gives_back_the_arrays_that_it_was_built_of(changes):
    config = tiny_config(encoder_layers=2, **changes)
    given = random_arrays(config)
    back = to_arrays(build(config, given, "float32", "float32").parameters)
    assert sorted(back) == sorted(given)
    for name, array in given.items():
        np.testing.assert_array_equal(back[name], array)


def test_bfloat16_narrows_matrices_and_keeps_norms_and_biases(arrays):
    back = to_arrays(build(CONFIG, arrays, "bfloat16", "widen").parameters)
    for name, array in back.items():
        small = name.endswith(("scale", "rel_embedding"))
        assert str(array.dtype) == ("float32" if small else "bfloat16"), name
        if small:
            np.testing.assert_array_equal(array, arrays[name])


def test_every_fault_is_listed_at_once(arrays):
    del arrays["decoder/decoder_norm/scale"]
    arrays["encoder/layers_7/mlp/wo/kernel"] = np.zeros((2, 3), np.float32)
    arrays[ZARR] = arrays[ZARR][:, :-1]
    with pytest.raises(SpotError, match="do not fit the architecture") as caught:
        build(CONFIG, arrays, "float32", "float32")
    lines = [line.strip() for line in caught.value.message.splitlines()[1:]]
    assert lines == [
        "- decoder/decoder_norm/scale (16,)",
        f"~ {ZARR}: expected (24, 16), found (24, 15)",
        "+ encoder/layers_7/mlp/wo/kernel (2, 3)",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.25, "relative_max_distance": 33},
        {"encoder_layers": 3, "d_kv": 5, "num_heads": 3, "vocab_size": 111},
        {"activation": "relu", "tied_head": True},
    ],
)
def test_the_architecture_is_inferred_from_the_arrays(changes):
    config = tiny_config(**changes)
    found = infer_config(random_arrays(config), config.relative_max_distance, config.dropout)
    assert found == config


def test_arrays_of_another_kind_of_model_are_refused(arrays):
    del arrays["encoder/relpos_bias/rel_embedding"]
    with pytest.raises(SpotError, match=r"expected the arrays of a T5.*relpos_bias"):
        infer_config(arrays, 128, 0.1)
    arrays["encoder/relpos_bias/rel_embedding"] = np.zeros(4, np.float32)
    with pytest.raises(SpotError, match="another rank"):
        infer_config(arrays, 128, 0.1)


# T5X checkpoints.


def write_t5x(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    """A checkpoint as T5X lays it out; kernels and embeddings in zarr folders of small chunks."""
    import tensorstore

    target: dict = {}
    for name, array in arrays.items():
        *parts, last = name.split("/")
        place = target
        for part in parts:
            place = place.setdefault(part, {})
        if last in ("kernel", "embedding"):
            path = f"target.{name.replace('/', '.')}"
            metadata = {
                "shape": list(array.shape),
                "chunks": [min(size, 10) for size in array.shape],
                "dtype": "<f4",
                "compressor": {"id": "gzip", "level": 1},
            }
            place[last] = {"driver": "zarr", "kvstore": {"driver": "gfile", "path": path}}
            spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder / path}/"}}
            store = tensorstore.open({**spec, "metadata": metadata}, create=True).result()
            store.write(array).result()
        else:
            place[last] = array
    tree = {"version": 3, "optimizer": {"state": {"step": np.asarray(3)}, "target": target}}
    (folder / "checkpoint").write_bytes(serialization.msgpack_serialize(tree))
    return folder


@pytest.fixture
def checkpoint(tmp_path, arrays):
    (tmp_path / "checkpoint_3").mkdir()
    return write_t5x(tmp_path / "checkpoint_3", arrays)


def zarr_folder(checkpoint: Path, name: str = ZARR) -> Path:
    return checkpoint / f"target.{name.replace('/', '.')}"


def test_a_t5x_checkpoint_is_read_bit_for_bit(checkpoint, arrays):
    found = read_checkpoint(checkpoint)
    assert sorted(found) == sorted(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_the_real_checkpoint_holds_the_parameters_that_the_reference_used(shared_data, golden):
    found = read_checkpoint(shared_data / "t5x" / "test_t5_1_1_tiny" / "checkpoint_3")
    assert sorted(set(found) - {PROMPT_NAME}) == sorted(golden.params)
    for name, array in golden.params.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_folder_without_index_is_no_checkpoint(checkpoint):
    with pytest.raises(SpotError, match="a file named `checkpoint`") as caught:
        read_checkpoint(checkpoint.parent)
    assert "checkpoint_<step>" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.99])
def test_a_truncated_index_is_named(checkpoint, keep):
    index = checkpoint / "checkpoint"
    content = index.read_bytes()
    index.write_bytes(content[: keep if keep == 1 else int(keep * len(content))])
    with pytest.raises(SpotError, match=r"checkpoint: expected T5X msgpack") as caught:
        read_checkpoint(checkpoint)
    assert "truncated" in caught.value.hint


@pytest.mark.parametrize("tree", [{"optimizer": {}}, {"optimizer": 3}, {"model": {}}, [1]])
def test_another_msgpack_file_is_no_checkpoint(checkpoint, tree):
    (checkpoint / "checkpoint").write_bytes(serialization.msgpack_serialize(tree))
    with pytest.raises(SpotError, match="expected T5X msgpack with optimizer/target"):
        read_checkpoint(checkpoint)


def test_a_missing_array_folder_is_named(checkpoint):
    shutil.rmtree(zarr_folder(checkpoint))
    with pytest.raises(SpotError, match=f"array {ZARR} is named") as caught:
        read_checkpoint(checkpoint)
    assert "array folders included" in caught.value.hint


def test_a_missing_chunk_is_not_read_as_zeros(checkpoint):
    (zarr_folder(checkpoint) / "1.1").unlink()
    with pytest.raises(SpotError, match=f"array {ZARR} cannot be read.*5 of 6 chunk files"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("file", ["0.0", ".zarray"])
def test_a_truncated_file_of_an_array_is_named(checkpoint, file):
    path = zarr_folder(checkpoint) / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SpotError, match=f"array {ZARR} cannot be read"):
        read_checkpoint(checkpoint)


def test_a_checkpoint_without_optimizer_state_is_read_too(checkpoint, arrays):
    index = checkpoint / "checkpoint"
    tree = serialization.msgpack_restore(index.read_bytes())
    index.write_bytes(serialization.msgpack_serialize({"target": tree["optimizer"]["target"]}))
    np.testing.assert_array_equal(read_checkpoint(checkpoint)[INLINE], arrays[INLINE])
