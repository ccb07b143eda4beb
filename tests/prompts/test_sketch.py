"""Keys of one width: linear, the same every time, and with the cosines of what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from spot.prompts.sketch import sketched

RNG = np.random.default_rng(0)
WIDTH, NUMBERS = 256, 3000


def cosine(a, b):
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_it_is_a_matrix_of_signs_with_one_place_for_every_number():
    matrix = sketched(np.eye(NUMBERS, dtype=np.float32), WIDTH)
    assert matrix.shape == (NUMBERS, WIDTH) and matrix.dtype == np.float32
    assert (np.abs(matrix).sum(axis=1) == 1).all() and set(np.unique(matrix)) == {-1, 0, 1}
    rows = RNG.normal(size=(5, NUMBERS)).astype(np.float32)
    np.testing.assert_allclose(sketched(rows, WIDTH), rows @ matrix, rtol=1e-4, atol=1e-4)
    per_place = np.abs(matrix).sum(axis=0)  # 11.7 on average: nothing is crowded into few places
    assert per_place.max() < 30 and per_place.min() > 0
    assert abs(matrix.sum()) < 4 * np.sqrt(NUMBERS)


def test_equal_numbers_have_equal_keys_whenever_they_are_made():
    rows = RNG.normal(size=(4, NUMBERS)).astype(np.float32)
    np.testing.assert_array_equal(sketched(rows, WIDTH), sketched(rows.copy(), WIDTH))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_cosines_are_kept_but_for_noise(share):
    """Of ten pairs of a known cosine; the noise is about one in the root of the width."""
    for _ in range(10):
        a, other = RNG.normal(size=(2, 1, NUMBERS))
        b = share * a + np.sqrt(1 - share**2) * other
        found = cosine(sketched(a, WIDTH), sketched(b, WIDTH))
        assert abs(found - cosine(a, b)) < 5 / np.sqrt(WIDTH)


def test_scaled_arrays_are_as_large_as_the_rows_and_multiply_back():
    from spot.prompts.scales import scaled

    rows = 7 * RNG.normal(size=(3, 8)).astype(np.float32)
    arrays = RNG.normal(size=(2, 2, 4, 3)) * np.array([[1, 100], [0.01, 0]])[..., None, None]
    numbers, scale = scaled(arrays.astype(np.float32), rows, 2)
    np.testing.assert_allclose(numbers * scale, arrays, rtol=1e-5, atol=1e-7)
    assert scale.shape == (2, 2, 1, 1) and scale[1, 1] == 1  # of zeros
    sizes = np.sqrt((numbers.astype(np.float64) ** 2).mean(axis=(2, 3)))
    own = np.sqrt((rows.astype(np.float64) ** 2).mean())
    np.testing.assert_allclose(sizes[:1], [[own, own]], rtol=1e-5)
    np.testing.assert_allclose(sizes[1], [own, 0], rtol=1e-5)
