"""Phases of learning: a prompt writes junk first, then label words at chance level, then does the task.

The claim of SPoT (Vu et al. 2022) in these terms: a prompt that starts from a transferred one skips the
first phases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from spot.verdicts.curves import Point, mean_curve

PHASES: dict[str, str] = {
    "junk": "less than half of the answers are label words",
    "labels": "label words, no better than the best constant answer as far as the rows can tell",
    "task": "label words, better than the best constant answer",
}
"""The phases in order, with their meaning."""

VALID = 50.0  # percent of the answers
ERRORS = 1.645  # standard errors above the best constant answer: a one-sided test at 5 %

Steps = list[tuple[int, str]]


class Written(NamedTuple):
    """A check of one run: its step, the percentage of greedy answers that are label words, its score and the
    rows that were scored.
    """

    step: int
    valid: float
    score: float
    rows: int


def phase_of(valid: float, score: float, constant: float, rows: int) -> str:
    """The phase, a key of PHASES, of a check.

    valid: percentage of answers that are label words. constant: the score of the best constant answer to
    the same rows, whose standard error is taken as that of a share of so many rows.

    >>> [phase_of(*check, 50.0, 100) for check in [(10.0, 80.0), (99.0, 58.0), (99.0, 59.0)]]
    ['junk', 'labels', 'task']
    """
    if valid < VALID:
        return "junk"
    share = min(max(constant / 100, 0.0), 1.0)
    error = 100 * math.sqrt(share * (1 - share) / max(rows, 1))
    return "task" if score > constant + ERRORS * error else "labels"


def phase_curve(curves: Sequence[Sequence[Written]], constant: float) -> Steps:
    """(step, phase) of the means over seeds, which were scored on the same rows."""
    valid, score = (
        mean_curve(
            [[Point(at.step, getattr(at, name), at.rows) for at in curve] for curve in curves]
        )
        for name in ("valid", "score")
    )
    rows = min((at.rows for curve in curves for at in curve), default=0)
    return [
        (step, phase_of(share, mean, constant, rows))
        for (step, share), (_, mean) in zip(valid, score, strict=True)
    ]


def left_at(phases: Steps, phase: str) -> int | None:
    """The step of the check from which on all are beyond a phase; None if the last one is not.

    >>> curve = [(0, "junk"), (5, "labels"), (10, "junk"), (20, "labels"), (40, "labels")]
    >>> left_at(curve, "junk"), left_at(curve, "labels")
    (20, None)
    """
    step = None
    for at, name in reversed(phases):
        if _place(name) <= _place(phase):
            break
        step = at
    return step


def skipped_phases(transfer: Steps, scratch: Steps) -> str:
    """What scratch had to learn and the start of a transfer had learned, in a sentence; "" where the start
    skips nothing or a curve has no check at step 0.
    """
    if not transfer or not scratch or transfer[0][0] != 0 or scratch[0][0] != 0:
        return ""
    start, below = transfer[0][1], scratch[0][1]
    skipped = list(PHASES)[_place(below) : _place(start)]
    if not skipped:
        return ""
    learned = [_learned(phase, left_at(scratch, phase), scratch[-1][0]) for phase in skipped]
    how = "both" if len(skipped) > 1 else "so"
    later = "" if left_at(transfer, skipped[-1]) == 0 else ", though not at every later check"
    return f"scratch {' and '.join(learned)}; the transferred start did {how} at step 0{later}"


def _learned(phase: str, step: int | None, last: int) -> str:
    """What leaving a phase means, with its step, behind "scratch"."""
    does, fails = {
        "junk": ("wrote mostly label words", "did not learn to write label words"),
        "labels": ("beat the best constant answer", "did not beat the best constant answer"),
    }[phase]
    return f"{fails} in {last} steps" if step is None else f"{does} from step {step} on"


def _place(phase: str) -> int:
    return list(PHASES).index(phase)
