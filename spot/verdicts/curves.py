"""Learning curves as numbers: means over seeds, the head start of a transfer, who was ahead early."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """A check of one run: its step, its score and the rows that were scored."""

    step: int
    score: float
    rows: int


Curve = Sequence[Point]
Mean = list[tuple[int, float]]


def mean_curve(curves: Sequence[Curve]) -> Mean:
    """(step, mean score) of several seeds, at every step at which one of them was checked.

    A seed that stopped earlier keeps its last score; before its first check a seed does not count.
    """
    steps = sorted({point.step for curve in curves for point in curve})
    mean: Mean = []
    for step in steps:
        scores = [score for score in (_at(curve, step) for curve in curves) if score is not None]
        mean.append((step, float(np.mean(scores))))
    return mean


def _at(curve: Curve, step: int) -> float | None:
    """The score of the last check up to a step."""
    past = [point.score for point in curve if point.step <= step]
    return past[-1] if past else None


def steps_to_reach(curve: Mean, score: float) -> int | None:
    """The first step at which a mean curve is at this score or above; None if it never is."""
    return next((step for step, value in curve if value >= score), None)


def head_start(transfer: Mean, scratch: Mean) -> str:
    """What the start of a transfer is worth, in a sentence; "" without a check at step 0."""
    if not transfer or not scratch or transfer[0][0] != 0 or scratch[0][0] != 0:
        return ""
    start, below = transfer[0][1], scratch[0][1]
    begins = f"the transferred prompt starts at {start:.1f}"
    if start <= below:
        return f"{begins}, no higher than scratch ({below:.1f})"
    reached = steps_to_reach(scratch, start)
    if reached is None:
        return f"{begins}; scratch does not get there in {scratch[-1][0]} steps"
    return f"{begins}; scratch ({below:.1f}) needs about {reached} steps to get there"


class Lead(NamedTuple):
    """A transfer's lead over scratch at an early check, in points."""

    step: int
    points: float


def early_lead(transfer: Sequence[Curve], scratch: Sequence[Curve]) -> Lead | None:
    """The largest lead at a check in the first half of the steps, of those that can be told.

    Its error is that of the rows of a check, as if both arms had rows of their own, and of the seeds,
    widened to Student's t; Bonferroni's correction is for the number of checks.
    """
    from scipy import stats

    pairs = list(zip(transfer, scratch, strict=True))
    if not pairs or not all(ours and theirs for ours, theirs in pairs):
        return None
    last = max(curve[-1].step for pair in pairs for curve in pair)
    common = set.intersection(
        *({point.step for point in curve} for pair in pairs for curve in pair)
    )
    steps = sorted(step for step in common if step <= last / 2)
    best: Lead | None = None
    for step in steps:
        ours, theirs = (
            [next(point for point in pair[arm] if point.step == step) for pair in pairs]
            for arm in (0, 1)
        )
        gains = np.array([a.score - b.score for a, b in zip(ours, theirs, strict=True)])
        rows = min(point.rows for point in (*ours, *theirs))
        variance = sum(
            share * (1 - share) * 100**2 / max(rows, 1)
            for share in (
                np.clip(np.mean([p.score for p in arm]) / 100, 0, 1) for arm in (ours, theirs)
            )
        )
        tail = 1 - 0.025 / len(steps)
        limit = float(stats.norm.ppf(tail))
        if len(gains) > 1:
            wide = float(stats.t.ppf(tail, len(gains) - 1)) / limit
            variance += wide**2 * float(gains.var(ddof=1)) / len(gains)
        lead = Lead(step, float(gains.mean()))
        told = lead.points > limit * math.sqrt(variance)
        if told and (best is None or lead.points > best.points):
            best = lead
    return best
