"""What a frozen model makes of rows by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class States:
    """What a frozen model makes of rows [P, H] in front of nothing else, at every layer of a stack.

    inputs: [L, P, H], what each layer reads; its first is the rows. keys_values: [L, 2, kv, P, D], as its
    self-attention keeps them.
    """

    inputs: np.ndarray
    keys_values: np.ndarray
