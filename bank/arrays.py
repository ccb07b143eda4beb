"""The check of numbers on their way in: every array of a prompt is finite float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.errors import BankError

Array = NDArray[np.float32]


def as_floats(array: Any, name: str, *, matrix: bool = True, hint: str = "") -> Array:
    """The array as contiguous finite float32, [P, H] if `matrix`, else of any shape.

    name: of the array in errors; hint: on numbers that are not finite. Raises BankError for another
    shape or type, no numbers at all, NaN, infinity and numbers beyond float32.
    """
    array = np.asarray(array)
    if (matrix and array.ndim != 2) or array.size == 0 or array.dtype.kind != "f":
        raise BankError(
            f"expected {name} as floats{' [P, H]' if matrix else ''}, "
            f"found shape {array.shape} of {array.dtype}",
            "" if array.dtype.kind == "f" else "save it as float32",
        )
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, refused just below
        numbers: Array = np.asarray(array, dtype=np.float32, order="C")
    if not np.isfinite(numbers).all():
        raise BankError(f"{name} holds NaN, infinity or numbers beyond float32", hint)
    return numbers
