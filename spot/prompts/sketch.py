"""Keys of one width, whatever a kind of prompt is made of, so that a bank holds all kinds.

Numbers are added up in as many places as the model is wide, each with a sign; places and signs are drawn
once for all (feature hashing, Weinberger et al. 2009, section 2). Inner products, and with them cosines,
are kept but for noise of about one in the root of the width.
"""

from __future__ import annotations

import numpy as np

SEED = 31


def sketched(numbers: np.ndarray, width: int) -> np.ndarray:
    """[P, W] -> [P, width], linear in the numbers."""
    rng = np.random.default_rng([SEED, width])
    places = rng.integers(width, size=numbers.shape[1])
    signs = rng.choice(np.asarray([-1, 1], np.float32), size=numbers.shape[1])
    out = np.zeros((width, len(numbers)), np.float32)
    np.add.at(out, places, (numbers * signs).T)
    return out.T
