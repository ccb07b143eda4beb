"""How many rows would show a difference.

Normal approximation: a difference is found with 80 % probability by a one-sided test at 5 % when it is
2.49 standard errors (Cohen 1988, chapter 6); a standard error falls with the root of the rows.
"""

from __future__ import annotations

import math

ERRORS = 1.645 + 0.842  # standard errors of a difference that is found 4 times of 5


def rows_needed(difference: float, error: float, rows: int) -> int | None:
    """The rows that show a difference whose standard error is `error` on `rows` rows, rounded up to two
    digits; None where there is no difference.
    """
    if difference == 0:
        return None
    exact = rows * (ERRORS * error / difference) ** 2
    unit = int(10 ** max(0, math.floor(math.log10(max(exact, 1))) - 1))
    return max(rows, int(math.ceil(exact / unit) * unit))
