"""The table of losses; the numbers of each are tested with the step that uses it."""

from __future__ import annotations

import numpy as np
import pytest

from spot.errors import SpotError
from spot.training.losses import Z_LOSS, cross_entropy, find_loss


def test_cross_entropy_of_a_row_sums_over_its_real_tokens():
    logits = np.log(np.asarray([[[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2]]]) * 2)
    loss, entropy = cross_entropy(logits, np.asarray([[1, 2, 0]]))
    assert entropy[0] == pytest.approx(-np.log(0.5) - np.log(0.8), rel=1e-5)
    assert loss[0] - entropy[0] == pytest.approx(2 * Z_LOSS * np.log(2) ** 2, rel=1e-2)


def test_an_unknown_loss_offers_the_nearest():
    with pytest.raises(
        SpotError, match='unknown loss "cross-entrpy".*Did you mean "cross-entropy"'
    ):
        find_loss("cross-entrpy")
