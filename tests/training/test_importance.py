"""The importance of a prompt's rows, against slopes that are found in other ways."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spot.models.effect import Effect
from spot.training.batches import batch_of
from spot.training.importance import scale_gradients
from spot.training.step import batch_losses
from tests.analysis.mixed_cases import mixed_case
from tests.analysis.toy_cases import CONFIGS, model_of, prompt_of


@pytest.mark.parametrize("family", CONFIGS)
def test_importance_is_the_slope_of_the_loss_in_the_scale_of_a_row(family, tiny_folder):
    """|dL/dg| = |<dL/dp, p>|, by the chain rule, by the derivative in g, and by finite differences."""
    model = model_of(family, tiny_folder)
    case = mixed_case(model, prompt_of(model))
    split, rows = case.more_rows("validation", 64), np.asarray(case.prompt)
    every = range(len(split))
    batch = batch_of([split.inputs[n] for n in every], [split.targets[n] for n in every])
    batch = tuple(map(jnp.asarray, batch))

    def losses(scale):
        """Of every text [N] behind rows of its own, whose 4 pieces are scaled [N, P, 4]."""
        effect = Effect(before=jnp.repeat(scale, 4, axis=2) * rows, by_row=True)
        return batch_losses(model.network, effect, batch)

    ones = np.ones((len(split), 5, 4), np.float32)
    slopes = np.asarray(jax.grad(lambda scale: losses(scale).sum())(ones))
    found = scale_gradients(model, case.prompt, split)
    assert found.shape == (5, 1)
    np.testing.assert_allclose(
        found[:, 0], np.abs(slopes.sum(axis=2)).mean(axis=0), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        scale_gradients(model, case.prompt, split, 4), np.abs(slopes).mean(0), rtol=1e-6, atol=1e-6
    )
    with pytest.raises(ValueError, match="a number of pieces that divides 16, found 3"):
        scale_gradients(model, case.prompt, split, 3)

    def at(row, scale):
        changed = ones.copy()
        changed[:, row] *= scale
        return np.asarray(losses(changed))

    for row in range(5):
        wide, narrow = ((at(row, 1 + h) - at(row, 1 - h)) / (2 * h) for h in (2e-2, 1e-2))
        by_difference = (4 * narrow - wide) / 3  # Richardson
        assert found[row, 0] == pytest.approx(np.abs(by_difference).mean(), rel=2e-3, abs=1e-4)


def test_importance_in_parts_of_a_split_is_that_of_the_whole(tiny_folder, monkeypatch):
    model = model_of("T5", tiny_folder)
    case = mixed_case(model, prompt_of(model))
    split = case.more_rows("validation", 64)
    whole = scale_gradients(model, case.prompt, split)
    monkeypatch.setattr("spot.training.importance.BATCH", 8)
    np.testing.assert_allclose(scale_gradients(model, case.prompt, split), whole, rtol=1e-5)
