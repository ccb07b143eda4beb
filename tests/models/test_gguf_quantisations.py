"""Quantised arrays of GGUF files against the formats' definitions, a value at a time.

The definitions are the structs of ggml-common.h: what a block's bytes are, and where in them value
i of the block lies. Scales are halves of few bits, so float32 computes every value exactly.
"""

from __future__ import annotations

import numpy as np
import pytest

from spot.errors import SpotError
from spot.models.weights.gguf import GgufFile
from tests.toys import tiny_decoder

gguf = pytest.importorskip("gguf", reason="the extra decoders is not installed")

ROWS, BLOCKS = 3, 2


def half(block, at):
    """The float16 at a byte."""
    return float(block[at : at + 2].view(np.float16)[0])


def signed(byte):
    return int(byte) - 256 * (int(byte) > 127)


def nibble(byte, high):
    return int(byte) >> 4 if high else int(byte) & 15


def six_bits(packed, j):
    """Scale and minimum j of eight, six bits each in twelve bytes: those of j < 4 lie in the low
    bits of bytes j and j + 4; of the others, four bits lie in byte j + 4 and two on top of those.
    """
    if j < 4:
        return int(packed[j]) & 63, int(packed[j + 4]) & 63
    scale = nibble(packed[j + 4], high=False) + 16 * (int(packed[j - 4]) >> 6)
    least = nibble(packed[j + 4], high=True) + 16 * (int(packed[j]) >> 6)
    return scale, least


def f32(block, i):
    return float(block.view(np.float32)[i])


def f16(block, i):
    return half(block, 2 * i)


def bf16(block, i):
    """The upper half of a float32."""
    return float(np.array([0, 0, *block[2 * i : 2 * i + 2]], np.uint8).view(np.float32)[0])


def q4_0(block, i):
    """d, then 16 bytes: the first 16 values are the low nibbles, less 8."""
    return half(block, 0) * (nibble(block[2 + i % 16], i >= 16) - 8)


def q4_1(block, i):
    """d, the least value, then 16 bytes as in Q4_0."""
    return half(block, 0) * nibble(block[4 + i % 16], i >= 16) + half(block, 2)


def q8_0(block, i):
    return half(block, 0) * signed(block[2 + i])


def q4_k(block, i):
    """d and dmin, 12 bytes of scales, then 4 times 32 bytes: low nibbles are one sub-block of 32,
    high nibbles the next.
    """
    sub = i // 32
    scale, least = six_bits(block[4:16], sub)
    q = nibble(block[16 + 32 * (sub // 2) + i % 32], high=sub % 2 == 1)
    return half(block, 0) * scale * q - half(block, 2) * least


def q5_k(block, i):
    """As Q4_K, with 32 bytes before the nibbles: bit s of byte i is a fifth bit of sub-block s."""
    sub = i // 32
    scale, least = six_bits(block[4:16], sub)
    q = nibble(block[48 + 32 * (sub // 2) + i % 32], high=sub % 2 == 1)
    q += 16 * ((int(block[16 + i % 32]) >> sub) & 1)
    return half(block, 0) * scale * q - half(block, 2) * least


def q6_k(block, i):
    """Low four bits in 128 bytes, high two in 64, then 16 signed scales and d. In each half of 128
    values, 64 bytes hold the low nibbles of the first 64 and the high ones of the last 64; 32 bytes
    hold two bits each of four values that lie 32 apart.
    """
    side, quarter, place = i // 128, i % 128 // 32, i % 32
    low = nibble(block[64 * side + 32 * (quarter % 2) + place], high=quarter >= 2)
    high = (int(block[128 + 32 * side + place]) >> (2 * quarter)) & 3
    return half(block, 208) * signed(block[192 + i // 16]) * (low + 16 * high - 32)


DEFINITIONS = {  # name: (values a block, bytes a block, where its halves are, value)
    "F32": (1, 4, (2,), f32),
    "F16": (1, 2, (0,), f16),
    "BF16": (1, 2, (0,), bf16),
    "Q4_0": (32, 18, (0,), q4_0),
    "Q4_1": (32, 20, (0, 2), q4_1),
    "Q8_0": (32, 34, (0,), q8_0),
    "Q4_K": (256, 144, (0, 2), q4_k),
    "Q5_K": (256, 176, (0, 2), q5_k),
    "Q6_K": (256, 210, (208,), q6_k),
}


def random_blocks(rng, size, halves):
    """Blocks [ROWS, BLOCKS, bytes] of random bytes with finite halves of eleven bits."""
    blocks = rng.integers(0, 256, (ROWS, BLOCKS, size), np.uint8)
    for at in halves:
        numbers = rng.integers(-2047, 2048, (ROWS, BLOCKS, 1)) / 1024
        blocks[..., at : at + 2] = numbers.astype(np.float16).view(np.uint8)
    return blocks


def write_array(path, stored, kind):
    """A GGUF file of one array, given as bytes [rows, bytes]."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("blk.0.ffn_up.weight", stored, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GgufFile(path)


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_an_array_is_what_the_format_says(tmp_path, kind):
    values, size, halves, value = DEFINITIONS[kind]
    blocks = random_blocks(np.random.default_rng(len(kind) + size), size, halves)
    file = write_array(tmp_path / "m.gguf", blocks.reshape(ROWS, -1), kind)
    found = np.asarray(file.arrays(tiny_decoder())["layers_0/up/kernel"].read()).T
    expected = [[value(block, i) for block in row for i in range(values)] for row in blocks]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(expected, np.float32))
    assert len(np.unique(found)) > ROWS


def test_a_quantisation_that_is_not_read_is_named(tmp_path):
    blocks = np.zeros((ROWS, BLOCKS * 292), np.uint8)
    file = write_array(tmp_path / "m.gguf", blocks, "Q8_K")
    with pytest.raises(SpotError, match=r"such as Q4_1.*found Q8_K in blk\.0\.ffn_up") as caught:
        file.arrays(tiny_decoder())["layers_0/up/kernel"].read()
    assert "another file" in caught.value.hint
