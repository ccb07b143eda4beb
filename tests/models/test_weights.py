"""Weights go in strictly: what is missing, extra, cut or of another shape is named."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import ml_dtypes  # noqa: F401  (NumPy's names of narrow floats)
import numpy as np
import pytest
from flax import serialization

from spot.errors import SpotError
from spot.models.weights.build import build, infer_config, to_arrays
from spot.models.weights.t5x import PROMPT_NAME, array_folders, read_checkpoint
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


def change_zarray(checkpoint: Path, **members) -> None:
    path = zarr_folder(checkpoint) / ".zarray"
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


def replace_chunk(checkpoint: Path, make) -> None:
    path = zarr_folder(checkpoint) / "1.0"
    path.unlink()
    make(path)


ZARRAYS = {
    "lists without end": (
        lambda c: (zarr_folder(c) / ".zarray").write_text("[" * 100_000), "nested in more than 64 levels"
    ),
    "no object": (lambda c: (zarr_folder(c) / ".zarray").write_text("[]"), "is no JSON object"),
    "a shape in words": (lambda c: change_zarray(c, shape="24"), "no lists of as many sizes"),
    "a negative shape": (lambda c: change_zarray(c, shape=[-24, 16]), "no lists of as many sizes"),
    "a shape of flags": (lambda c: change_zarray(c, shape=[True, 16]), "no lists of as many sizes"),
    "another rank": (lambda c: change_zarray(c, chunks=[10]), "no lists of as many sizes"),
    "chunks of nothing": (lambda c: change_zarray(c, chunks=[0, 10]), "no lists of as many sizes"),
    "a shape without end": (lambda c: change_zarray(c, shape=[1 << 40, 16]), "6 of 219902325556 chunk"),
    "shape and chunks without end": (
        lambda c: change_zarray(c, shape=[3 << 30, 2 << 30], chunks=[1 << 30, 1 << 30]), "bytes of numbers in"
    ),
    "chunks larger than the array": (
        lambda c: change_zarray(c, chunks=[1 << 40, 10]), "a chunk is larger than the array"
    ),
    "whole numbers": (lambda c: change_zarray(c, dtype="<i4"), 'its numbers are "<i4", not <f4'),
    "8-bit numbers": (lambda c: change_zarray(c, dtype="|i1"), r'its numbers are "\|i1", not'),
    "numbers in a list": (lambda c: change_zarray(c, dtype=[["a", "<f4"]]), "its numbers are"),
    "another way of packing": (lambda c: change_zarray(c, compressor={"id": "own"}), '"own" is not'),
    "a chunk by another name": (
        lambda c: (zarr_folder(c) / "1.0").rename(zarr_folder(c) / "7.0"), "the chunk file 1.0 is not there"
    ),
    "a pipe for a chunk": (lambda c: replace_chunk(c, os.mkfifo), "it is a pipe, not a regular file"),
    "a device for a chunk": (
        lambda c: replace_chunk(c, lambda path: path.symlink_to("/dev/zero")), "it is a device"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ZARRAYS)
def test_metadata_of_an_array_that_do_not_fit_its_chunks_are_named_at_once(checkpoint, name):
    damage, message = ZARRAYS[name]
    damage(checkpoint)
    start = time.process_time()
    with pytest.raises(SpotError, match=f"array {ZARR} cannot be read.*{message}"):
        read_checkpoint(checkpoint)
    assert time.process_time() - start < 5


def index_of(value) -> bytes:
    return serialization.msgpack_serialize({"target": value})


def spec(path) -> dict:
    return {"encoder": {"a": {"driver": "zarr", "kvstore": {"driver": "file", "path": path}}}}


INDICES = {
    "levels without end": (b"\x81\xa1a" * 100_000, "expected T5X msgpack"),
    "many levels": (
        b"\x81\xa6target" + b"\x81\xa1a" * 200 + b"\x90", "could not read it .found the key"
    ),
    "a count without end": (b"\xdf\xff\xff\xff\xff", "expected T5X msgpack"),
    "a list for an array": (index_of({"a": [1]}), "found list in the place of array a"),
    "a number for an array": (index_of({"a": 1}), "found int in the place of array a"),
    "numbers for keys": (b"\x81\xa6target\x81\x01\x02", 'found the key "1"'),
    "a folder above": (index_of(spec("..")), r'array encoder/a is in the folder "\.\."'),
    "the folder itself": (index_of(spec("x/.")), "array encoder/a is in the folder"),
    "no folder": (index_of(spec(3)), "array encoder/a is in the folder 3"),
    "half of a path": (index_of(spec("a\0b")), "array encoder/a is in the folder"),
    "no store": (index_of({"a": {"driver": "zarr"}}), "array a is in the folder null"),
}  # fmt: skip


@pytest.mark.parametrize("name", INDICES)
def test_another_index_is_named(checkpoint, name):
    content, message = INDICES[name]
    (checkpoint / "checkpoint").write_bytes(content)
    with pytest.raises(SpotError, match=message):
        read_checkpoint(checkpoint)
    with pytest.raises(SpotError, match=message):
        array_folders(content, "gs://bucket/checkpoint")


def test_an_array_is_never_read_from_outside_its_checkpoint(checkpoint, arrays):
    outside = checkpoint.parent / "outside"
    shutil.copytree(zarr_folder(checkpoint), outside)
    for path in ("../outside", str(outside)):
        (checkpoint / "checkpoint").write_bytes(index_of(spec(path)))
        with pytest.raises(SpotError, match="outside/.zarray is not there"):
            read_checkpoint(checkpoint)


def test_a_pipe_is_no_index(checkpoint):
    (checkpoint / "checkpoint").unlink()
    os.mkfifo(checkpoint / "checkpoint")
    with pytest.raises(SpotError, match="found one that cannot be read .*it is a pipe"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("kind", ["int8", "int32", "bool", "float8_e4m3fn"])
def test_whole_numbers_and_8_bit_floats_are_no_weights(arrays, kind):
    arrays[INLINE] = arrays[INLINE].astype(np.dtype(kind))
    with pytest.raises(
        SpotError, match=f"{INLINE}: expected floats of 16 bits or more, found {kind}"
    ):
        build(CONFIG, arrays, "float32", "float32")


def test_more_layers_than_arrays_are_named_before_a_network_is_outlined(arrays):
    config = tiny_config(decoder_layers=1000)
    with pytest.raises(SpotError, match="arrays of 1000 decoder layers, found those of 1"):
        build(config, arrays, "float32", "float32")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((16,), r"has another rank or no numbers, its shape is \(16,\)"),
        ((0, 8), "has another rank or no numbers"),
        ((2, 8, 1), "has another rank or no numbers"),
        ((3, 8), "its query has 8 numbers for 3 heads"),
        ((2, 3), "3 buckets of relative positions are less than 4"),
    ],
)
def test_relative_positions_of_another_shape_are_no_t5s(arrays, shape, message):
    arrays["encoder/relpos_bias/rel_embedding"] = np.zeros(shape, np.float32)
    with pytest.raises(SpotError, match=f"expected the arrays of a T5.*{message}"):
        infer_config(arrays, 128, 0.1)


def test_a_checkpoint_without_optimizer_state_is_read_too(checkpoint, arrays):
    index = checkpoint / "checkpoint"
    tree = serialization.msgpack_restore(index.read_bytes())
    index.write_bytes(serialization.msgpack_serialize({"target": tree["optimizer"]["target"]}))
    np.testing.assert_array_equal(read_checkpoint(checkpoint)[INLINE], arrays[INLINE])
