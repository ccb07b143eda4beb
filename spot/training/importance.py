"""The importance of a prompt's rows to the loss (XPrompt, Ma et al. 2022, arXiv 2210.04457, section 3.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spot.models.model import Model
from spot.prompts.prompt import SoftPrompt
from spot.tasks.examples import TokenizedSplit
from spot.training.batches import batch_of

BATCH = 32
"""Rows of a split whose gradients are computed at once: each has a copy of the prompt."""


def strongest(importance: np.ndarray, count: int) -> np.ndarray:
    """The places of the highest numbers [count], in order; of equals the first.

    >>> strongest(np.array([0.1, 0.9, 0.5, 0.9]), 2).tolist()
    [1, 3]
    """
    return np.sort(np.argsort(-importance, kind="stable")[:count])


def scale_gradients(
    model: Model, prompt: SoftPrompt, rows: TokenizedSplit, pieces: int = 1
) -> np.ndarray:
    """The importance [P, pieces] of every row of a prompt that is its rows, or of so many equal pieces of
    each: the mean over the split of |dL/dg| at g = 1, of a piece p that is scaled by g. That is |<p, dL/dp>|.

    L is the cross entropy of the target in nats a token. Raises ValueError for pieces of unequal width.
    """
    length, width = prompt.key.shape
    if width % pieces:
        raise ValueError(f"expected a number of pieces that divides {width}, found {pieces}")
    total = np.zeros((length, pieces))
    for begin in range(0, len(rows), BATCH):
        every = range(begin, min(begin + BATCH, len(rows)))
        products = _gradients(model, prompt, rows, every) * np.asarray(prompt.key, np.float64)
        by_piece = products.reshape(len(every), length, pieces, -1).sum(axis=-1)
        total += np.abs(by_piece).sum(axis=0)
    return total / len(rows)


def _gradients(model: Model, prompt: SoftPrompt, rows: TokenizedSplit, every: range) -> np.ndarray:
    """dL/dp [N, P, H] of these N rows of the split."""
    import jax
    import jax.numpy as jnp

    from spot.models.sharding import place_rows
    from spot.prompts.stacked import stack
    from spot.training.step import batch_losses

    batch = batch_of([rows.inputs[row] for row in every], [rows.targets[row] for row in every])
    batch = place_rows(model.network.mesh, batch)
    prompts = stack([prompt] * len(every))  # one a row, so that gradients are not added over rows

    def loss(params: dict[str, Any]) -> jax.Array:
        return jnp.sum(batch_losses(model.network, replace(prompts, params=params), batch))

    (gradient,) = jax.grad(loss)(prompts.params).values()
    return np.asarray(gradient, np.float64)
