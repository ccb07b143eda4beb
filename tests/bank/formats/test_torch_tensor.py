"""Tensors in the format of torch.save: read again without torch, and with it where it is installed."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest

from bank.formats.torch_tensor import STORAGES, as_bfloat16, torch_bytes
from tests.torch_reader import tensor_of

SHAPES = [(3, 4), (1, 1), (7,), (2, 3, 5), (0, 4), ()]


def drawn(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_is_read_again_bit_for_bit(shape):
    array = drawn(shape)
    tensor = tensor_of(torch_bytes(array))
    assert tensor.shape == shape and tensor.dtype == np.float32
    assert tensor.tobytes() == array.tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_is_rounded_as_ml_dtypes_does(shape):
    array = drawn(shape)
    tensor = tensor_of(torch_bytes(array, "bfloat16"))
    expected = array.astype(ml_dtypes.bfloat16)
    assert tensor.dtype == expected.dtype and tensor.tobytes() == expected.tobytes()


def test_ties_round_to_even_at_every_exponent():
    mantissas = np.arange(1 << 16, dtype=np.uint32) << 8  # ties and their neighbours among them
    bits = np.concatenate([mantissas | (np.uint32(exponent) << 23) for exponent in (1, 127, 253)])
    array = bits.view(np.float32)
    assert np.array_equal(as_bfloat16(array), array.astype(ml_dtypes.bfloat16).view(np.uint16))


def test_an_array_that_lies_in_columns_is_written_in_rows():
    array = np.asfortranarray(drawn((4, 3)))[::2]
    assert np.array_equal(tensor_of(torch_bytes(array)), array)


def test_the_same_numbers_are_the_same_bytes():
    assert torch_bytes(drawn((3, 4))) == torch_bytes(drawn((3, 4)))


@pytest.mark.parametrize("dtype", STORAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_torch_itself_reads_it(shape, dtype):
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
    array = drawn(shape)
    content = io.BytesIO(torch_bytes(array, dtype))
    tensor = torch.load(content, weights_only=True, map_location="cpu")
    expected = torch.tensor(array).to(getattr(torch, dtype))
    assert tensor.dtype == expected.dtype and tensor.shape == expected.shape
    assert torch.equal(tensor, expected)
