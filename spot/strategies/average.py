"""Start from the average of the k nearest values, weighted by similarity (SPoT, section 4.2), as it is or
with the norms of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bank.combine import weighted_average
from spot.errors import SpotError
from spot.prompts.prompt import SoftPrompt
from spot.strategies.single import start_prompts
from spot.strategies.start import Situation, Start, Strategy, names_of, scores_of

Mean = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
"""(K arrays of one shape, weights [K]) -> their mean."""


def _average(situation: Situation) -> list[Start]:
    values = start_prompts([hit.id for hit in situation.hits], situation)
    return [_start("average", values, mean_array, situation)]


def _matched(situation: Situation) -> list[Start]:
    ids = [hit.id for hit in situation.hits]
    values = start_prompts(ids, situation)
    if values[0].named:
        raise SpotError(
            f"average-matched needs prompts that are their rows alone, {ids[0]} is a "
            f"{values[0].kind.name} prompt with other arrays",
            "use average for it",
        )
    return [_start("average-matched", values, matched_mean, situation)]


def _start(strategy: str, values: Sequence[SoftPrompt], mean: Mean, situation: Situation) -> Start:
    hits = situation.hits
    arrays = {
        name: mean([value.arrays[name] for value in values], scores_of(hits))
        for name in values[0].arrays
    }
    prompt = SoftPrompt(values[0].kind, arrays)
    return Start(strategy, None, names_of(hits), None, prompt, len(hits))


def mean_array(arrays: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted average of K arrays of one shape, whatever the shape; see `weighted_average`."""
    flat = np.stack(arrays).reshape(len(arrays), 1, -1)
    return weighted_average(flat, weights).reshape(arrays[0].shape)


def matched_mean(arrays: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted average of K arrays [P, H], every row at the weighted mean norm of the rows that it
    is made of: a mean of two rows of cosine c is shorter than they are, by sqrt((1 + c) / 2).
    """
    mean = mean_array(arrays, weights)
    norms = [np.linalg.norm(array, axis=-1, keepdims=True) for array in (*arrays, mean)]
    wanted, own = mean_array(norms[:-1], weights), norms[-1]
    scale = np.divide(wanted, own, out=np.ones_like(own), where=own > 0)
    return np.asarray(mean * scale)


AVERAGE = Strategy(
    "average",
    "from the average of the k nearest, weighted by similarity",
    _average,
    combines=True,
)
MATCHED = Strategy(
    "average-matched",
    "from that average with the norms of the prompts that it is made of",
    _matched,
    combines=True,
)
