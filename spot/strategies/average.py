"""Start from the average of the k nearest values, weighted by similarity (SPoT, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bank.combine import weighted_average
from spot.prompts.prompt import SoftPrompt
from spot.strategies.single import start_prompts
from spot.strategies.start import Situation, Start, Strategy, names_of, scores_of


def _starts(situation: Situation) -> list[Start]:
    hits = situation.hits
    values = start_prompts([hit.id for hit in hits], situation)
    kind = values[0].kind
    mean = {
        name: mean_array([value.arrays[name] for value in values], scores_of(hits))
        for name in values[0].arrays
    }
    return [Start("average", None, names_of(hits), None, SoftPrompt(kind, mean), len(hits))]


def mean_array(arrays: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted average of K arrays of one shape, whatever the shape; see `weighted_average`."""
    flat = np.stack(arrays).reshape(len(arrays), 1, -1)
    return weighted_average(flat, weights).reshape(arrays[0].shape)


AVERAGE = Strategy(
    "average", "from the average of the k nearest, weighted by similarity", _starts, combines=True
)
